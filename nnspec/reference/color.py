"""Layers that change the colors of images at random."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

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
from nnspec.reference.augmentation import Draws
from nnspec.reference.base import Array, Scope, apply, missing


@apply.register(RandomBrightness)
@apply.register(RandomColorDegeneration)
@apply.register(RandomColorJitter)
@apply.register(RandomContrast)
@apply.register(RandomGrayscale)
@apply.register(RandomHue)
@apply.register(RandomSaturation)
def color(spec: Any, scope: Scope, x: Array) -> Array:
    return changed(spec, x, Draws(spec, scope, len(x))) if scope.training else x


@singledispatch
def changed(spec: Any, x: Array, draws: Draws) -> Array:
    """What a layer makes of images by these numbers."""
    raise missing(spec)


def clipped(x: Array, value_range: tuple[float, float]) -> Array:
    """Values between the lowest and the highest one."""
    y: Array = np.clip(x, *value_range)
    return y


@changed.register
def _brightness(spec: RandomBrightness, x: Array, draws: Draws) -> Array:
    return clipped(x + (draws.uniform(0, *spec.bounds) * spec.extent).astype(x.dtype), spec.value_range)


@changed.register
def _contrast(spec: RandomContrast, x: Array, draws: Draws) -> Array:
    mean = x.mean((1, 2), keepdims=True)
    return clipped((x - mean) * draws.uniform(0, *spec.bounds).astype(x.dtype) + mean, spec.value_range)


@changed.register
def _saturation(spec: RandomSaturation, x: Array, draws: Draws) -> Array:
    f = draws.uniform(0, *spec.bounds)
    m = np.maximum(f / (1 - f + EPSILON), 0).astype(x.dtype)
    value = x.max(-1, keepdims=True)
    above, chroma = value - spec.value_range[0], value - x.min(-1, keepdims=True)
    most = spec.max_saturation * above
    with np.errstate(all="ignore"):
        ratio = np.where(above > 0, np.where(m * chroma < most, m, most / chroma), 0)  # s′/s
    y: Array = value - (value - x) * ratio
    return y


@changed.register
def _hue(spec: RandomHue, x: Array, draws: Draws) -> Array:
    sign = np.where(draws.happens(0, 0.5), 1.0, -1.0)
    turn = (3 * sign * draws.uniform(1, *spec.bounds)).astype(x.dtype)  # in sixths of the circle
    r, g, b = np.split(x, 3, -1)
    smallest, value = x.min(-1, keepdims=True), x.max(-1, keepdims=True)
    c = value - smallest
    hue = np.where(r == value, g - b, np.where(g == value, b - r + 2 * c, r - g + 4 * c))  # 6hc
    hue = hue + turn * c
    hue = np.where(hue < 0, hue + 6 * c, np.where(hue > 6 * c, hue - 6 * c, hue))
    k = np.concatenate([np.abs(hue - 3 * c) - c, 2 * c - np.abs(hue - 2 * c), 2 * c - np.abs(hue - 4 * c)], -1)
    return clipped(smallest + np.clip(k, 0, c), spec.value_range)


def gray(x: Array) -> Array:
    """The gray of red, green and blue, as one channel."""
    r, g, b = np.split(x, 3, -1)
    return LUMA[0] * r + LUMA[1] * g + LUMA[2] * b


@changed.register
def _grayscale(spec: RandomGrayscale, x: Array, draws: Draws) -> Array:
    return np.where(draws.happens(0, spec.probability), gray(x), x)


@changed.register
def _degeneration(spec: RandomColorDegeneration, x: Array, draws: Draws) -> Array:
    f = draws.uniform(0, *spec.bounds).astype(x.dtype)
    return clipped(x + f * (gray(x) - x), spec.value_range)


@changed.register
def _jitter(spec: RandomColorJitter, x: Array, draws: Draws) -> Array:
    for step in spec.steps():
        x, draws = changed(step, x, draws), draws.after(step.draws())
    return x
