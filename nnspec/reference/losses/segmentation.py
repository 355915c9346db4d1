"""Losses of segmentations."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.losses import segmentation as specs
from nnspec.reference.activation import log_softmax, sigmoid
from nnspec.reference.base import Array
from nnspec.reference.losses.base import elementwise, factors, loss


def _found(x: Array, from_probabilities: bool, multiclass: bool) -> Array:
    """Probabilities."""
    if from_probabilities:
        return x
    return np.exp(log_softmax(x)) if multiclass else sigmoid(x)


def _sum(spec: specs.Dice | specs.Tversky, values: Array, weights: Any) -> Array:
    """The sum over each example or the whole batch, or over each of its classes."""
    spec.positions(values.shape)
    first = 1
    if spec.over_batch:
        values, first = factors(spec, weights, values) * values, 0
    return np.asarray(values.sum(tuple(range(first, values.ndim - int(spec.per_class)))))


def _of_each(spec: specs.Dice | specs.Tversky, value: Array, x: Array) -> Array:
    """The value of each example: that of the batch where there is one of the batch."""
    return np.broadcast_to(value, (len(x), *value.shape)) if spec.over_batch else value


@loss.register(specs.Dice)
def _dice(spec: specs.Dice, x: Array, targets: Array, weights: Any = None) -> Array:
    y, p = elementwise(x, targets), _found(x, spec.from_probabilities, spec.multiclass)
    common, found, there = (_sum(spec, part, weights) for part in (p * y, p, y))
    common = 2 * common + (spec.smooth if spec.smooth_numerator else 0)
    return _of_each(spec, np.asarray(1 - common / (found + there + spec.smooth)), x)


@loss.register(specs.Tversky)
def _tversky(spec: specs.Tversky, x: Array, targets: Array, weights: Any = None) -> Array:
    y, p = elementwise(x, targets), _found(x, spec.from_probabilities, spec.multiclass)
    common, wrong, missed = (_sum(spec, part, weights) for part in (p * y, p * (1 - y), (1 - p) * y))
    whole = common + spec.alpha * wrong + spec.beta * missed + spec.smooth
    return _of_each(spec, np.asarray(1 - (common + (spec.smooth if spec.smooth_numerator else 0)) / whole), x)


@loss.register(specs.GeneralizedDice)
def _generalized_dice(spec: specs.GeneralizedDice, x: Array, targets: Array, weights: Any = None) -> Array:
    spec.positions(x.shape)
    w, y, p = factors(spec, weights, x), elementwise(x, targets), _found(x, spec.from_probabilities, True)
    inner = tuple(range(1, x.ndim - 1))
    shares = 1 / ((w * y).sum((0, *inner)) ** 2 + spec.epsilon)
    common = 2 * (p * y).sum(inner) + spec.smooth
    classes = 1 - common / (p.sum(inner) + y.sum(inner) + spec.smooth)
    return np.asarray((shares / shares.sum() * classes).sum(-1))
