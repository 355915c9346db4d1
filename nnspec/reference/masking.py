"""Masks of positions."""

from __future__ import annotations

import numpy as np

from nnspec.layers.masking import PaddingMask
from nnspec.reference.base import Array, Scope, apply, rounded


@apply.register(PaddingMask)
def padding_mask(spec: PaddingMask, scope: Scope, x: Array) -> Array:
    if np.issubdtype(x.dtype, np.integer):
        differs = np.ones(x.shape, np.bool_) if spec.whole is None else x != spec.whole
    else:
        differs = x != rounded(spec.value, scope.state.dtype).astype(x.dtype)
    return np.asarray(differs if spec.axis is None else differs.any(spec.axis))
