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

    With ``over_batch``, as in Keras unless it is given axes, the sums are over all examples of the batch, each times
    its weight, and the value is that of every example: examples that weigh 0 are as if they were not there. A value
    depends on the batch that its example is in then, and the loss of an epoch is one of batches of this size.

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
    over_batch: bool = False

    def positions(self, outputs: Shape) -> Shape:
        return _regions(outputs, self.per_class)

    def pools(self) -> bool:
        return self.over_batch

    def links(self) -> tuple[str, ...]:
        return _links(self.multiclass)


@spec
class Tversky(Loss):
    """One minus the Tversky index: the overlap, where what is found wrongly and what is missed weigh differently.

    l = 1 − (Σ p·y + s) / (Σ p·y + alpha · Σ p·(1 − y) + beta · Σ (1 − p)·y + s),  s = ``smooth``

    p, the axes of the sums, targets, ``smooth_numerator`` and ``over_batch`` are as for :class:`Dice`, which this is
    with alpha = beta = ½ and half of its s. In Keras alpha and beta are exchanged: its alpha weighs what is missed.
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
    over_batch: bool = False

    def positions(self, outputs: Shape) -> Shape:
        return _regions(outputs, self.per_class)

    def pools(self) -> bool:
        return self.over_batch

    def links(self) -> tuple[str, ...]:
        return _links(self.multiclass)


@spec
class GeneralizedDice(Loss):
    """The Dice losses of the classes, of which those that are rare in the batch weigh more.

    l = Σₖ vₖ · (1 − (2·Σ p·y + s) / (Σ p + Σ y + s)),  s = ``smooth``
    vₖ = uₖ / Σⱼ uⱼ,  uₖ = 1 / (fₖ² + ε),  ε = ``epsilon``

    for classes k along the last axis, with p = softmax(x) for logits x, the default, or p = x with
    ``from_probabilities``. Sums are over all other axes of an example, so that there is one value per example; fₖ is
    Σ y over the whole batch, of examples times their weights. A value depends on the batch that its example is in.
    Optax's ``smooth`` is half of this one. Targets: y of x's shape, in [0, 1].

    Source: Sudre et al. 2017, arXiv:1707.03237, whose weights these are; it adds up numerators and divisors of classes.

    Raises:
        ShapeError: there is no axis of classes.
    """

    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    alone: ClassVar[str] = "of one output weighs no class against another: use Dice"
    smooth: PositiveFloat = 1.0
    from_probabilities: bool = False
    epsilon: PositiveFloat = 1e-7

    def positions(self, outputs: Shape) -> Shape:
        if len(outputs) < 2:
            raise ShapeError(f"GeneralizedDice needs an axis of classes, got outputs {show(outputs)}")
        return outputs[:1]

    def pools(self) -> bool:
        return True

    def links(self) -> tuple[str, ...]:
        return _links(True)
