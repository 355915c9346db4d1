"""Layers that blur or sharpen images at random.

A kernel of each example's own is no convolution of TensorFlow's: the images are shifted, multiplied and added up.
"""

from __future__ import annotations

from typing import Any

from nnspec.layers.filtering import RandomGaussianBlur, RandomSharpness
from nnspec_tensorflow.activation import clamp, constant
from nnspec_tensorflow.augmentation import Draws, augmentation, augmented
from nnspec_tensorflow.realize import build, sizes
from nnspec_tensorflow.startup import tf

Tensor = Any

for _cls in (RandomGaussianBlur, RandomSharpness):
    build.register(_cls, augmentation)


@augmented.register
def gaussian_blur(spec: RandomGaussianBlur, x: Tensor, draws: Draws) -> Tensor:
    blurred = x
    for axis, size in enumerate(spec.sizes, 1):
        sigma = draws.uniform(axis, *spec.spread, tf.float64)  # since it may be all but zero
        p = tf.range(-(size // 2), size // 2 + 1)
        weights = tf.exp(constant(-0.5, sigma) * tf.square(tf.cast(p, sigma.dtype) / sigma))  # (batch, 1, 1, size)
        weights = weights / tf.reduce_sum(weights, -1, keepdims=True)
        blurred = weighted(blurred, axis, tf.cast(weights, x.dtype), size)
    return clamp(tf.where(draws.happens(0, spec.probability), blurred, x), *spec.value_range)


def weighted(x: Tensor, axis: int, weights: Tensor, size: int) -> Tensor:
    """The sum of each element's neighbors along an axis times weights (batch or 1, 1, 1, size), zeros beyond it."""
    padded = tf.pad(x, [(size // 2,) * 2 if i == axis else (0, 0) for i in range(4)])
    length, total = sizes(x)[axis], tf.zeros_like(x)
    for i in range(size):
        shifted = padded[(slice(None),) * axis + (slice(i, i + length),)]
        total = total + weights[..., i : i + 1] * shifted
    return total


@augmented.register
def sharpness(spec: RandomSharpness, x: Tensor, draws: Draws) -> Tensor:
    lower, upper = spec.bounds
    ones = tf.ones((1, 1, 1, 3), x.dtype)
    smooth = (weighted(weighted(x, 1, ones, 3), 2, ones, 3) + 4 * x) / 13
    return clamp(x + draws.uniform(0, 1 - 2 * lower, 1 - 2 * upper, x.dtype) * (smooth - x), *spec.value_range)
