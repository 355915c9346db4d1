"""Losses of margins."""

from __future__ import annotations

import numpy as np

from nnspec.losses import margin as specs
from nnspec.reference.activation import sparsemax
from nnspec.reference.base import Array
from nnspec.reference.losses.base import distribution, elementwise, loss


def _lacking(spec: specs.Hinge | specs.SquaredHinge, x: Array, targets: Array) -> Array:
    """max(0, margin − y·x)."""
    y = elementwise(x, targets)
    y = 2 * y - 1 if spec.binary_targets else y
    return np.maximum(spec.margin - y * x, 0)


@loss.register(specs.Hinge)
def _hinge(spec: specs.Hinge, x: Array, targets: Array) -> Array:
    return _lacking(spec, x, targets)


@loss.register(specs.SquaredHinge)
def _squared_hinge(spec: specs.SquaredHinge, x: Array, targets: Array) -> Array:
    return _lacking(spec, x, targets) ** 2


@loss.register(specs.CategoricalHinge)
def _categorical_hinge(spec: specs.CategoricalHinge, x: Array, targets: Array) -> Array:
    y = distribution(x, targets, spec)
    others = x + spec.margin * (1 - y) if spec.rival == "class" else spec.margin + (1 - y) * x
    return np.asarray(np.maximum(others.max(-1) - (y * x).sum(-1), 0))


@loss.register(specs.SparsemaxLoss)
def _sparsemax_loss(spec: specs.SparsemaxLoss, x: Array, targets: Array) -> Array:
    y, p = distribution(x, targets, spec), sparsemax(x)
    largest = x.max(-1, keepdims=True)
    # Σ (p − y)·x, of differences of scores alone where Σ y = 1.
    linear = ((p - y) * (x - largest)).sum(-1) + (1 - y.sum(-1)) * largest[..., 0]
    return np.asarray(linear + ((y * y).sum(-1) - (p * p).sum(-1)) / 2)


@loss.register(specs.BinarySparsemaxLoss)
def _binary_sparsemax_loss(spec: specs.BinarySparsemaxLoss, x: Array, targets: Array) -> Array:
    y, p = elementwise(x, targets), np.clip((x + 1) / 2, 0, 1)
    return np.asarray((p - y) ** 2 + y * np.maximum(-1 - x, 0) + (1 - y) * np.maximum(x - 1, 0))
