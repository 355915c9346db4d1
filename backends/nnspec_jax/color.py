"""Layers that change the colors of images at random."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from nnspec.layers.color import (
    EPSILON,
    LUMA,
    RandomBrightness,
    RandomColorDegeneration,
    RandomColorJitter,
    RandomContrast,
    RandomGrayscale,
    RandomHue,
    RandomSaturation,
)
from nnspec_jax.activation import clip, magnitude
from nnspec_jax.augmentation import Draws, augmentation, augmented
from nnspec_jax.pooling import first_maximum
from nnspec_jax.realize import build

for _cls in (
    RandomBrightness,
    RandomColorDegeneration,
    RandomColorJitter,
    RandomContrast,
    RandomGrayscale,
    RandomHue,
    RandomSaturation,
):
    build.register(_cls, augmentation)


@augmented.register
def brightness(spec: RandomBrightness, x: jax.Array, draws: Draws) -> jax.Array:
    lower, upper = spec.bounds
    return clip(x + draws.uniform(0, lower * spec.extent, upper * spec.extent, x.dtype), *spec.value_range)


@augmented.register
def contrast(spec: RandomContrast, x: jax.Array, draws: Draws) -> jax.Array:
    mean = jnp.mean(x, (1, 2), keepdims=True)
    return clip((x - mean) * draws.uniform(0, *spec.bounds, x.dtype) + mean, *spec.value_range)


def _ends(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The smallest and the largest channel of each pixel, of equal ones the first."""
    return -first_maximum(-x, 3)[..., None], first_maximum(x, 3)[..., None]


@augmented.register
def saturation(spec: RandomSaturation, x: jax.Array, draws: Draws) -> jax.Array:
    with jax.enable_x64(True):  # 1 − f may be all but zero
        f = draws.uniform(0, *spec.bounds, jnp.float64)
        m = jnp.maximum(f / (1 - f + EPSILON), 0).astype(x.dtype)
    smallest, value = _ends(x)
    above, chroma = value - spec.value_range[0], value - smallest
    most = spec.max_saturation * above
    within = m * chroma < most
    ratio = jnp.where(within, m, most / jnp.where(within | (chroma <= 0), 1, chroma))  # s′/s
    return value - (value - x) * jnp.where(above > 0, ratio, 0)


@augmented.register
def hue(spec: RandomHue, x: jax.Array, draws: Draws) -> jax.Array:
    lower, upper = spec.bounds
    turn = draws.uniform(1, 3 * lower, 3 * upper, x.dtype)  # in sixths of the circle
    turn = jnp.where(draws.happens(0, 0.5), turn, -turn)
    r, g, b = jnp.split(x, 3, -1)
    smallest, value = _ends(x)
    c = value - smallest
    h = jnp.where(r == value, g - b, jnp.where(g == value, b - r + 2 * c, r - g + 4 * c))  # 6hc
    h = h + turn * c
    h = jnp.where(h < 0, h + 6 * c, jnp.where(h > 6 * c, h - 6 * c, h))
    k = [magnitude(h - 3 * c) - c, 2 * c - magnitude(h - 2 * c), 2 * c - magnitude(h - 4 * c)]
    return clip(smallest + clip(jnp.concatenate(k, -1), 0, c), *spec.value_range)


def gray(x: jax.Array) -> jax.Array:
    """The gray of red, green and blue, as one channel."""
    r, g, b = jnp.split(x, 3, -1)
    return LUMA[0] * r + LUMA[1] * g + LUMA[2] * b


@augmented.register
def grayscale(spec: RandomGrayscale, x: jax.Array, draws: Draws) -> jax.Array:
    return jnp.where(draws.happens(0, spec.probability), gray(x), x)


@augmented.register
def degeneration(spec: RandomColorDegeneration, x: jax.Array, draws: Draws) -> jax.Array:
    return clip(x + draws.uniform(0, *spec.bounds, x.dtype) * (gray(x) - x), *spec.value_range)


@augmented.register
def jitter(spec: RandomColorJitter, x: jax.Array, draws: Draws) -> jax.Array:
    for step in spec.steps():
        x, draws = augmented(step, x, draws), draws.after(step.draws())
    return x
