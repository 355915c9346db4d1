"""The rows of each update, in a new random order in every epoch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads import Workload


class Batches:
    """Endless batches of row numbers."""

    def __init__(self, workload: Workload, dtype: type[np.integer] = np.int32) -> None:
        self._shape = (workload.steps, workload.batch)
        self._random = np.random.default_rng(1)
        self._dtype = dtype
        self._order = np.empty((0, workload.batch), dtype)
        self._at = 0

    def next(self) -> NDArray[np.integer]:
        """The rows of the next batch (batch,)."""
        if self._at == len(self._order):
            rows, self._at = int(np.prod(self._shape)), 0
            self._order = self._random.permutation(rows).astype(self._dtype).reshape(self._shape)
        self._at += 1
        return self._order[self._at - 1]

    def several(self, count: int) -> NDArray[np.integer]:
        """The rows of the next batches (count, batch)."""
        return np.stack([self.next() for _ in range(count)])
