"""Metrics of decisions: weights of hits, targets and outputs of each class."""

from __future__ import annotations

from typing import Any

from nnspec.metrics import Sums, classification as specs
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.losses import elementwise
from nnspec_tensorflow.metrics.base import first_largest, labels, probabilities, sums, weights_of
from nnspec_tensorflow.startup import tf

Tensor = Any


def _elements(spec: Any, x: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """For each element whether it is positive, and whether it was decided to be."""
    return elementwise(x, targets) > 0.5, probabilities(spec, x) > constant(spec.threshold, x)


@sums.register(specs.Precision)
@sums.register(specs.Recall)
@sums.register(specs.FBeta)
@sums.register(specs.Specificity)
def _scores(spec: Any, x: Tensor, targets: Tensor, weights: Tensor | None) -> Sums:
    if spec.threshold is None:
        decided = first_largest(x)
        t, o = (tf.one_hot(ids, x.shape[-1], dtype=tf.float64) for ids in (labels(x, targets), decided))
        w = weights_of(weights, decided)[..., None]
    else:
        t, o = (tf.cast(each, tf.float64) for each in _elements(spec, x, targets))
        w = weights_of(weights, x)
    rows = x.shape[-1] if x.shape.rank > 1 else 1
    counted = (t * o, t, o, tf.ones_like(t))
    return tuple(tf.reduce_sum(tf.reshape(w * each, [-1, rows]), axis=0) for each in counted)


def _decided(spec: Any, x: Tensor, targets: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """The target's class, the class that was decided for, and the weight of all positions, each as a vector."""
    t, o = (labels(x, targets), first_largest(x)) if spec.threshold is None else _elements(spec, x, targets)
    w = weights_of(weights, t)
    return tf.reshape(tf.cast(t, tf.int32), [-1]), tf.reshape(tf.cast(o, tf.int32), [-1]), tf.reshape(w, [-1])


def _of_class(ids: Tensor, w: Tensor, classes: int) -> Tensor:
    """The weight of each class."""
    return tf.reduce_sum(tf.one_hot(ids, classes, dtype=w.dtype) * w[:, None], axis=0)


@sums.register(specs.BalancedAccuracy)
@sums.register(specs.MeanIoU)
@sums.register(specs.MatthewsCorrelation)
def _agreement(spec: Any, x: Tensor, targets: Tensor, weights: Tensor | None) -> Sums:
    t, o, w = _decided(spec, x, targets, weights)
    classes = spec.classes(tuple(x.shape))
    hits = tf.where(t == o, w, tf.zeros_like(w))
    return _of_class(t, hits, classes), _of_class(t, w, classes), _of_class(o, w, classes)


@sums.register
def _cohen_kappa(spec: specs.CohenKappa, x: Tensor, targets: Tensor, weights: Tensor | None) -> Sums:
    t, o, w = _decided(spec, x, targets, weights)
    classes = spec.classes(tuple(x.shape))
    distance = spec.distance(tf.cast(t, w.dtype), tf.cast(o, w.dtype))
    return tf.reduce_sum(w * tf.cast(distance, w.dtype)), _of_class(t, w, classes), _of_class(o, w, classes)


@sums.register
def _confusion_matrix(spec: specs.ConfusionMatrix, x: Tensor, targets: Tensor, weights: Tensor | None) -> Sums:
    t, o, w = _decided(spec, x, targets, weights)
    classes = spec.classes(tuple(x.shape))
    rows, columns = (tf.one_hot(ids, classes, dtype=w.dtype) for ids in (t, o))
    return (tf.matmul(rows * w[:, None], columns, transpose_a=True),)
