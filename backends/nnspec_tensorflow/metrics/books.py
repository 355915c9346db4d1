"""The sums of the loss, of all metrics and of what else is counted, side by side in one vector."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nnspec.metrics import Metric, Sums
from nnspec_tensorflow.startup import tf

Tensor = Any


class Books:
    """What stands where in a vector of sums.

    It is of float64, whatever the net's dtype, so that sums over long epochs lose nothing.

    Args:
        shapes: of the accumulators, by what is counted, in the vector's order.
        metrics: those of them that are metrics.
    """

    def __init__(self, shapes: Mapping[str, Sequence[tuple[int, ...]]], metrics: Mapping[str, Metric]) -> None:
        self._shapes, self._metrics = shapes, metrics

    @property
    def empty(self) -> Tensor:
        """The sums of nothing."""
        return tf.zeros(sum(math.prod(shape) for shapes in self._shapes.values() for shape in shapes), tf.float64)

    def added(self, sums: Tensor, outcome: Mapping[str, Sums]) -> Tensor:
        """Sums with those of a batch, which has all that is counted, in its order."""
        steps: list[Tensor] = []
        running = self._split(sums, tf.reshape)
        for name, batch in outcome.items():
            wide = tuple(tf.cast(x, tf.float64) for x in batch)
            metric = self._metrics.get(name)
            steps += wide if metric is None else metric.increments(running[name], wide)
        return sums + tf.concat([tf.reshape(step, [-1]) for step in steps], axis=0)

    def named(self, sums: Any) -> dict[str, Sums]:
        """Sums on the host by name: numbers, and arrays."""
        found = self._split(sums, np.reshape)
        return {name: tuple(x if x.ndim else x.item() for x in parts) for name, parts in found.items()}

    def _split(self, sums: Any, reshape: Callable[[Any, tuple[int, ...]], Any]) -> dict[str, Sums]:
        parts: dict[str, Sums] = {}
        start = 0
        for name, shapes in self._shapes.items():
            ends = np.cumsum([start, *map(math.prod, shapes)]).tolist()
            parts[name] = tuple(reshape(sums[ends[i] : ends[i + 1]], shape) for i, shape in enumerate(shapes))
            start = ends[-1]
        return parts
