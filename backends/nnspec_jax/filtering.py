"""Layers that blur or sharpen images at random."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from nnspec.layers.filtering import RandomGaussianBlur, RandomSharpness
from nnspec_jax.activation import clip
from nnspec_jax.augmentation import Draws, augmentation, augmented
from nnspec_jax.realize import build

for _cls in (RandomGaussianBlur, RandomSharpness):
    build.register(_cls, augmentation)


@augmented.register
def gaussian_blur(spec: RandomGaussianBlur, x: jax.Array, draws: Draws) -> jax.Array:
    blurred = x
    for axis, size in enumerate(spec.sizes, 1):
        with jax.enable_x64(True):  # σ may be all but zero
            sigma = draws.uniform(axis, *spec.spread, jnp.float64)
            weights = jnp.exp(-0.5 * jnp.square((np.arange(size) - size // 2) / sigma))  # (batch, 1, 1, size)
            weights = (weights / jnp.sum(weights, -1, keepdims=True)).astype(x.dtype)
        blurred = weighted(blurred, axis, weights)
    return clip(jnp.where(draws.happens(0, spec.probability), blurred, x), *spec.value_range)


def weighted(x: jax.Array, axis: int, weights: jax.Array) -> jax.Array:
    """The sum of each element's neighbors along an axis times weights (batch or 1, 1, 1, size), zeros beyond it."""
    size = weights.shape[-1]
    padded = jnp.pad(x, [(size // 2,) * 2 if i == axis else (0, 0) for i in range(x.ndim)])
    total = jnp.zeros_like(x)
    for i in range(size):
        total = total + weights[..., i : i + 1] * jax.lax.slice_in_dim(padded, i, i + x.shape[axis], axis=axis)
    return total


@augmented.register
def sharpness(spec: RandomSharpness, x: jax.Array, draws: Draws) -> jax.Array:
    lower, upper = spec.bounds
    ones = jnp.ones((1, 1, 1, 3), x.dtype)
    smooth = (weighted(weighted(x, 1, ones), 2, ones) + 4 * x) / 13
    return clip(x + draws.uniform(0, 1 - 2 * lower, 1 - 2 * upper, x.dtype) * (smooth - x), *spec.value_range)
