"""Losses of margins."""

from __future__ import annotations

from nnspec.losses import margin as specs
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.losses.base import Tensor, distribution, elementwise, loss
from nnspec_tensorflow.startup import tf


def _positive(x: Tensor) -> Tensor:
    """max(0, x) with derivative 0 at 0."""
    return tf.where(x <= 0, tf.zeros_like(x), x)


def _lacking(spec: specs.Hinge | specs.SquaredHinge, x: Tensor, targets: Tensor) -> Tensor:
    """max(0, margin − y·x)."""
    y = elementwise(x, targets)
    return _positive(constant(spec.margin, x) - (2 * y - 1 if spec.binary_targets else y) * x)


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
    return _positive(rival - tf.reduce_sum(y * x, axis=-1))
