"""Losses of margins."""

from __future__ import annotations

import numpy as np

from nnspec.losses import margin as specs
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
