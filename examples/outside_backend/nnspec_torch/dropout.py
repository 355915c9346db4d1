"""Layers that drop at random in training."""

from __future__ import annotations

import torch
from torch import Tensor

from nnspec.layers.dropout import Dropout
from nnspec_torch.realize import Scope, apply


@apply.register(Dropout)
def dropout(spec: Dropout, scope: Scope, x: Tensor) -> Tensor:
    if not scope.run.training or spec.rate == 0:
        return x
    return torch.where(scope.keep_mask(spec.rate, x), x / (1 - spec.rate), 0)
