"""Losses of segmentations: how far what is found and what is there overlap."""

from __future__ import annotations

from typing import ClassVar

from nnspec.errors import ShapeError
from nnspec.layers.base import Shape, show
from nnspec.losses.base import Loss
from nnspec.spec import NonNegativeFloat, PositiveFloat, spec


def _regions(outputs: Shape, per_class: bool) -> Shape:
    """The shape of losses of whole examples, or of their classes along the last axis."""
    if not per_class:
        return outputs[:1]
    if len(outputs) < 2:
        raise ShapeError(f"per_class needs an axis of classes, got outputs {show(outputs)}")
    return (outputs[0], outputs[-1])


def _links(multiclass: bool) -> tuple[str, ...]:
    """What makes probabilities, first of all the function that is applied to logits."""
    return ("softmax", "sigmoid") if multiclass else ("sigmoid", "softmax")


@spec
class Dice(Loss):
    """One minus the Dice coefficient of what is found and what is there.

    l = 1 − (2·Σ p·y + s) / (Σ p + Σ y + s),  s = ``smooth``

    with p = σ(x) for logits x, the default, p = softmax(x) along the last axis with ``multiclass``, or p = x with
    ``from_probabilities``. The sums are over all axes of an example, so that there is one value per example; with
    ``per_class`` over all but the last, one per example and class. Without ``smooth_numerator``, as in Keras, s is
    added to the divisor alone: an example with nothing to find, in which nothing is found, has l = 1 instead of 0.

    Targets: y of x's shape, in [0, 1]. Source: Milletari et al. 2016, arXiv:1606.04797, with the plain sums of
    Sudre et al. 2017, arXiv:1707.03237.

    Raises:
        ShapeError: ``per_class`` without an axis of classes.
    """

    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    smooth: PositiveFloat = 1.0
    smooth_numerator: bool = True
    from_probabilities: bool = False
    multiclass: bool = False
    per_class: bool = False

    def positions(self, outputs: Shape) -> Shape:
        return _regions(outputs, self.per_class)

    def links(self) -> tuple[str, ...]:
        return _links(self.multiclass)


@spec
class Tversky(Loss):
    """One minus the Tversky index: the overlap, where what is found wrongly and what is missed weigh differently.

    l = 1 − (Σ p·y + s) / (Σ p·y + alpha · Σ p·(1 − y) + beta · Σ (1 − p)·y + s),  s = ``smooth``

    p, the axes of the sums, the targets and ``smooth_numerator`` are as for :class:`Dice`, which is this with
    alpha = beta = ½ and half of its s. In Keras alpha and beta are exchanged: its alpha weighs what is missed.
    Source: Salehi et al. 2017, arXiv:1706.05721.

    Raises:
        ShapeError: ``per_class`` without an axis of classes.
    """

    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    alpha: NonNegativeFloat = 0.5
    beta: NonNegativeFloat = 0.5
    smooth: PositiveFloat = 1.0
    smooth_numerator: bool = True
    from_probabilities: bool = False
    multiclass: bool = False
    per_class: bool = False

    def positions(self, outputs: Shape) -> Shape:
        return _regions(outputs, self.per_class)

    def links(self) -> tuple[str, ...]:
        return _links(self.multiclass)
