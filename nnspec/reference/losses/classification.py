"""Losses of classes."""

from __future__ import annotations

import numpy as np

from nnspec.losses import classification as specs
from nnspec.reference.activation import log_softmax
from nnspec.reference.base import Array
from nnspec.reference.losses.base import distribution, elementwise, loss


def _dot(y: Array, logs: Array) -> Array:
    """Σ y · ln q along the last axis, where 0 · ln q is 0 for any q."""
    result: Array = (y * np.where(y == 0, 0, logs)).sum(-1)
    return result


@loss.register(specs.SoftmaxCrossEntropy)
def _softmax_cross_entropy(spec: specs.SoftmaxCrossEntropy, x: Array, targets: Array) -> Array:
    y = distribution(x, targets)
    y = y * (1 - spec.label_smoothing) + spec.label_smoothing / x.shape[-1]
    if not spec.from_probabilities:
        return -_dot(y, log_softmax(x))
    q = np.clip(x / x.sum(-1, keepdims=True), spec.epsilon, 1 - spec.epsilon)
    return -_dot(y, np.log(q))


@loss.register(specs.BinaryCrossEntropy)
def _binary_cross_entropy(spec: specs.BinaryCrossEntropy, x: Array, targets: Array) -> Array:
    y = elementwise(x, targets) * (1 - spec.label_smoothing) + spec.label_smoothing / 2
    result: Array
    if spec.from_probabilities:
        q = np.clip(x, spec.epsilon, 1 - spec.epsilon)
        result = -y * np.log(q) - (1 - y) * np.log(1 - q)
    else:
        result = np.maximum(x, 0) - x * y + np.log1p(np.exp(-np.abs(x)))
    return result


@loss.register(specs.KLDivergence)
def _kl_divergence(spec: specs.KLDivergence, x: Array, targets: Array) -> Array:
    y = elementwise(x, targets)
    logs = np.log(np.clip(x, spec.epsilon, 1)) if spec.from_probabilities else log_softmax(x)
    own = np.log(np.where(y == 0, 1, y))
    return _dot(y, own - logs)
