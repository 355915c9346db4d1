"""Padding and cropping."""

from __future__ import annotations

import numpy as np

from nnspec.layers.padding import Crop, Pad
from nnspec.reference.base import Array, Scope, apply


@apply.register(Pad)
def pad(spec: Pad, scope: Scope, x: Array) -> Array:
    around = ((0, 0), *spec.padding, (0, 0))
    if spec.mode == "constant":
        return np.pad(x, around, constant_values=spec.value)
    return np.pad(x, around, mode=spec.mode)


@apply.register(Crop)
def crop(spec: Crop, scope: Scope, x: Array) -> Array:
    ends = zip(x.shape[1:-1], spec.cropping, strict=True)
    return x[(slice(None), *(slice(before, size - after) for size, (before, after) in ends))]
