"""Losses of numbers."""

from __future__ import annotations

from nnspec.losses import regression as specs
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.losses.base import Tensor, elementwise, loss
from nnspec_tensorflow.startup import tf


@loss.register
def _mean_squared_error(spec: specs.MeanSquaredError, x: Tensor, targets: Tensor) -> Tensor:
    return tf.square(x - elementwise(x, targets))


@loss.register
def _mean_absolute_error(spec: specs.MeanAbsoluteError, x: Tensor, targets: Tensor) -> Tensor:
    return tf.abs(x - elementwise(x, targets))


@loss.register
def _huber(spec: specs.Huber, x: Tensor, targets: Tensor) -> Tensor:
    e, delta = x - elementwise(x, targets), constant(spec.delta, x)
    inside = tf.abs(e) <= delta
    quadratic = tf.square(tf.where(inside, e, delta)) / 2
    return tf.where(inside, quadratic, delta * (tf.abs(e) - delta / 2))
