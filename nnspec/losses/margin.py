"""Losses of margins: scores that shall be on the right side by a distance."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from nnspec.losses.base import Loss
from nnspec.spec import NonNegativeFloat, spec


def _sides(binary: bool) -> tuple[float, ...]:
    """What the targets of two classes are."""
    return (0.0, 1.0) if binary else (-1.0, 1.0)


@spec
class Hinge(Loss):
    """Hinge loss per element: l = max(0, margin − y·x), with ∂l/∂x = 0 where y·x = margin.

    Targets: y of x's shape, −1 or 1; with ``binary_targets`` they are 0 or 1 and become 2y − 1. (Keras decides by the
    batch: where all of its targets are 0 or 1, they are binary.) With ``margin: 0`` it is the perceptron's loss.
    Source: Cortes & Vapnik 1995; Rosenblatt 1958.
    """

    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    margin: NonNegativeFloat = 1.0
    binary_targets: bool = False

    def choices(self) -> tuple[float, ...]:
        return _sides(self.binary_targets)


@spec
class SquaredHinge(Loss):
    """Squared hinge loss per element: l = max(0, margin − y·x)². Targets as for :class:`Hinge`."""

    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    margin: NonNegativeFloat = 1.0
    binary_targets: bool = False

    def choices(self) -> tuple[float, ...]:
        return _sides(self.binary_targets)


@spec
class CategoricalHinge(Loss):
    """Hinge loss of the scores of classes along the last axis.

    l = max(0, maxₖ(xₖ + margin · (1 − yₖ)) − Σₖ yₖ·xₖ)        for ``rival: class``: the largest other score
    l = max(0, margin + maxₖ((1 − yₖ)·xₖ) − Σₖ yₖ·xₖ)          for ``rival: masked``, Keras's: no less than 0

    Targets: class ids (...,), taken as one-hot, or y (..., classes). Of several equal rivals the first has the
    derivative 1, the others 0; where l = 0 all derivatives are 0. With ``margin: 0`` it is the perceptron's loss.
    Source: Crammer & Singer 2001.
    """

    targets: ClassVar[str] = "labels"
    axes: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)
    alone: ClassVar[str] = "of one output knows no other class: give it one output per class, or use Hinge"
    margin: NonNegativeFloat = 1.0
    rival: Literal["class", "masked"] = "class"


@spec
class SparsemaxLoss(Loss):
    """The loss whose gradient is sparsemax(x) − y, along the last axis.

    l = Σₖ (pₖ − yₖ)·xₖ + (Σₖ yₖ² − Σₖ pₖ²) / 2,  p = sparsemax(x)

    Targets: class ids (...,), taken as one-hot, or a distribution y (..., classes). It is 0 where y = p: for class ids
    where the score of the class is above all others by 1 at least. Source: Martins & Astudillo 2016, arXiv:1602.02068.
    """

    targets: ClassVar[str] = "labels"
    axes: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)
    alone: ClassVar[str] = "of one output is always 0: give it one output per class, or use BinarySparsemaxLoss"


@spec
class BinarySparsemaxLoss(Loss):
    """The loss whose gradient is p − y with p = min(max((x + 1)/2, 0), 1), per element: a Huber-like hinge loss.

    l = (p − y)² + y · max(0, −1 − x) + (1 − y) · max(0, x − 1)

    Targets: y of x's shape, in [0, 1]. Source: Blondel, Martins & Niculae 2020, arXiv:1901.02324, section 4.4.
    """

    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
