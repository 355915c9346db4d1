"""Metrics of decisions: weights of hits, targets and outputs of each class."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.metrics import Sums, classification as specs
from nnspec.reference.base import Array
from nnspec.reference.losses import elementwise
from nnspec.reference.metrics.base import labels, probabilities, sums, weights_of


@sums.register(specs.Precision)
@sums.register(specs.Recall)
@sums.register(specs.FBeta)
@sums.register(specs.Specificity)
def _scores(spec: Any, x: Array, targets: Array, weights: Any) -> Sums:
    if spec.threshold is None:
        classes = np.arange(x.shape[-1])
        t, o = labels(x, targets)[..., None] == classes, x.argmax(-1)[..., None] == classes
        w = weights_of(weights, x.shape[:-1], x.dtype)[..., None]
    else:
        t, o = elementwise(x, targets) > 0.5, probabilities(spec, x) > spec.threshold
        w = weights_of(weights, x.shape, x.dtype)
    counted = (t & o, t, o, np.ones_like(t))
    if x.ndim == 1:
        return tuple((w * each).sum()[None] for each in counted)
    return tuple((w * each).sum(tuple(range(x.ndim - 1))) for each in counted)


def _decided(spec: Any, x: Array, targets: Array, weights: Any) -> tuple[Array, Array, Array]:
    """The target's class, the class that was decided for, and the weight of all positions, each as a vector."""
    if spec.threshold is None:
        t, o = labels(x, targets), x.argmax(-1)
    else:
        t, o = elementwise(x, targets) > 0.5, probabilities(spec, x) > spec.threshold
    w = weights_of(weights, t.shape, x.dtype)
    return t.astype(np.int64).ravel(), o.astype(np.int64).ravel(), w.ravel()


def _matrix(spec: Any, x: Array, targets: Array, weights: Any) -> Array:
    """The confusion matrix, targets in rows."""
    t, o, w = _decided(spec, x, targets, weights)
    matrix = np.zeros((spec.classes(x.shape),) * 2, x.dtype)
    np.add.at(matrix, (t, o), w)
    return matrix


@sums.register(specs.ConfusionMatrix)
def _confusion_matrix(spec: specs.ConfusionMatrix, x: Array, targets: Array, weights: Any) -> Sums:
    return (_matrix(spec, x, targets, weights),)


@sums.register(specs.BalancedAccuracy)
@sums.register(specs.MeanIoU)
@sums.register(specs.MatthewsCorrelation)
def _agreement(spec: Any, x: Array, targets: Array, weights: Any) -> Sums:
    matrix = _matrix(spec, x, targets, weights)
    return matrix.diagonal(), matrix.sum(1), matrix.sum(0)


@sums.register(specs.CohenKappa)
def _cohen_kappa(spec: specs.CohenKappa, x: Array, targets: Array, weights: Any) -> Sums:
    matrix = _matrix(spec, x, targets, weights)
    ids = np.arange(len(matrix))
    return (spec.distance(ids[:, None], ids) * matrix).sum(), matrix.sum(1), matrix.sum(0)
