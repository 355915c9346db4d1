"""Weighted means of a value at each position, and functions of such a mean."""

from __future__ import annotations

from typing import Any, ClassVar

from nnspec.metrics.base import Metric
from nnspec.spec import Margin, PositiveFloat, PositiveInt, spec


@spec
class Accuracy(Metric):
    """Share of positions whose largest output (the first of equals) is the target's class.

    Targets: class ids (...,) or a distribution (..., classes), of which the largest counts.
    """

    mode: ClassVar[str] = "max"
    targets: ClassVar[str] = "labels"
    axes: ClassVar[int] = 1


@spec
class TopKAccuracy(Metric):
    """Share of positions whose target class is among the k largest outputs.

    A class counts if fewer than k outputs are larger, or equal with a smaller index.
    """

    mode: ClassVar[str] = "max"
    targets: ClassVar[str] = "labels"
    axes: ClassVar[int] = 1
    k: PositiveInt = 5


@spec
class BinaryAccuracy(Metric):
    """Share of elements on the target's side: (p > threshold) = (t > 0.5), p = σ(x) for logits x, or x itself."""

    mode: ClassVar[str] = "max"
    threshold: float = 0.5
    from_probabilities: bool = False


@spec
class Perplexity(Metric):
    """e to the mean cross-entropy in nats, e^(Σ w·l / Σ w): how many equally likely classes were left to choose from.

    l = −Σₖ yₖ · ln pₖ per position, p = softmax(x) along the last axis for logits x, the default; with
    ``from_probabilities`` p = x / Σ x, clipped to [epsilon, 1 − epsilon], as :class:`SoftmaxCrossEntropy` does.

    Targets: class ids (...,) or a distribution (..., classes). Source: Jelinek et al. 1977.
    """

    targets: ClassVar[str] = "labels"
    axes: ClassVar[int] = 1
    from_probabilities: bool = False
    epsilon: Margin = 1e-7

    def finalize(self, *sums: Any, xp: Any) -> Any:
        total, count = sums
        return xp.exp(total / count)


@spec
class CosineSimilarity(Metric):
    """Mean of the cosine between outputs and targets along the last axis.

    c = Σ x·y / (max(‖x‖, ε) · max(‖y‖, ε)), ε = ``epsilon``

    Targets: y of x's shape; weights are those of the vectors. Keras's epsilon is 1e-7.
    """

    mode: ClassVar[str] = "max"
    axes: ClassVar[int] = 1
    epsilon: PositiveFloat = 1e-8


@spec
class MSE(Metric):
    """Mean of (x − t)²."""


@spec
class RMSE(Metric):
    """√ of the mean of (x − t)²."""

    def finalize(self, *sums: Any, xp: Any) -> Any:
        total, count = sums
        return xp.sqrt(total / count)


@spec
class MAE(Metric):
    """Mean of |x − t|."""


@spec
class MAPE(Metric):
    """Mean absolute percentage error: mean of 100 · |x − t| / max(|t|, epsilon), in percent, as Keras's.

    scikit-learn's is a share, of which this is the hundredfold; its epsilon is 2.2e-16.
    """

    epsilon: PositiveFloat = 1e-7


@spec
class MSLE(Metric):
    """Mean squared logarithmic error: mean of (ln(1 + max(x, ε)) − ln(1 + max(t, ε)))², ε = ``epsilon``."""

    epsilon: PositiveFloat = 1e-7
