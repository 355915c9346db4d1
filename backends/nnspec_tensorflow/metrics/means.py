"""Weighted means: their value at every position."""

from __future__ import annotations

from typing import Any

from nnspec import losses
from nnspec.metrics import means as specs
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.losses import elementwise, loss
from nnspec_tensorflow.metrics.base import labels, metric, probabilities
from nnspec_tensorflow.startup import tf

Tensor = Any


def _among_largest(x: Tensor, targets: Tensor, k: int) -> Tensor:
    """Whether fewer than k outputs stand before the target's; no output stands behind NaN."""
    classes = tf.range(tf.shape(x)[-1])
    label = labels(x, targets)[..., None]
    own = tf.reduce_sum(tf.where(classes == label, x, tf.zeros_like(x)), axis=-1, keepdims=True)
    behind = (x < own) | ((x == own) & (classes >= label))
    return tf.reduce_sum(tf.cast(~behind, tf.int32), axis=-1) < k


@metric.register
def _accuracy(spec: specs.Accuracy, x: Tensor, targets: Tensor) -> Tensor:
    return _among_largest(x, targets, 1)


@metric.register
def _top_k_accuracy(spec: specs.TopKAccuracy, x: Tensor, targets: Tensor) -> Tensor:
    return _among_largest(x, targets, spec.k)


@metric.register
def _binary_accuracy(spec: specs.BinaryAccuracy, x: Tensor, targets: Tensor) -> Tensor:
    return (probabilities(spec, x) > constant(spec.threshold, x)) == (elementwise(x, targets) > 0.5)


@metric.register(specs.MSE)
@metric.register(specs.RMSE)
def _squared_error(spec: specs.MSE | specs.RMSE, x: Tensor, targets: Tensor) -> Tensor:
    return tf.square(x - elementwise(x, targets))


@metric.register
def _absolute_error(spec: specs.MAE, x: Tensor, targets: Tensor) -> Tensor:
    return tf.abs(x - elementwise(x, targets))


@metric.register
def _absolute_percentage_error(spec: specs.MAPE, x: Tensor, targets: Tensor) -> Tensor:
    return loss(losses.MeanAbsolutePercentageError(spec.epsilon), x, targets)


@metric.register
def _squared_logarithmic_error(spec: specs.MSLE, x: Tensor, targets: Tensor) -> Tensor:
    return loss(losses.MeanSquaredLogarithmicError(spec.epsilon), x, targets)


@metric.register
def _cosine_similarity(spec: specs.CosineSimilarity, x: Tensor, targets: Tensor) -> Tensor:
    return -loss(losses.CosineDistance("negative", spec.epsilon), x, targets)


@metric.register
def _cross_entropy(spec: specs.Perplexity, x: Tensor, targets: Tensor) -> Tensor:
    entropy = losses.SoftmaxCrossEntropy(from_probabilities=spec.from_probabilities, epsilon=spec.epsilon)
    return loss(entropy, x, targets)
