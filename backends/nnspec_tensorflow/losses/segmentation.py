"""Losses of segmentations."""

from __future__ import annotations

from nnspec.losses import segmentation as specs
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.losses.base import Tensor, elementwise, loss
from nnspec_tensorflow.startup import tf


def _found(spec: specs.Dice | specs.Tversky, x: Tensor) -> Tensor:
    """Probabilities."""
    if spec.from_probabilities:
        return x
    return tf.nn.softmax(x, axis=-1) if spec.multiclass else tf.sigmoid(x)


def _sum(spec: specs.Dice | specs.Tversky, values: Tensor) -> Tensor:
    """The sum over each example, or over each of its classes, made in float64 as those of all losses."""
    spec.positions(tuple(values.shape))
    axes = list(range(1, values.shape.rank - int(spec.per_class)))
    return tf.cast(tf.reduce_sum(tf.cast(values, tf.float64), axis=axes), values.dtype)


@loss.register
def _dice(spec: specs.Dice, x: Tensor, targets: Tensor) -> Tensor:
    y, p = elementwise(x, targets), _found(spec, x)
    common = 2 * _sum(spec, p * y) + constant(spec.smooth if spec.smooth_numerator else 0.0, x)
    return 1 - common / (_sum(spec, p) + _sum(spec, y) + constant(spec.smooth, x))


@loss.register
def _tversky(spec: specs.Tversky, x: Tensor, targets: Tensor) -> Tensor:
    y, p = elementwise(x, targets), _found(spec, x)
    common, wrong, missed = (_sum(spec, part) for part in (p * y, p * (1 - y), (1 - p) * y))
    whole = common + constant(spec.alpha, x) * wrong + constant(spec.beta, x) * missed + constant(spec.smooth, x)
    return 1 - (common + constant(spec.smooth if spec.smooth_numerator else 0.0, x)) / whole
