"""Losses of classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.losses import classification as specs
from nnspec.losses.base import of_classes
from nnspec.reference.activation import log_softmax, sigmoid, softplus
from nnspec.reference.base import Array
from nnspec.reference.losses.base import class_weights, distribution, elementwise, loss


def _dot(y: Array, logs: Array) -> Array:
    """Σ y · ln q along the last axis, where 0 · ln q is 0 for any q."""
    result: Array = (y * np.where(y == 0, 0, logs)).sum(-1)
    return result


def _smoothed(spec: Any, y: Array, outcomes: int) -> Array:
    """Targets of which a share is spread over all outcomes."""
    return np.asarray(y * (1 - spec.label_smoothing) + spec.label_smoothing / outcomes)


def _normalized(spec: specs.SoftmaxCrossEntropy | specs.CategoricalFocalCrossEntropy, p: Array) -> Array:
    """Probabilities that sum to 1, and are clipped."""
    return np.asarray(np.clip(p / p.sum(-1, keepdims=True), spec.epsilon, 1 - spec.epsilon))


@loss.register(specs.SoftmaxCrossEntropy)
def _softmax_cross_entropy(spec: specs.SoftmaxCrossEntropy, x: Array, targets: Array) -> Array:
    y = _smoothed(spec, distribution(x, targets, spec), x.shape[-1])
    weights = class_weights(spec, x)
    y = y if weights is None else y * weights
    return -_dot(y, np.log(_normalized(spec, x)) if spec.from_probabilities else log_softmax(x))


@loss.register(specs.BinaryCrossEntropy)
def _binary_cross_entropy(spec: specs.BinaryCrossEntropy, x: Array, targets: Array) -> Array:
    y = _smoothed(spec, elementwise(x, targets), 2)
    factor = 1 if spec.pos_weight is None else _pos_weight(spec.pos_weight, x)
    if spec.from_probabilities:
        q = np.clip(x, spec.epsilon, 1 - spec.epsilon)
        return np.asarray(-factor * y * np.log(q) - (1 - y) * np.log(1 - q))
    if spec.pos_weight is not None:
        return np.asarray(factor * y * softplus(-x) + (1 - y) * softplus(x))
    return np.asarray(softplus(x) - x * y)


def _pos_weight(weight: float | tuple[float, ...], x: Array) -> Array:
    numbers = of_classes("pos_weight", weight, x.shape[-1]) if isinstance(weight, tuple) else weight
    return np.asarray(numbers, x.dtype)


@loss.register(specs.KLDivergence)
def _kl_divergence(spec: specs.KLDivergence, x: Array, targets: Array) -> Array:
    y = elementwise(x, targets)
    logs = np.log(np.clip(x, spec.epsilon, 1)) if spec.from_probabilities else log_softmax(x)
    own = np.log(np.where(y == 0, 1, y))
    return _dot(y, own - logs)


@loss.register(specs.NegativeLogLikelihood)
def _negative_log_likelihood(spec: specs.NegativeLogLikelihood, x: Array, targets: Array) -> Array:
    y, weights = distribution(x, targets, spec), class_weights(spec, x)
    return -_dot(y if weights is None else y * weights, x)


@loss.register(specs.CategoricalFocalCrossEntropy)
def _categorical_focal(spec: specs.CategoricalFocalCrossEntropy, x: Array, targets: Array) -> Array:
    y = _smoothed(spec, distribution(x, targets, spec), x.shape[-1])
    weights = class_weights(spec, x)
    logs = np.log(_normalized(spec, x)) if spec.from_probabilities else log_softmax(x)
    logs = np.where(y == 0, 0, logs)
    return -_dot(y if weights is None else y * weights, (-np.expm1(logs)) ** spec.gamma * logs)


@loss.register(specs.BinaryFocalCrossEntropy)
def _binary_focal(spec: specs.BinaryFocalCrossEntropy, x: Array, targets: Array) -> Array:
    y = _smoothed(spec, elementwise(x, targets), 2)
    if spec.from_probabilities:
        q = np.clip(x, spec.epsilon, 1 - spec.epsilon)
        entropy, rest = -y * np.log(q) - (1 - y) * np.log(1 - q), y * (1 - q) + (1 - y) * q
    else:
        entropy, rest = softplus(x) - x * y, y * sigmoid(-x) + (1 - y) * sigmoid(x)
    balance = 1 if spec.alpha is None else spec.alpha * y + (1 - spec.alpha) * (1 - y)
    return np.asarray(balance * rest**spec.gamma * entropy)
