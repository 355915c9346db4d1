"""Metrics: a batch's weighted sum of values, and the sum of the weights."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from nnspec import metrics as specs
from nnspec.reference.activation import sigmoid
from nnspec.reference.base import Array, floats, missing
from nnspec.reference.losses import class_ids, elementwise, weighted


def value(spec: specs.Metric, outputs: Any, targets: Any, weights: Any = None) -> tuple[float, float]:
    """(Σ w·v, Σ w) of a batch, with weights that broadcast from the front; ``spec.result`` makes the metric of it.

    Raises:
        ShapeError: outputs, targets and weights do not fit together.
        DataError: a class id that is no class.
    """
    x = floats(outputs)
    return weighted(metric(spec, x, np.asarray(targets)).astype(x.dtype), weights)


@functools.singledispatch
def metric(spec: Any, x: Array, targets: Array) -> Array:
    """The value of each class of metrics at every position; they are registered here.

    Raises:
        BackendError: the class is not registered.
    """
    raise missing(spec)


def _labels(x: Array, targets: Array) -> Array:
    """The target's class at every position: the id, or the first of the largest in a distribution."""
    ids = class_ids(x, targets)
    return elementwise(x, targets).argmax(-1) if ids is None else ids


@metric.register(specs.Accuracy)
def _accuracy(spec: specs.Accuracy, x: Array, targets: Array) -> Array:
    return np.asarray(x.argmax(-1) == _labels(x, targets))


@metric.register(specs.TopKAccuracy)
def _top_k_accuracy(spec: specs.TopKAccuracy, x: Array, targets: Array) -> Array:
    label = _labels(x, targets)[..., None]
    own = np.take_along_axis(x, label, -1)
    ahead = (x > own) | ((x == own) & (np.arange(x.shape[-1]) < label))
    return np.asarray(ahead.sum(-1) < spec.k)


@metric.register(specs.BinaryAccuracy)
def _binary_accuracy(spec: specs.BinaryAccuracy, x: Array, targets: Array) -> Array:
    p = x if spec.from_probabilities else sigmoid(x)
    return np.asarray((p > spec.threshold) == (elementwise(x, targets) > 0.5))


@metric.register(specs.MSE)
@metric.register(specs.RMSE)
def _squared_error(spec: specs.MSE | specs.RMSE, x: Array, targets: Array) -> Array:
    return (x - elementwise(x, targets)) ** 2


@metric.register(specs.MAE)
def _absolute_error(spec: specs.MAE, x: Array, targets: Array) -> Array:
    return np.asarray(np.abs(x - elementwise(x, targets)))
