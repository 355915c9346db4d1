"""Layers that make of each value of an image another one."""

from __future__ import annotations

import numpy as np

from nnspec.layers.color import from_zero
from nnspec.layers.tones import RandomInvert, RandomPosterization, Solarization
from nnspec.reference.augmentation import Draws
from nnspec.reference.base import Array, Scope, apply
from nnspec.reference.color import clipped


@apply.register(RandomInvert)
def invert(spec: RandomInvert, scope: Scope, x: Array) -> Array:
    if not scope.training:
        return x
    return np.where(Draws(spec, scope, len(x)).happens(0, spec.probability), sum(spec.value_range) - x, x)


@apply.register(Solarization)
def solarization(spec: Solarization, scope: Scope, x: Array) -> Array:
    if not scope.training:
        return x
    low, high = spec.value_range
    draws = Draws(spec, scope, len(x))
    addition, threshold = (
        (draws.uniform(i, *from_zero(ends)) * spec.extent).astype(x.dtype)
        for i, ends in enumerate((spec.addition_factor, spec.threshold_factor))
    )
    z = clipped(x + addition, spec.value_range)
    return np.where(z < low + threshold, z, (low + high) - z)


@apply.register(RandomPosterization)
def posterization(spec: RandomPosterization, scope: Scope, x: Array) -> Array:
    if not scope.training:
        return x
    low, (fewest, most) = spec.value_range[0], spec.ends
    dropped = 8 - fewest - Draws(spec, scope, len(x)).whole(0, most - fewest + 1)
    width = (2.0**dropped).astype(x.dtype)
    z = (clipped(x, spec.value_range) - low) * (255 / spec.extent)  # exact for images from 0 to 255
    y: Array = low + np.floor(z / width) * width * spec.extent / 255
    return y
