"""What all losses share: their weighted sum, and targets that are checked."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnspec.errors import DataError, ShapeError
from nnspec.layers.base import show
from nnspec.losses.base import Loss, ignored_label, of_classes
from nnspec.reference.base import Array, floats, missing


def value(spec: Loss, outputs: Any, targets: Any, weights: Any = None) -> tuple[float, float]:
    """(Σ w·l, count) of a batch; ``spec.result(total, count)`` is the reduced loss.

    The count is Σ w for "weighted_mean" and the number of positions else.

    Raises:
        ShapeError: outputs, targets and weights do not fit together.
        DataError: a class id that is no class.
    """
    losses = per_position(spec, outputs, targets, weights)
    total, weight = weighted(losses, weights)
    positions = float(losses.size)
    counted, shares = kept(spec, np.asarray(targets)), class_shares(spec, floats(outputs), np.asarray(targets))
    if counted is not None or shares is not None:
        counted = np.ones(losses.shape, bool) if counted is None else counted
        weight = weighted(counted * (np.ones_like(losses) if shares is None else shares), weights)[0]
        positions = float(counted.sum())
    return total, weight if spec.reduction == "weighted_mean" else positions


def per_position(spec: Loss, outputs: Any, targets: Any, weights: Any = None) -> Array:
    """The loss at every position, before weights, in the outputs' dtype (in float32 at least).

    Args:
        weights: those of the examples, for losses that sum examples up before.

    Raises:
        ShapeError: outputs and targets do not fit together.
        DataError: a class id that is no class.
    """
    losses = loss(spec, floats(outputs), np.asarray(targets), *((weights,) if spec.pools() else ()))
    counted = kept(spec, np.asarray(targets))
    return losses if counted is None else np.where(counted, losses, losses.dtype.type(0))


def kept(spec: Loss, targets: Array) -> NDArray[np.bool_] | None:
    """Where the target is not the label that the loss ignores; None where all positions count."""
    label = ignored_label(spec, targets.dtype)
    return None if label is None else np.asarray(targets != label)


def for_metrics(spec: Loss, targets: Any, weights: Any = None) -> tuple[Any, Any]:
    """Targets and weights as the metrics beside a loss take them: what it ignores weighs nothing and has the target 0.

    Raises:
        ShapeError: the weights' axes are not the first axes of the targets.
    """
    targets = np.asarray(targets)
    counted = kept(spec, targets)
    if counted is None:
        return targets, weights
    shares = counted if weights is None else np.where(counted, spread_over(np.asarray(weights), counted.shape), 0)
    return np.where(counted, targets, 0).astype(targets.dtype), shares


def class_shares(spec: Loss, x: Array, targets: Array) -> Array | None:
    """Each position's weight by its class; None without class weights."""
    weights = class_weights(spec, x)
    return None if weights is None else np.asarray((distribution(x, targets, spec) * weights).sum(-1))


def class_weights(spec: Loss, x: Array) -> Array | None:
    """A number for each class, in the dtype of the outputs; None without class weights."""
    numbers = getattr(spec, "class_weights", None)
    return None if numbers is None else np.array(of_classes("class_weights", numbers, x.shape[-1]), x.dtype)


@functools.singledispatch
def loss(spec: Any, x: Array, targets: Array, weights: Any = None) -> Array:
    """The loss of each class of losses at every position; they are registered here.

    Those that sum examples up before, and no others, are given the weights of these.

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
    w = spread_over(np.asarray(weights).astype(values.dtype), values.shape)
    return float((w * values).sum()), float(w.sum())


def factors(spec: Loss, weights: Any, x: Array) -> Array | int:
    """The weights of examples, or of their classes, as factors of terms of the outputs' shape; 1 without weights.

    Raises:
        ShapeError: the weights' axes are not the first axes of the loss's positions.
    """
    if weights is None:
        return 1
    w = spread_over(np.asarray(weights).astype(x.dtype), spec.positions(x.shape))
    return w.reshape(w.shape[:1] + (1,) * (x.ndim - w.ndim) + w.shape[1:])


def spread_over(weights: Array, positions: Any) -> Array:
    """Weights for all positions, repeated along the axes that they lack."""
    if weights.shape != positions[: weights.ndim]:
        raise ShapeError(f"weights of shape {show(weights.shape)} are not for positions of shape {show(positions)}")
    return np.broadcast_to(weights.reshape(weights.shape + (1,) * (len(positions) - weights.ndim)), positions)


def elementwise(x: Array, targets: Array) -> Array:
    """Targets of the outputs' shape, in their dtype."""
    if targets.shape != x.shape:
        raise ShapeError(f"targets of shape {show(targets.shape)} are not of the outputs' shape {show(x.shape)}")
    return targets.astype(x.dtype)


def class_ids(x: Array, targets: Array, ignored: int | None = None) -> Array | None:
    """The targets as class ids if they are of an integer dtype, else None: they are a distribution then.

    An id that is ``ignored`` need not be that of a class.
    """
    if targets.dtype.kind not in "iu":
        return None
    classes = x.shape[-1]
    if targets.shape != x.shape[:-1]:
        wanted = f"outputs of shape {show(x.shape)} need {show(x.shape[:-1])}"
        hint = "; a distribution is of a float dtype" if targets.shape == x.shape else ""
        raise ShapeError(f"class ids have shape {show(targets.shape)}, {wanted}{hint}")
    out = (targets < 0) | (targets >= classes)
    wrong = targets[out if ignored is None else out & (targets != ignored)]
    if wrong.size:
        raise DataError(f"class id {wrong.flat[0]} is not one of {classes} classes (0 to {classes - 1})")
    return targets


def distribution(x: Array, targets: Array, spec: Loss) -> Array:
    """The targets as a distribution over the classes: class ids as one-hot, but for one that is ignored."""
    ids = class_ids(x, targets, getattr(spec, "ignore_label", None))
    if ids is None:
        return elementwise(x, targets)
    one_hot: Array = (ids[..., None] == np.arange(x.shape[-1])).astype(x.dtype)
    return one_hot
