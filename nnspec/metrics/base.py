"""What all metrics have: what they accumulate, how batches are added to it, and what is made of it at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from nnspec.layers.base import Shape, known
from nnspec.spec import Spec, spec

# What a metric has accumulated: an array or a number for each of its accumulators, in their order.
Sums = tuple[Any, ...]


@spec
class Metric(Spec):
    """Base of all metrics: the weighted mean Σ w·v / Σ w of a value at each position, unless a class says otherwise."""

    kind: ClassVar[str] = "metric"
    # Which way is better, for early stopping and the best checkpoint.
    mode: ClassVar[str] = "min"
    # What the targets are: "labels" (class ids or one-hot) or "values" (of the outputs' shape).
    targets: ClassVar[str] = "values"
    # How many of the outputs' last axes make one position: 1 for metrics of classes or of vectors.
    axes: ClassVar[int] = 0
    # Whether the result is a number, which can be monitored and recorded for each epoch.
    scalar: ClassVar[bool] = True
    # Names of what is accumulated.
    accumulators: ClassVar[tuple[str, ...]] = ("total", "count")

    def class_ids(self, targets: Any) -> Any:
        """What of targets that are integers are class ids; None if none of them are."""
        return targets if self.targets == "labels" else None

    def shapes(self, outputs: Shape) -> tuple[tuple[int, ...], ...]:
        """The shapes of the accumulators, for outputs of this shape (batch axis first).

        Raises:
            ShapeError: the metric does not fit outputs of this shape.
        """
        return tuple(() for _ in self.accumulators)

    def increments(self, running: Sums, batch: Sums) -> Sums:
        """What adding a batch's sums to running ones changes them by: the sums themselves, where these are plain sums.

        Arrays may be NumPy's or any framework's: nothing but arithmetic is asked of them.
        """
        return batch

    def result(self, *sums: Any) -> Any:
        """The metric from its sums, computed on the host in float64; NaN when nothing was counted."""
        import numpy as np  # no part of what a command that reads specs needs

        with np.errstate(all="ignore"):
            found = np.asarray(self.finalize(*(np.asarray(x, np.float64) for x in sums), xp=np))
        return float(found) if self.scalar else found

    def finalize(self, *sums: Any, xp: Any) -> Any:
        """The metric from its sums, as arrays of ``xp``: NumPy, or a namespace of the same functions."""
        total, count = sums
        return total / count


# The metrics of the only output, or those of each output by its name.
Metrics = Sequence[Metric] | Mapping[str, Sequence[Metric]]


def added(metric: Metric | None, running: Sums | None, batch: Sums) -> Sums:
    """Running sums with those of a batch, or of another part of the data; without a metric they are plain sums."""
    if running is None:
        return batch
    steps = batch if metric is None else metric.increments(running, batch)
    return tuple(x + step for x, step in zip(running, steps, strict=True))


def features(outputs: Shape) -> int:
    """The size of the last axis, over which a metric has an accumulator each; 1 for one output per example.

    Raises:
        ShapeError: it is not known.
    """
    return known(outputs[-1], "the last axis of the outputs") if len(outputs) > 1 else 1
