"""What all losses share: their weighted sum, and targets that are checked."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from nnspec.errors import DataError, ShapeError
from nnspec.layers.base import show
from nnspec.losses.base import Loss
from nnspec.reference.base import Array, floats, missing


def value(spec: Loss, outputs: Any, targets: Any, weights: Any = None) -> tuple[float, float]:
    """(Σ w·l, count) of a batch; ``spec.result(total, count)`` is the reduced loss.

    The count is Σ w for "weighted_mean" and the number of positions else.

    Raises:
        ShapeError: outputs, targets and weights do not fit together.
        DataError: a class id that is no class.
    """
    losses = per_position(spec, outputs, targets)
    total, weight = weighted(losses, weights)
    return total, weight if spec.reduction == "weighted_mean" else float(losses.size)


def per_position(spec: Loss, outputs: Any, targets: Any) -> Array:
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


def distribution(x: Array, targets: Array) -> Array:
    """The targets as a distribution over the classes: class ids as one-hot."""
    ids = class_ids(x, targets)
    if ids is None:
        return elementwise(x, targets)
    one_hot: Array = (ids[..., None] == np.arange(x.shape[-1])).astype(x.dtype)
    return one_hot
