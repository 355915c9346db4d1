"""Areas under curves over all thresholds."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from nnspec.layers.base import Shape
from nnspec.metrics.base import Metric
from nnspec.spec import spec


@spec
class AUC(Metric):
    """The area under the ROC curve, or under that of precision by recall, from fixed thresholds.

    As Keras's ``AUC``, with n = ``num_thresholds`` thresholds k / (n − 1): an element with k < p·(n − 1) ≤ k + 1 is in
    bucket k, one with p = 0 in the first. p = σ(x) for logits x, or x itself with ``from_probabilities``. Between
    thresholds the ROC curve is straight, and for ``curve: pr`` true and false positives grow in proportion (Davis &
    Goadrich 2006): precision is no straight line then.

    What lies in one bucket is not told apart. The area under the ROC curve differs from the exact one, scikit-learn's,
    by at most half of Σ P·N / (Σ P · Σ N), P and N the positives and negatives of each bucket. Sharp probabilities,
    which crowd near 0 and 1, need more thresholds.

    Accumulators: the weights of positive elements (targets above 0.5) and of negative ones in each bucket, for all
    outputs together. NaN where there are no positive ones, and for ROC where there are no negative ones.
    """

    mode: ClassVar[str] = "max"
    accumulators: ClassVar[tuple[str, ...]] = ("positives", "negatives")
    curve: Literal["roc", "pr"] = "roc"
    num_thresholds: Annotated[int, Field(ge=2)] = 200
    from_probabilities: bool = False

    @property
    def buckets(self) -> int:
        """How many lie between the thresholds."""
        return self.num_thresholds - 1

    def shapes(self, outputs: Shape) -> tuple[tuple[int, ...], ...]:
        return (self.buckets,), (self.buckets,)

    def finalize(self, *sums: Any, xp: Any) -> Any:
        # From the largest probability down: the step within each bucket, and what is above it.
        up, right = (xp.flip(x) for x in sums)
        true, false = xp.cumsum(up), xp.cumsum(right)
        if self.curve == "roc":
            return xp.sum(right * (true - up / 2)) / (true[-1] * false[-1])
        taken, before = up + right, true + false - up - right
        slope = up / xp.where(taken > 0, taken, xp.ones_like(taken))
        started = (before > 0) & (taken > 0)
        base = xp.where(started, before, xp.ones_like(before))
        ratio = xp.where(started, (before + taken) / base, xp.ones_like(base))
        area = slope * (up + (true - up - slope * before) * xp.log(ratio))
        return xp.sum(area) / true[-1]
