"""Losses of numbers: errors per element."""

from __future__ import annotations

from nnspec.losses.base import Loss
from nnspec.spec import PositiveFloat, spec


@spec
class MeanSquaredError(Loss):
    """l = (x − y)² per element."""


@spec
class MeanAbsoluteError(Loss):
    """l = |x − y| per element; ∂l/∂x = 0 where x = y."""


@spec
class Huber(Loss):
    """l = e²/2 for |e| ≤ delta, delta · (|e| − delta/2) else, e = x − y, per element. Source: Huber 1964."""

    delta: PositiveFloat = 1.0
