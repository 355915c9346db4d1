"""Weighted means: their value at every position."""

from __future__ import annotations

import numpy as np

from nnspec import losses
from nnspec.metrics import means as specs
from nnspec.reference.base import Array
from nnspec.reference.losses import elementwise, loss
from nnspec.reference.metrics.base import labels, metric, probabilities


@metric.register(specs.Accuracy)
def _accuracy(spec: specs.Accuracy, x: Array, targets: Array) -> Array:
    return np.asarray(x.argmax(-1) == labels(x, targets))


@metric.register(specs.TopKAccuracy)
def _top_k_accuracy(spec: specs.TopKAccuracy, x: Array, targets: Array) -> Array:
    label = labels(x, targets)[..., None]
    own = np.take_along_axis(x, label, -1)
    ahead = (x > own) | ((x == own) & (np.arange(x.shape[-1]) < label))
    return np.asarray(ahead.sum(-1) < spec.k)


@metric.register(specs.BinaryAccuracy)
def _binary_accuracy(spec: specs.BinaryAccuracy, x: Array, targets: Array) -> Array:
    return np.asarray((probabilities(spec, x) > spec.threshold) == (elementwise(x, targets) > 0.5))


@metric.register(specs.MSE)
@metric.register(specs.RMSE)
def _squared_error(spec: specs.MSE | specs.RMSE, x: Array, targets: Array) -> Array:
    return (x - elementwise(x, targets)) ** 2


@metric.register(specs.MAE)
def _absolute_error(spec: specs.MAE, x: Array, targets: Array) -> Array:
    return np.asarray(np.abs(x - elementwise(x, targets)))


@metric.register(specs.MAPE)
def _absolute_percentage_error(spec: specs.MAPE, x: Array, targets: Array) -> Array:
    return loss(losses.MeanAbsolutePercentageError(spec.epsilon), x, targets)


@metric.register(specs.MSLE)
def _squared_logarithmic_error(spec: specs.MSLE, x: Array, targets: Array) -> Array:
    return loss(losses.MeanSquaredLogarithmicError(spec.epsilon), x, targets)


@metric.register(specs.CosineSimilarity)
def _cosine_similarity(spec: specs.CosineSimilarity, x: Array, targets: Array) -> Array:
    return -loss(losses.CosineDistance("negative", spec.epsilon), x, targets)


@metric.register(specs.Perplexity)
def _cross_entropy(spec: specs.Perplexity, x: Array, targets: Array) -> Array:
    entropy = losses.SoftmaxCrossEntropy(from_probabilities=spec.from_probabilities, epsilon=spec.epsilon)
    return loss(entropy, x, targets)
