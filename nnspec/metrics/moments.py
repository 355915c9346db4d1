"""Metrics of variances and covariances, which are accumulated about a value of the data: large means cost no digits.

Each output along the last axis has its own, over all other axes; ``average`` makes one number of them.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from nnspec.layers.base import Shape
from nnspec.metrics.base import Metric, Sums, features
from nnspec.metrics.classification import quotient, where_counted
from nnspec.spec import spec

# Less than any sum of weights that is not 0.
_TINY = 1e-30


@spec
class _Moments(Metric):
    """Base of metrics of two variables: the targets t, and the errors t − x or the outputs x.

    Accumulators, for each output: Σ w; a shift of both variables, which is the first value that counts; of the
    differences d to it Σ w·d and Σ w·d² of both, and Σ w·d·d of one with the other. A value of the data is as near
    to their mean as others are: little of these sums cancels. Equal values have sums of exactly 0.
    """

    mode: ClassVar[str] = "max"
    accumulators: ClassVar[tuple[str, ...]] = (
        *("count", "shift_t", "shift_x", "first_t", "first_x"),
        *("second_t", "second_x", "second_tx"),
    )
    # Whether the other variable is the error of the outputs, and not the outputs themselves.
    errors: ClassVar[bool] = True

    def shapes(self, outputs: Shape) -> tuple[tuple[int, ...], ...]:
        return ((features(outputs),),) * len(self.accumulators)

    def increments(self, running: Sums, batch: Sums) -> Sums:
        """What a batch adds, with its sums taken about the shifts that the running ones have, or get from it."""
        count, shift_t, shift_x, *_ = running
        more, its_t, its_x, first_t, first_x, second_t, second_x, second_tx = batch
        empty = 1 - count / (count + _TINY)  # 1 where nothing was counted yet, else 0
        step_t, step_x = empty * (its_t - shift_t), empty * (its_x - shift_x)
        t, x = its_t - (shift_t + step_t), its_x - (shift_x + step_x)
        return (
            *(more, step_t, step_x, first_t + more * t, first_x + more * x),
            second_t + t * (2 * first_t + more * t),
            second_x + x * (2 * first_x + more * x),
            second_tx + t * first_x + x * first_t + more * t * x,
        )


def _central(sums: Sums, xp: Any) -> tuple[Any, Any, Any, Any]:
    """The mean of the second variable, and the sums about the means: of t, of the second, and of both."""
    count, _, shift_x, first_t, first_x, second_t, second_x, second_tx = sums
    mean_t, mean_x = quotient(first_t, count, xp), quotient(first_x, count, xp)
    moment_t, moment_x = second_t - first_t * mean_t, second_x - first_x * mean_x
    zero = xp.zeros_like(count)
    return (
        shift_x + mean_x,
        xp.maximum(moment_t, zero),
        xp.maximum(moment_x, zero),
        second_tx - first_t * mean_x,
    )


@spec
class _Explained(_Moments):
    """Base of shares of the targets' variance."""

    average: Literal["uniform", "variance_weighted"] = "uniform"

    def missed(self, count: Any, mean: Any, moment: Any) -> Any:
        """What of each output's Σ w·(t − t̄)² is not explained."""
        raise NotImplementedError

    def finalize(self, *sums: Any, xp: Any) -> Any:
        count = sums[0]
        mean, total, moment, _ = _central(sums, xp)
        missed = self.missed(count, mean, moment)
        # Where there is nothing to explain, 1 if that was met exactly, else 0: scikit-learn's rule.
        exact = xp.where(missed > 0, xp.zeros_like(missed), xp.ones_like(missed))
        score = xp.where(total > 0, 1 - quotient(missed, total, xp), exact)
        weight = total if self.average == "variance_weighted" else xp.ones_like(total)
        weight = xp.where(xp.sum(weight) > 0, weight, xp.ones_like(weight))
        return where_counted(xp.sum(weight * score) / xp.sum(weight), xp.min(count), xp)


@spec
class R2(_Explained):
    """The coefficient of determination: 1 − Σ w·(t − x)² / Σ w·(t − t̄)², t̄ the weighted mean, for each output.

    ``average``: the mean over the outputs along the last axis, ``uniform`` or weighted by their targets' variances,
    ``variance_weighted`` (scikit-learn's ``multioutput``). An output whose targets are all equal has 1 where it meets
    them exactly and 0 else.
    """

    def missed(self, count: Any, mean: Any, moment: Any) -> Any:
        return moment + count * mean * mean


@spec
class ExplainedVariance(_Explained):
    """Share of the targets' variance that outputs explain: 1 − Var(t − x) / Var(t) for each output.

    That is :class:`R2` of outputs that are corrected by the mean of their errors.

    ``average`` and targets that are all equal: as for :class:`R2`.
    """

    def missed(self, count: Any, mean: Any, moment: Any) -> Any:
        return moment


@spec
class PearsonCorrelation(_Moments):
    """Pearson's correlation Σ w·(x − x̄)·(t − t̄) / √(Σ w·(x − x̄)² · Σ w·(t − t̄)²) for each output, and their mean.

    NaN where outputs or targets are all equal. Over all positions, as SciPy's; Keras's is that of each example's own
    elements. Source: Pearson 1895.
    """

    errors: ClassVar[bool] = False

    def finalize(self, *sums: Any, xp: Any) -> Any:
        _, moment_t, moment_x, moment_tx = _central(sums, xp)
        return xp.mean(moment_tx / (xp.sqrt(moment_t) * xp.sqrt(moment_x)))
