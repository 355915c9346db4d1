"""Losses of numbers."""

from __future__ import annotations

import numpy as np

from nnspec.losses import regression as specs
from nnspec.reference.base import Array
from nnspec.reference.losses.base import elementwise, loss


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
