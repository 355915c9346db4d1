"""Losses of margins."""

from __future__ import annotations

from nnspec.losses import margin as specs
from nnspec_tensorflow.activation import constant, onto_simplex
from nnspec_tensorflow.losses.base import Tensor, distribution, elementwise, loss
from nnspec_tensorflow.startup import tf


def positive(x: Tensor) -> Tensor:
    """max(0, x) with derivative 0 at 0."""
    return tf.where(x <= 0, tf.zeros_like(x), x)


def _lacking(spec: specs.Hinge | specs.SquaredHinge, x: Tensor, targets: Tensor) -> Tensor:
    """max(0, margin − y·x)."""
    y = elementwise(x, targets)
    return positive(constant(spec.margin, x) - (2 * y - 1 if spec.binary_targets else y) * x)


@loss.register
def _hinge(spec: specs.Hinge, x: Tensor, targets: Tensor) -> Tensor:
    return _lacking(spec, x, targets)


@loss.register
def _squared_hinge(spec: specs.SquaredHinge, x: Tensor, targets: Tensor) -> Tensor:
    return tf.square(_lacking(spec, x, targets))


def largest(x: Tensor) -> Tensor:
    """The largest along the last axis, of which the first of several has the derivative (``reduce_max`` shares it)."""
    first = tf.one_hot(tf.argmax(x, axis=-1), x.shape[-1], on_value=True, off_value=False)
    return tf.reduce_sum(tf.where(first, x, tf.zeros_like(x)), axis=-1)


@loss.register
def _categorical_hinge(spec: specs.CategoricalHinge, x: Tensor, targets: Tensor) -> Tensor:
    y, margin = distribution(x, targets), constant(spec.margin, x)
    rival = largest(x + margin * (1 - y)) if spec.rival == "class" else margin + largest((1 - y) * x)
    return positive(rival - tf.reduce_sum(y * x, axis=-1))


@loss.register
def _sparsemax_loss(spec: specs.SparsemaxLoss, x: Tensor, targets: Tensor) -> Tensor:
    # The gradient is p − y: p is where its terms are largest, hence as good as constant.
    y, p = distribution(x, targets), tf.stop_gradient(onto_simplex(x, -1))
    largest = tf.stop_gradient(tf.reduce_max(x, axis=-1, keepdims=True))
    linear = tf.reduce_sum((p - y) * (x - largest), axis=-1) + (1 - tf.reduce_sum(y, axis=-1)) * largest[..., 0]
    return linear + (tf.reduce_sum(y * y, axis=-1) - tf.reduce_sum(p * p, axis=-1)) / 2


@loss.register
def _binary_sparsemax_loss(spec: specs.BinarySparsemaxLoss, x: Tensor, targets: Tensor) -> Tensor:
    y, low, high, zero = elementwise(x, targets), x <= -1, x >= 1, tf.zeros_like(x)
    p = tf.where(low, zero, tf.where(high, tf.ones_like(x), (x + 1) / 2))
    return tf.square(p - y) + y * tf.where(low, -1 - x, zero) + (1 - y) * tf.where(high, x - 1, zero)
