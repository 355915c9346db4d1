"""Metrics of decisions: how often which class was decided for, and rightly so.

Outputs are decided about in one of two ways:

* without a ``threshold``, one of several classes is decided for at each position: that of the largest output, the first
  of equals. Targets are class ids (...,) or distributions (..., classes), of which the largest counts.
* with a ``threshold``, each element is decided by itself: for it where p > threshold, p = σ(x) for logits x, or x
  itself with ``from_probabilities``. Targets are of the outputs' shape; those above 0.5 are positive.

Counts are sums of the weights of positions, or of elements. NaN where nothing was counted.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import Shape
from nnspec.metrics.base import Metric, features
from nnspec.spec import NonNegativeInt, PositiveFloat, Probability, spec

Average = Literal["macro", "micro", "weighted"]


@spec
class _Decisions(Metric):
    """Base of metrics of decisions."""

    mode: ClassVar[str] = "max"
    threshold: Probability | None = None
    from_probabilities: bool = False

    def __post_init__(self) -> None:
        if self.from_probabilities and self.threshold is None:
            raise SpecError("the largest output decides, be it a probability or not: set a threshold, or leave it out")

    @property
    def targets(self) -> str:  # type: ignore[override]
        """What the targets are."""
        return "labels" if self.threshold is None else "values"

    @property
    def axes(self) -> int:  # type: ignore[override]
        """How many of the outputs' last axes make one position."""
        return 1 if self.threshold is None else 0


@spec
class _Scores(_Decisions):
    """Base of scores of each class: of each element of the last axis, where a threshold decides.

    Accumulators: for each class the weights of the positions where it was rightly decided for (``hits``), where it is
    the target, where it was decided for, and of all.
    """

    accumulators: ClassVar[tuple[str, ...]] = ("hits", "targets", "outputs", "count")
    average: Average = "macro"
    class_id: NonNegativeInt | None = None

    def __post_init__(self) -> None:
        _Decisions.__post_init__(self)
        if self.class_id is not None and self.average != "macro":
            raise SpecError("class_id is about one class, average about all: give one of them")

    def shapes(self, outputs: Shape) -> tuple[tuple[int, ...], ...]:
        classes = features(outputs)
        if self.class_id is not None and self.class_id >= classes:
            raise ShapeError(f"class_id {self.class_id} is not one of {classes} classes (0 to {classes - 1})")
        return ((classes,),) * 4

    def shares(self, hits: Any, targets: Any, outputs: Any, count: Any) -> tuple[Any, Any]:
        """Numerator and denominator of the score of each class."""
        raise NotImplementedError

    def finalize(self, *sums: Any, xp: Any) -> Any:
        if self.average == "micro":
            sums = tuple(xp.sum(x, keepdims=True) for x in sums)
        hits, targets, outputs, count = sums
        of_class = quotient(*self.shares(hits, targets, outputs, count), xp)
        if self.class_id is not None:
            score = of_class[self.class_id]
        elif self.average == "micro":
            score = of_class[0]
        elif self.average == "weighted":
            score = quotient(xp.sum(targets * of_class), xp.sum(targets), xp)
        else:
            # As scikit-learn and torchmetrics: a class that never occurs is none; a label that never occurs is one.
            there = (count > 0) & ((targets + outputs > 0) | (self.threshold is not None))
            weight = xp.where(there, xp.ones_like(of_class), xp.zeros_like(of_class))
            score = quotient(xp.sum(weight * of_class), xp.sum(weight), xp)
        return where_counted(score, xp.sum(count), xp)


@spec
class Precision(_Scores):
    """Share of the positions decided for a class whose target it is: hits / outputs.

    ``average`` makes one number of the classes' (scikit-learn's names):

    * ``macro``: their mean; without a threshold a class that is neither target nor output anywhere is left out,
    * ``micro``: hits and positions of all classes together; without a threshold that is the accuracy,
    * ``weighted``: their mean, each weighing as many positions as it is the target of.

    ``class_id`` gives that of one class alone. A score whose denominator is 0 is 0. With one output and a threshold,
    all averages are the score of the positive class, Keras's and scikit-learn's ``binary``.

    Raises:
        ShapeError: ``class_id`` is that of no class.
    """

    def shares(self, hits: Any, targets: Any, outputs: Any, count: Any) -> tuple[Any, Any]:
        return hits, outputs


@spec
class Recall(_Scores):
    """Share of the positions whose target is a class that were decided for it: hits / targets.

    Averages as of :class:`Precision`. Other names: sensitivity, true positive rate.

    Raises:
        ShapeError: ``class_id`` is that of no class.
    """

    def shares(self, hits: Any, targets: Any, outputs: Any, count: Any) -> tuple[Any, Any]:
        return hits, targets


@spec
class FBeta(_Scores):
    """The weighted harmonic mean of precision and recall, (1 + β²) · hits / (β² · targets + outputs), β = ``beta``.

    β = 1 is the F1 score; recall counts β times as much as precision. Averages as of :class:`Precision`: those of the
    score, not of precision and recall. Source: van Rijsbergen 1979.

    Raises:
        ShapeError: ``class_id`` is that of no class.
    """

    beta: PositiveFloat = 1.0

    def shares(self, hits: Any, targets: Any, outputs: Any, count: Any) -> tuple[Any, Any]:
        square = self.beta * self.beta
        return (1 + square) * hits, square * targets + outputs


@spec
class Specificity(_Scores):
    """Share of the positions whose target is not a class that were not decided for it: true negatives / negatives.

    (count − targets − outputs + hits) / (count − targets); averages as of :class:`Precision`, where ``weighted`` weighs
    by targets, too. Another name: true negative rate.

    Raises:
        ShapeError: ``class_id`` is that of no class.
    """

    def shares(self, hits: Any, targets: Any, outputs: Any, count: Any) -> tuple[Any, Any]:
        return count - targets - outputs + hits, count - targets


@spec
class _Agreement(_Decisions):
    """Base of metrics of all classes together; with a threshold of two: of all elements, negative (0) and positive (1).

    Accumulators: for each class the weights of hits, targets and outputs.
    """

    accumulators: ClassVar[tuple[str, ...]] = ("hits", "targets", "outputs")

    def classes(self, outputs: Shape) -> int:
        """The number of classes, for outputs of this shape."""
        return features(outputs) if self.threshold is None else 2

    def shapes(self, outputs: Shape) -> tuple[tuple[int, ...], ...]:
        return ((self.classes(outputs),),) * 3


@spec
class BalancedAccuracy(_Agreement):
    """Mean of the recall of all classes that are a target somewhere: each counts alike, however often it occurs.

    hits / targets, averaged over the classes with targets > 0. Source: Brodersen et al. 2010.
    """

    def finalize(self, *sums: Any, xp: Any) -> Any:
        hits, targets, _ = sums
        there = xp.where(targets > 0, xp.ones_like(hits), xp.zeros_like(hits))
        return xp.sum(quotient(hits, targets, xp)) / xp.sum(there)


@spec
class MeanIoU(_Agreement):
    """Mean of the classes' intersection over union, hits / (targets + outputs − hits): the mean of Jaccard indices.

    A class that is neither target nor output anywhere is left out, as in Keras.
    """

    def finalize(self, *sums: Any, xp: Any) -> Any:
        hits, targets, outputs = sums
        union = targets + outputs - hits
        there = xp.where(union > 0, xp.ones_like(hits), xp.zeros_like(hits))
        return xp.sum(quotient(hits, union, xp)) / xp.sum(there)


@spec
class MatthewsCorrelation(_Agreement):
    """The correlation of targets and decisions, from −1 over 0 (by chance) to 1.

    (h·s − Σₖ oₖ·tₖ) / √((s² − Σₖ oₖ²) · (s² − Σₖ tₖ²))

    with the hits h and positions s of all classes, and outputs o and targets t of each; 0 where the denominator is 0.
    Source: Matthews 1975; Gorodkin 2004 for several classes.
    """

    def finalize(self, *sums: Any, xp: Any) -> Any:
        hits, targets, outputs = sums
        count = xp.sum(targets)
        # Of shares: counts to the fourth power are no exact numbers.
        t, o = quotient(targets, count, xp), quotient(outputs, count, xp)
        covariance = quotient(xp.sum(hits), count, xp) - xp.sum(o * t)
        variances = (xp.sum(o) ** 2 - xp.sum(o * o)) * (xp.sum(t) ** 2 - xp.sum(t * t))
        return where_counted(quotient(covariance, xp.sqrt(variances), xp), count, xp)


@spec
class CohenKappa(_Agreement):
    """Agreement beyond that by chance: κ = 1 − Σ d(i, j)·m(i, j) / Σ d(i, j)·tᵢ·oⱼ/s.

    m(i, j) is the weight of the positions with target i that were decided for j, t and o are its sums by target and by
    output, and s is that of all. d(i, j) is 0 where i = j, and else

    * 1 with ``weights: none``,
    * |i − j| with ``linear``, (i − j)² with ``quadratic``: classes stand in an order.

    NaN where the denominator is 0, as in scikit-learn. Source: Cohen 1960, 1968.
    """

    accumulators: ClassVar[tuple[str, ...]] = ("distance", "targets", "outputs")
    weights: Literal["none", "linear", "quadratic"] = "none"

    def shapes(self, outputs: Shape) -> tuple[tuple[int, ...], ...]:
        classes = self.classes(outputs)
        return (), (classes,), (classes,)

    def distance(self, i: Any, j: Any) -> Any:
        """d of arrays of class ids."""
        if self.weights == "none":
            return i != j
        return abs(i - j) if self.weights == "linear" else (i - j) ** 2

    def finalize(self, *sums: Any, xp: Any) -> Any:
        distance, targets, outputs = sums
        ids = xp.cumsum(xp.ones_like(targets)) - 1
        apart = self.distance(ids[:, None], ids)
        if self.weights == "none":
            apart = xp.where(apart, xp.ones_like(targets), xp.zeros_like(targets))
        by_chance = xp.sum(apart * targets[:, None] * outputs) / xp.sum(targets)
        return 1 - distance / by_chance


@spec
class ConfusionMatrix(_Decisions):
    """The weights of the positions with each target (row) that were decided for each class (column), Σ w: counts.

    Its result is a matrix, which no epoch records and nothing can monitor: ``nnspec evaluate`` shows it. With a
    threshold it is that of all elements, with the rows and columns negative and positive.
    """

    accumulators: ClassVar[tuple[str, ...]] = ("matrix",)
    scalar: ClassVar[bool] = False

    def classes(self, outputs: Shape) -> int:
        """The number of classes, for outputs of this shape."""
        return features(outputs) if self.threshold is None else 2

    def shapes(self, outputs: Shape) -> tuple[tuple[int, ...], ...]:
        return ((self.classes(outputs),) * 2,)

    def finalize(self, *sums: Any, xp: Any) -> Any:
        return sums[0]


def quotient(a: Any, b: Any, xp: Any) -> Any:
    """a / b, and 0 where b is 0."""
    there = b != 0
    return xp.where(there, a / xp.where(there, b, xp.ones_like(b)), xp.zeros_like(a))


def where_counted(value: Any, count: Any, xp: Any) -> Any:
    """The value; NaN where nothing was counted."""
    return xp.where(count > 0, value, xp.full_like(value, math.nan))
