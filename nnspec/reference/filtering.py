"""Layers that blur or sharpen images at random."""

from __future__ import annotations

import numpy as np

from nnspec.layers.filtering import RandomGaussianBlur, RandomSharpness
from nnspec.reference.augmentation import Draws
from nnspec.reference.base import Array, Scope, apply
from nnspec.reference.color import clipped


@apply.register(RandomGaussianBlur)
def gaussian_blur(spec: RandomGaussianBlur, scope: Scope, x: Array) -> Array:
    if not scope.training:
        return x
    draws, blurred = Draws(spec, scope, len(x)), x
    for axis, size in enumerate(spec.sizes, 1):
        p = np.arange(size) - size // 2
        weights = np.exp(-0.5 * (p / draws.uniform(axis, *spec.spread)) ** 2)  # (batch, 1, 1, size)
        blurred = weighted(blurred, axis, (weights / weights.sum(-1, keepdims=True)).astype(x.dtype))
    return clipped(np.where(draws.happens(0, spec.probability), blurred, x), spec.value_range)


def weighted(x: Array, axis: int, weights: Array) -> Array:
    """The sum of each element's neighbors along an axis times weights (batch or 1, 1, 1, size), zeros beyond it."""
    size = weights.shape[-1]
    padded = np.pad(x, [(size // 2,) * 2 if i == axis else (0, 0) for i in range(x.ndim)])
    shifted = [padded.take(range(i, i + x.shape[axis]), axis) for i in range(size)]
    total = np.zeros_like(x)
    for i, part in enumerate(shifted):
        total = total + weights[..., i : i + 1] * part
    return total


@apply.register(RandomSharpness)
def sharpness(spec: RandomSharpness, scope: Scope, x: Array) -> Array:
    if not scope.training:
        return x
    f = Draws(spec, scope, len(x)).uniform(0, *spec.bounds)
    ones = np.ones((1, 1, 1, 3), x.dtype)
    smooth = (weighted(weighted(x, 1, ones), 2, ones) + 4 * x) / 13
    return clipped(x + (1 - 2 * f).astype(x.dtype) * (smooth - x), spec.value_range)
