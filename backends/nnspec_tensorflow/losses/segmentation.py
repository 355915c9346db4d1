"""Losses of segmentations."""

from __future__ import annotations

from collections.abc import Sequence

from nnspec.losses import segmentation as specs
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.losses.base import Tensor, elementwise, factors, loss
from nnspec_tensorflow.startup import tf

Weights = Tensor | None


def _found(x: Tensor, from_probabilities: bool, multiclass: bool) -> Tensor:
    """Probabilities."""
    if from_probabilities:
        return x
    return tf.nn.softmax(x, axis=-1) if multiclass else tf.sigmoid(x)


def _added(values: Tensor, axes: Sequence[int]) -> Tensor:
    """Sums made in float64, as those of all losses."""
    return tf.cast(tf.reduce_sum(tf.cast(values, tf.float64), axis=list(axes)), values.dtype)


def _sum(spec: specs.Dice | specs.Tversky, values: Tensor, weights: Weights) -> Tensor:
    """The sum over each example or the whole batch, or over each of its classes."""
    spec.positions(tuple(values.shape))
    first = 1
    if spec.over_batch:
        values, first = factors(spec, weights, values) * values, 0
    return _added(values, range(first, values.shape.rank - int(spec.per_class)))


def _of_each(spec: specs.Dice | specs.Tversky, value: Tensor, x: Tensor) -> Tensor:
    """The value of each example: that of the batch where there is one of the batch."""
    return tf.broadcast_to(value, tf.concat([tf.shape(x)[:1], tf.shape(value)], 0)) if spec.over_batch else value


@loss.register
def _dice(spec: specs.Dice, x: Tensor, targets: Tensor, weights: Weights = None) -> Tensor:
    y, p = elementwise(x, targets), _found(x, spec.from_probabilities, spec.multiclass)
    common, found, there = (_sum(spec, part, weights) for part in (p * y, p, y))
    common = 2 * common + constant(spec.smooth if spec.smooth_numerator else 0.0, x)
    return _of_each(spec, 1 - common / (found + there + constant(spec.smooth, x)), x)


@loss.register
def _tversky(spec: specs.Tversky, x: Tensor, targets: Tensor, weights: Weights = None) -> Tensor:
    y, p = elementwise(x, targets), _found(x, spec.from_probabilities, spec.multiclass)
    common, wrong, missed = (_sum(spec, part, weights) for part in (p * y, p * (1 - y), (1 - p) * y))
    whole = common + constant(spec.alpha, x) * wrong + constant(spec.beta, x) * missed + constant(spec.smooth, x)
    return _of_each(spec, 1 - (common + constant(spec.smooth if spec.smooth_numerator else 0.0, x)) / whole, x)


@loss.register
def _generalized_dice(spec: specs.GeneralizedDice, x: Tensor, targets: Tensor, weights: Weights = None) -> Tensor:
    spec.positions(tuple(x.shape))
    w, y, p = factors(spec, weights, x), elementwise(x, targets), _found(x, spec.from_probabilities, True)
    inner, smooth = range(1, x.shape.rank - 1), constant(spec.smooth, x)
    shares = 1 / (tf.square(_added(w * y, (0, *inner))) + constant(spec.epsilon, x))
    classes = 1 - (2 * _added(p * y, inner) + smooth) / (_added(p, inner) + _added(y, inner) + smooth)
    return tf.reduce_sum(shares / tf.reduce_sum(shares) * classes, axis=-1)
