"""Layers that change the colors of images at random.

``tf.image`` and Keras compute hue and saturation by way of quotients, whose gradients are undefined for gray.
"""

from __future__ import annotations

from typing import Any

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
from nnspec_tensorflow.activation import clamp, constant
from nnspec_tensorflow.augmentation import Draws, augmentation, augmented
from nnspec_tensorflow.pooling import first_maximum
from nnspec_tensorflow.realize import build
from nnspec_tensorflow.startup import tf

Tensor = Any

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
def brightness(spec: RandomBrightness, x: Tensor, draws: Draws) -> Tensor:
    lower, upper = spec.bounds
    return clamp(x + draws.uniform(0, lower * spec.extent, upper * spec.extent, x.dtype), *spec.value_range)


@augmented.register
def contrast(spec: RandomContrast, x: Tensor, draws: Draws) -> Tensor:
    mean = tf.reduce_mean(x, (1, 2), keepdims=True)
    return clamp((x - mean) * draws.uniform(0, *spec.bounds, x.dtype) + mean, *spec.value_range)


def _ends(x: Tensor) -> tuple[Tensor, Tensor]:
    """The smallest and the largest channel of each pixel, of equal ones the first."""
    return -first_maximum(-x)[..., None], first_maximum(x)[..., None]


@augmented.register
def saturation(spec: RandomSaturation, x: Tensor, draws: Draws) -> Tensor:
    f = draws.uniform(0, *spec.bounds, tf.float64)  # where 1 − f may be all but zero
    m = tf.cast(tf.maximum(f / (1 - f + constant(EPSILON, f)), constant(0, f)), x.dtype)
    smallest, value = _ends(x)
    above, chroma = value - constant(spec.value_range[0], x), value - smallest
    most = constant(spec.max_saturation, x) * above
    within = m * chroma < most
    divisor = tf.where(within | (chroma <= 0), tf.ones_like(chroma), chroma)
    ratio = tf.where(within, m, most / divisor)  # s′/s
    return value - (value - x) * tf.where(above > 0, ratio, tf.zeros_like(ratio))


@augmented.register
def hue(spec: RandomHue, x: Tensor, draws: Draws) -> Tensor:
    lower, upper = spec.bounds
    turn = draws.uniform(1, 3 * lower, 3 * upper, x.dtype)  # in sixths of the circle
    turn = tf.where(draws.happens(0, 0.5), turn, -turn)
    r, g, b = tf.split(x, 3, -1)
    smallest, value = _ends(x)
    c = value - smallest
    h = tf.where(r == value, g - b, tf.where(g == value, b - r + 2 * c, r - g + 4 * c))  # 6hc
    h = h + turn * c
    h = tf.where(h < 0, h + 6 * c, tf.where(h > 6 * c, h - 6 * c, h))
    k = tf.concat([tf.abs(h - 3 * c) - c, 2 * c - tf.abs(h - 2 * c), 2 * c - tf.abs(h - 4 * c)], -1)
    k = tf.where(k <= 0, tf.zeros_like(k), tf.where(k >= c, c, k))
    return clamp(smallest + k, *spec.value_range)


def gray(x: Tensor) -> Tensor:
    """The gray of red, green and blue, as one channel."""
    r, g, b = (constant(weight, x) * channel for weight, channel in zip(LUMA, tf.split(x, 3, -1), strict=True))
    return r + g + b


@augmented.register
def grayscale(spec: RandomGrayscale, x: Tensor, draws: Draws) -> Tensor:
    return tf.where(draws.happens(0, spec.probability), gray(x), x)


@augmented.register
def degeneration(spec: RandomColorDegeneration, x: Tensor, draws: Draws) -> Tensor:
    return clamp(x + draws.uniform(0, *spec.bounds, x.dtype) * (gray(x) - x), *spec.value_range)


@augmented.register
def jitter(spec: RandomColorJitter, x: Tensor, draws: Draws) -> Tensor:
    for step in spec.steps():
        x, draws = augmented(step, x, draws), draws.after(step.draws())
    return x
