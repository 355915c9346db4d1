"""Running sums, products and extremes along an axis.

Products and extremes are made in as many steps as the size of the axis has bits, each of which joins what is so many
places apart: TensorFlow's own running product divides by the factors on its way back, which zeros spoil.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from nnspec import cumulative as specs
from nnspec.layers.base import Operation
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.pooling import earlier_maximum
from nnspec_tensorflow.realize import Context, build, traced_sizes
from nnspec_tensorflow.startup import keras, tf
from nnspec_tensorflow.stateless import SpecFunction, along, formula

Tensor = Any


@build.register(specs.CumulativeMax)
@build.register(specs.CumulativeMin)
@build.register(specs.CumulativeProd)
@build.register(specs.CumulativeSum)
def operation(spec: Operation, context: Context) -> keras.layers.Layer:
    return SpecFunction(spec, **context.options)


@formula.register
def cumulative_sum(spec: specs.CumulativeSum, x: Tensor) -> Tensor:
    return tf.cumsum(x, spec.axis, spec.exclusive, spec.reverse)


def _running(spec: specs._Cumulative, x: Tensor, join: Callable[[Tensor, Tensor], Tensor], start: float) -> Tensor:
    """The running result of joining an earlier and a later part."""
    axis = spec.place(x.shape)
    (size,) = traced_sizes(spec, x, [axis])
    x = tf.reverse(x, [axis]) if spec.reverse else x
    if spec.exclusive:
        first = tf.fill(tf.shape(along(x, axis, 0, 1)), constant(start, x))
        x = tf.concat([first, along(x, axis, 0, size - 1)], axis)
    apart = 1
    while apart < size:
        joined = join(along(x, axis, 0, size - apart), along(x, axis, apart, size))
        x = tf.concat([along(x, axis, 0, apart), joined], axis)
        apart *= 2
    return tf.reverse(x, [axis]) if spec.reverse else x


@formula.register
def cumulative_prod(spec: specs.CumulativeProd, x: Tensor) -> Tensor:
    return _running(spec, x, operator.mul, 1.0)


@formula.register
def cumulative_max(spec: specs.CumulativeMax, x: Tensor) -> Tensor:
    return _running(spec, x, earlier_maximum, float("-inf"))


@formula.register
def cumulative_min(spec: specs.CumulativeMin, x: Tensor) -> Tensor:
    return -_running(spec, -x, earlier_maximum, float("-inf"))
