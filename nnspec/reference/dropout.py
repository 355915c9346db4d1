"""Layers that drop at random in training."""

from __future__ import annotations

import numpy as np

from nnspec.layers.dropout import Dropout
from nnspec.reference.base import Array, Scope, apply


@apply.register(Dropout)
def dropout(spec: Dropout, scope: Scope, x: Array) -> Array:
    if not scope.training or spec.rate == 0:
        return x
    return np.where(scope.keep_mask(spec.rate, x.shape), x / (1 - spec.rate), 0)
