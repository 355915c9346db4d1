"""Layers that make of each value of an image another one."""

from __future__ import annotations

from typing import Any

from nnspec.layers.color import from_zero
from nnspec.layers.tones import RandomInvert, RandomPosterization, Solarization
from nnspec_tensorflow.activation import clamp, constant
from nnspec_tensorflow.augmentation import Draws, augmentation, augmented
from nnspec_tensorflow.realize import build
from nnspec_tensorflow.startup import tf

Tensor = Any

for _cls in (RandomInvert, RandomPosterization, Solarization):
    build.register(_cls, augmentation)


@augmented.register
def invert(spec: RandomInvert, x: Tensor, draws: Draws) -> Tensor:
    return tf.where(draws.happens(0, spec.probability), constant(sum(spec.value_range), x) - x, x)


@augmented.register
def solarization(spec: Solarization, x: Tensor, draws: Draws) -> Tensor:
    low, high = spec.value_range
    addition, threshold = (
        draws.uniform(i, lower * spec.extent, upper * spec.extent, x.dtype)
        for i, (lower, upper) in enumerate(map(from_zero, (spec.addition_factor, spec.threshold_factor)))
    )
    z = clamp(x + addition, low, high)
    return tf.where(z < constant(low, x) + threshold, z, constant(low + high, x) - z)


@augmented.register
def posterization(spec: RandomPosterization, x: Tensor, draws: Draws) -> Tensor:
    (low, high), (fewest, most) = spec.value_range, spec.ends
    dropped = 8 - fewest - draws.whole(0, most - fewest + 1)
    width = tf.cast(tf.bitwise.left_shift(tf.ones_like(dropped), dropped), x.dtype)
    z = (clamp(x, low, high) - constant(low, x)) * constant(255 / spec.extent, x)
    kept = tf.stop_gradient(tf.floor(z / width)) * width
    return constant(low, x) + kept * constant(spec.extent, x) / constant(255, x)
