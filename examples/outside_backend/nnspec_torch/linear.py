"""Linear layers."""

from __future__ import annotations

from torch import Tensor

from nnspec.layers.linear import Dense
from nnspec_torch.realize import Scope, apply


@apply.register(Dense)
def dense(spec: Dense, scope: Scope, x: Tensor) -> Tensor:
    y = x @ scope["kernel"]
    if spec.use_bias:
        y = y + scope["bias"]
    return y if spec.activation is None else apply(spec.activation, scope, y)
