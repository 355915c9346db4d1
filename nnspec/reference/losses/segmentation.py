"""Losses of segmentations."""

from __future__ import annotations

import numpy as np

from nnspec.losses import segmentation as specs
from nnspec.reference.activation import log_softmax, sigmoid
from nnspec.reference.base import Array
from nnspec.reference.losses.base import elementwise, loss


def _found(spec: specs.Dice | specs.Tversky, x: Array) -> Array:
    """Probabilities."""
    if spec.from_probabilities:
        return x
    return np.exp(log_softmax(x)) if spec.multiclass else sigmoid(x)


def _sum(spec: specs.Dice | specs.Tversky, values: Array) -> Array:
    """The sum over each example, or over each of its classes."""
    spec.positions(values.shape)
    return np.asarray(values.sum(tuple(range(1, values.ndim - int(spec.per_class)))))


@loss.register(specs.Dice)
def _dice(spec: specs.Dice, x: Array, targets: Array) -> Array:
    y, p = elementwise(x, targets), _found(spec, x)
    common = 2 * _sum(spec, p * y) + (spec.smooth if spec.smooth_numerator else 0)
    return np.asarray(1 - common / (_sum(spec, p) + _sum(spec, y) + spec.smooth))


@loss.register(specs.Tversky)
def _tversky(spec: specs.Tversky, x: Array, targets: Array) -> Array:
    y, p = elementwise(x, targets), _found(spec, x)
    common, wrong, missed = (_sum(spec, part) for part in (p * y, p * (1 - y), (1 - p) * y))
    whole = common + spec.alpha * wrong + spec.beta * missed + spec.smooth
    return np.asarray(1 - (common + (spec.smooth if spec.smooth_numerator else 0)) / whole)
