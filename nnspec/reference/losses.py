"""Losses: one value per position, and their weighted sum."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from nnspec import losses as specs
from nnspec.errors import DataError, ShapeError
from nnspec.layers.base import show
from nnspec.reference.activation import log_softmax
from nnspec.reference.base import Array, floats, missing


def value(spec: specs.Loss, outputs: Any, targets: Any, weights: Any = None) -> tuple[float, float]:
    """(Σ w·l, count) of a batch; ``spec.result(total, count)`` is the reduced loss.

    The count is Σ w for "weighted_mean" and the number of positions else.

    Raises:
        ShapeError: outputs, targets and weights do not fit together.
        DataError: a class id that is no class.
    """
    losses = per_position(spec, outputs, targets)
    total, weight = weighted(losses, weights)
    return total, weight if spec.reduction == "weighted_mean" else float(losses.size)


def per_position(spec: specs.Loss, outputs: Any, targets: Any) -> Array:
    """The loss at every position, before weights, in the outputs' dtype (in float32 at least).

    Raises:
        ShapeError: outputs and targets do not fit together.
        DataError: a class id that is no class.
    """
    return loss(spec, floats(outputs), np.asarray(targets))


@functools.singledispatch
def loss(spec: Any, x: Array, targets: Array) -> Array:
    """The loss of each class of losses at every position; they are registered here.

    Raises:
        BackendError: the class is not registered.
    """
    raise missing(spec)


def weighted(values: Array, weights: Any) -> tuple[float, float]:
    """(Σ w·v, Σ w), with weights that broadcast from the front; without weights they are 1.

    Raises:
        ShapeError: the weights' axes are not the first axes of the values.
    """
    if weights is None:
        return float(values.sum()), float(values.size)
    w = np.asarray(weights).astype(values.dtype)
    if w.shape != values.shape[: w.ndim]:
        raise ShapeError(f"weights of shape {show(w.shape)} are not for positions of shape {show(values.shape)}")
    w = np.broadcast_to(w.reshape(w.shape + (1,) * (values.ndim - w.ndim)), values.shape)
    return float((w * values).sum()), float(w.sum())


def elementwise(x: Array, targets: Array) -> Array:
    """Targets of the outputs' shape, in their dtype."""
    if targets.shape != x.shape:
        raise ShapeError(f"targets of shape {show(targets.shape)} are not of the outputs' shape {show(x.shape)}")
    return targets.astype(x.dtype)


def class_ids(x: Array, targets: Array) -> Array | None:
    """The targets as class ids if they are of an integer dtype, else None: they are a distribution then."""
    if targets.dtype.kind not in "iu":
        return None
    classes = x.shape[-1]
    if targets.shape != x.shape[:-1]:
        wanted = f"outputs of shape {show(x.shape)} need {show(x.shape[:-1])}"
        hint = "; a distribution is of a float dtype" if targets.shape == x.shape else ""
        raise ShapeError(f"class ids have shape {show(targets.shape)}, {wanted}{hint}")
    wrong = targets[(targets < 0) | (targets >= classes)]
    if wrong.size:
        raise DataError(f"class id {wrong.flat[0]} is not one of {classes} classes (0 to {classes - 1})")
    return targets


def _distribution(x: Array, targets: Array) -> Array:
    ids = class_ids(x, targets)
    if ids is None:
        return elementwise(x, targets)
    one_hot: Array = (ids[..., None] == np.arange(x.shape[-1])).astype(x.dtype)
    return one_hot


def _dot(y: Array, logs: Array) -> Array:
    """Σ y · ln q along the last axis, where 0 · ln q is 0 for any q."""
    result: Array = (y * np.where(y == 0, 0, logs)).sum(-1)
    return result


@loss.register(specs.SoftmaxCrossEntropy)
def _softmax_cross_entropy(spec: specs.SoftmaxCrossEntropy, x: Array, targets: Array) -> Array:
    y = _distribution(x, targets)
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


@loss.register(specs.MeanSquaredError)
def _mean_squared_error(spec: specs.MeanSquaredError, x: Array, targets: Array) -> Array:
    return (x - elementwise(x, targets)) ** 2


@loss.register(specs.MeanAbsoluteError)
def _mean_absolute_error(spec: specs.MeanAbsoluteError, x: Array, targets: Array) -> Array:
    return np.asarray(np.abs(x - elementwise(x, targets)))


@loss.register(specs.Huber)
def _huber(spec: specs.Huber, x: Array, targets: Array) -> Array:
    e: Array = np.abs(x - elementwise(x, targets))
    return np.where(e <= spec.delta, np.minimum(e, spec.delta) ** 2 / 2, spec.delta * (e - spec.delta / 2))


@loss.register(specs.KLDivergence)
def _kl_divergence(spec: specs.KLDivergence, x: Array, targets: Array) -> Array:
    y = elementwise(x, targets)
    logs = np.log(np.clip(x, spec.epsilon, 1)) if spec.from_probabilities else log_softmax(x)
    own = np.log(np.where(y == 0, 1, y))
    return _dot(y, own - logs)
