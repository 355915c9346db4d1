"""Losses of sequences."""

from __future__ import annotations

import numpy as np

from nnspec.errors import DataError, ShapeError
from nnspec.layers.base import show
from nnspec.losses import sequences as specs
from nnspec.reference.activation import log_softmax
from nnspec.reference.base import Array
from nnspec.reference.losses.base import loss


@loss.register(specs.CTC)
def _ctc(spec: specs.CTC, x: Array, targets: Array) -> Array:
    spec.positions(x.shape)
    counts, ids = _sequences(spec, x, targets)
    logs = log_softmax(x)
    values = [
        _alignments(logs[i, : counts[i]], ids[i][: np.argmax([*(ids[i] == spec.blank), True])], spec.blank)
        for i in range(len(x))
    ]
    losses = -np.array(values, x.dtype)
    return np.where(np.isposinf(losses), 0, losses) if spec.zero_infinity else losses


def _sequences(spec: specs.CTC, x: Array, targets: Array) -> tuple[Array, Array]:
    """How many steps of each example count, and the class ids of its sequence with what pads them."""
    if targets.dtype.kind not in "iu" or targets.ndim != 2 or targets.shape[1] < spec.step_counts:
        raise ShapeError(f"CTC takes rows of class ids (integers), got {targets.dtype} of shape {show(targets.shape)}")
    if len(targets) != len(x):
        raise ShapeError(f"{len(targets)} sequences of class ids for {len(x)} examples")
    ids = spec.class_ids(targets)
    wrong = ids[(ids < 0) | (ids >= x.shape[-1])]
    if wrong.size:
        raise DataError(f"class id {wrong[0]} is not one of {x.shape[-1]} classes (0 to {x.shape[-1] - 1})")
    counts = targets[:, 0] if spec.step_counts else np.full(len(x), x.shape[1])
    return np.clip(counts, 0, x.shape[1]), ids


def _alignments(logs: Array, ids: Array, blank: int) -> float:
    """ln Σ of the probabilities of all alignments of a sequence of class ids; logs (time, classes)."""
    extended = np.full(2 * len(ids) + 1, blank)
    extended[1::2] = ids
    alpha = np.full(len(extended), -np.inf, logs.dtype)  # of each place in the extended sequence, after some steps
    alpha[0] = 0
    for step in logs:
        come = alpha.copy()
        come[1:] = np.logaddexp(come[1:], alpha[:-1])
        skipped = np.where((extended[2:] != blank) & (extended[2:] != extended[:-2]), alpha[:-2], -np.inf)
        come[2:] = np.logaddexp(come[2:], skipped.astype(logs.dtype))
        alpha = come + step[extended]
    return float(alpha[0] if len(ids) == 0 else np.logaddexp(alpha[-1], alpha[-2]))
