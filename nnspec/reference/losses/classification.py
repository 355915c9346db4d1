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


def _normalized(spec: Any, p: Array) -> Array:
    """Probabilities that sum to 1, and are clipped."""
    return np.asarray(np.clip(p / p.sum(-1, keepdims=True), spec.epsilon, 1 - spec.epsilon))


def _logs(spec: Any, x: Array, y: Array) -> Array:
    """The logarithms of the classes' probabilities, 0 where the target is 0."""
    logs = np.log(_normalized(spec, x)) if spec.from_probabilities else log_softmax(x)
    return np.where(y == 0, 0, logs)


def _by_class(spec: Any, x: Array, y: Array) -> Array:
    """The targets times the weights of their classes."""
    weights = class_weights(spec, x)
    return y if weights is None else y * weights


@loss.register(specs.SoftmaxCrossEntropy)
def _softmax_cross_entropy(spec: specs.SoftmaxCrossEntropy, x: Array, targets: Array) -> Array:
    y = _smoothed(spec, distribution(x, targets, spec), x.shape[-1])
    y = _by_class(spec, x, y)
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
    y, own = _measure(elementwise(x, targets), spec.log_targets)
    logs = np.log(np.clip(x, spec.epsilon, 1)) if spec.from_probabilities else log_softmax(x)
    return _dot(y, own - logs)


def _measure(given: Array, logarithms: bool) -> tuple[Array, Array]:
    """y and ln y, 0 where y is 0, from one of them."""
    if not logarithms:
        return given, np.log(np.where(given == 0, 1, given))
    y = np.exp(given)
    return y, np.where(y == 0, 0, given)


@loss.register(specs.GeneralizedKLDivergence)
def _generalized_kl_divergence(spec: specs.GeneralizedKLDivergence, x: Array, targets: Array) -> Array:
    y, own = _measure(elementwise(x, targets), False)
    q = np.exp(x) if spec.log_input else np.maximum(x, spec.epsilon)
    divergence = _dot(y, own - (x if spec.log_input else np.log(q)))
    return np.asarray(divergence + (q - y).sum(-1))


@loss.register(specs.NegativeLogLikelihood)
def _negative_log_likelihood(spec: specs.NegativeLogLikelihood, x: Array, targets: Array) -> Array:
    return -_dot(_by_class(spec, x, distribution(x, targets, spec)), x)


@loss.register(specs.CategoricalFocalCrossEntropy)
def _categorical_focal(spec: specs.CategoricalFocalCrossEntropy, x: Array, targets: Array) -> Array:
    y = _smoothed(spec, distribution(x, targets, spec), x.shape[-1])
    logs = _logs(spec, x, y)
    return -_dot(_by_class(spec, x, y), (-np.expm1(logs)) ** spec.gamma * logs)


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


@loss.register(specs.PolyCrossEntropy)
def _poly_cross_entropy(spec: specs.PolyCrossEntropy, x: Array, targets: Array) -> Array:
    y = _smoothed(spec, distribution(x, targets, spec), x.shape[-1])
    logs = _logs(spec, x, y)
    return -_dot(_by_class(spec, x, y), logs + spec.epsilon1 * np.expm1(logs))


@loss.register(specs.GeneralizedCrossEntropy)
def _generalized_cross_entropy(spec: specs.GeneralizedCrossEntropy, x: Array, targets: Array) -> Array:
    y = distribution(x, targets, spec)
    return -_dot(_by_class(spec, x, y), np.expm1(spec.q * _logs(spec, x, y)) / spec.q)
