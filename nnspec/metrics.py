"""Metrics: sums over examples, accumulated on the device, and what is made of them at the end of an epoch.

Every metric is a weighted mean: it adds Σ w·v to a total and Σ w to a count, hence is exact over batches of any size.
A position whose target is the ``ignore_label`` of the loss that is trained with is none for the metrics either.
"""

from __future__ import annotations

import math
from typing import ClassVar

from nnspec.spec import PositiveInt, Spec, spec


@spec
class Metric(Spec):
    """Base of all metrics."""

    kind: ClassVar[str] = "metric"
    # Which way is better, for early stopping and the best checkpoint.
    mode: ClassVar[str] = "min"
    # What the targets are: "labels" (class ids or one-hot) or "values" (of the outputs' shape).
    targets: ClassVar[str] = "values"

    def result(self, total: float, count: float) -> float:
        """The metric from its sums; NaN when nothing was counted."""
        return total / count if count else math.nan


@spec
class Accuracy(Metric):
    """Share of positions whose largest output (the first of equals) is the target's class.

    Targets: class ids (...,) or a distribution (..., classes), of which the largest counts.
    """

    mode: ClassVar[str] = "max"
    targets: ClassVar[str] = "labels"


@spec
class TopKAccuracy(Metric):
    """Share of positions whose target class is among the k largest outputs.

    A class counts if fewer than k outputs are larger, or equal with a smaller index.
    """

    mode: ClassVar[str] = "max"
    targets: ClassVar[str] = "labels"
    k: PositiveInt = 5


@spec
class BinaryAccuracy(Metric):
    """Share of elements on the target's side: (p > threshold) = (t > 0.5), p = σ(x) for logits x, or x itself."""

    mode: ClassVar[str] = "max"
    threshold: float = 0.5
    from_probabilities: bool = False


@spec
class MSE(Metric):
    """Mean of (x − t)²."""


@spec
class RMSE(Metric):
    """√ of the mean of (x − t)²."""

    def result(self, total: float, count: float) -> float:
        return math.sqrt(total / count) if count else math.nan


@spec
class MAE(Metric):
    """Mean of |x − t|."""
