"""Layers that make of each value of an image another one."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from nnspec.layers.color import from_zero
from nnspec.layers.tones import RandomInvert, RandomPosterization, Solarization
from nnspec_jax.activation import clip
from nnspec_jax.augmentation import Draws, augmentation, augmented
from nnspec_jax.realize import build

for _cls in (RandomInvert, RandomPosterization, Solarization):
    build.register(_cls, augmentation)


@augmented.register
def invert(spec: RandomInvert, x: jax.Array, draws: Draws) -> jax.Array:
    return jnp.where(draws.happens(0, spec.probability), sum(spec.value_range) - x, x)


@augmented.register
def solarization(spec: Solarization, x: jax.Array, draws: Draws) -> jax.Array:
    low, high = spec.value_range
    addition, threshold = (
        draws.uniform(i, lower * spec.extent, upper * spec.extent, x.dtype)
        for i, (lower, upper) in enumerate(map(from_zero, (spec.addition_factor, spec.threshold_factor)))
    )
    z = clip(x + addition, low, high)
    return jnp.where(z < low + threshold, z, (low + high) - z)


@augmented.register
def posterization(spec: RandomPosterization, x: jax.Array, draws: Draws) -> jax.Array:
    (low, high), (fewest, most) = spec.value_range, spec.ends
    width = jnp.left_shift(1, 8 - fewest - draws.whole(0, most - fewest + 1)).astype(x.dtype)
    z = (clip(x, low, high) - low) * (255 / spec.extent)
    return low + jnp.floor(z / width) * width * spec.extent / 255
