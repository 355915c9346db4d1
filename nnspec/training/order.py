"""The order of the rows in an epoch."""

from __future__ import annotations

import numpy as np

from nnspec.backends import Array
from nnspec.random import permutation


def epoch_order(seed: int, epoch: int, rows: int, batch: int, shuffle: bool) -> tuple[Array, Array]:
    """The rows of an epoch (from 0): full batches (steps, batch) and the remainder (fewer than batch,)."""
    order = permutation(seed, "shuffle", epoch, rows) if shuffle else np.arange(rows, dtype=np.int32)
    full = rows // batch
    return np.ascontiguousarray(order[: full * batch].reshape(full, batch)), order[full * batch :]
