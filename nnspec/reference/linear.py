"""Linear layers."""

from __future__ import annotations

from nnspec.layers.linear import Dense
from nnspec.reference.base import Array, Scope, apply


@apply.register(Dense)
def dense(spec: Dense, scope: Scope, x: Array) -> Array:
    y = x @ scope["kernel"]
    if spec.use_bias:
        y = y + scope["bias"]
    return y if spec.activation is None else apply(spec.activation, scope, y)
