"""Layers that change how densely axes are sampled."""

from __future__ import annotations

from nnspec.layers.resampling import Upsample
from nnspec.reference.base import Array, Scope, apply


@apply.register(Upsample)
def upsample(spec: Upsample, scope: Scope, x: Array) -> Array:
    for axis, factor in enumerate(spec.factors, 1):
        x = x.repeat(factor, axis)
    return x
