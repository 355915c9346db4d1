"""Elements chosen by ids, and reductions of what has the same id."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec import indexing as specs
from nnspec.reference.base import Array, Scope, apply, computing


def _counted(ids: Array, size: int) -> tuple[Array, Array]:
    """Ids counted from the front, 0 where they are beyond the end, and whether they are not."""
    positive = np.where(ids < 0, ids + size, ids)
    known = (positive >= 0) & (positive < size)
    return np.where(known, positive, 0), known


def _beyond(x: Array) -> Any:
    """What stands for an element that is none."""
    return x.dtype.type(np.nan) if x.dtype.kind == "f" else x.dtype.type(0)


@apply.register(specs.Take)
def take(spec: specs.Take, scope: Scope, x: Array, ids: Array | None = None) -> Array:
    axis = spec.axis % x.ndim
    if ids is None:
        found, known = _counted(np.array(spec.indices, np.int64), x.shape[axis])
        return np.where(known.reshape(-1, *[1] * (x.ndim - axis - 1)), np.take(x, found, axis), _beyond(x))
    rows = np.moveaxis(x, axis, 1)
    found, known = _counted(ids, x.shape[axis])
    batch = np.arange(len(x)).reshape(-1, *[1] * (ids.ndim - 1))
    y = np.where(known.reshape(*ids.shape, *[1] * (x.ndim - 2)), rows[batch, found], _beyond(x))
    count = ids.ndim - 1
    return np.moveaxis(y, range(1, 1 + count), range(axis, axis + count))


@apply.register(specs.TakeAlongAxis)
def take_along_axis(spec: specs.TakeAlongAxis, scope: Scope, x: Array, ids: Array) -> Array:
    found, known = _counted(ids, x.shape[spec.axis])
    return np.where(known, np.take_along_axis(x, found, spec.axis), _beyond(x))


@apply.register(specs.UpdateSlice)
def update_slice(spec: specs.UpdateSlice, scope: Scope, x: Array, update: Array, start: Array) -> Array:
    y, rows, new = x.copy(), spec.axis % x.ndim, np.arange(update.shape[spec.axis])
    for example, first in enumerate(start):
        there = (new + first >= 0) & (new + first < x.shape[rows])
        given = np.compress(there, update[example], rows - 1)
        np.moveaxis(y[example], rows - 1, 0)[new[there] + first] = np.moveaxis(given, rows - 1, 0)
    return y


@apply.register(specs.OneHot)
def one_hot(spec: specs.OneHot, scope: Scope, x: Array) -> Array:
    hot = x[..., None] == np.arange(spec.num_classes)
    return np.asarray(np.moveaxis(hot, -1, spec.axis), computing(scope.state.dtype))


def _segments(spec: specs._Segments, ids: Array) -> Array:
    """Which elements are in which segment: (batch, num_segments, n)."""
    return np.asarray(ids[:, None] == np.arange(spec.num_segments)[:, None])


def _summed(spec: specs._Segments, x: Array, ids: Array) -> Array:
    y = np.zeros((len(x), spec.num_segments, *x.shape[2:]), x.dtype)
    known = (ids >= 0) & (ids < spec.num_segments)
    batch, places = np.nonzero(known)
    np.add.at(y, (batch, ids[known]), x[batch, places])
    return y


@apply.register(specs.SegmentSum)
def segment_sum(spec: specs.SegmentSum, scope: Scope, x: Array, ids: Array) -> Array:
    return _summed(spec, x, ids)


@apply.register(specs.SegmentMean)
def segment_mean(spec: specs.SegmentMean, scope: Scope, x: Array, ids: Array) -> Array:
    count = np.maximum(_segments(spec, ids).sum(-1), 1).astype(x.dtype)
    return np.asarray(_summed(spec, x, ids) / count.reshape(*count.shape, *[1] * (x.ndim - 2)))


@apply.register(specs.SegmentMax)
def segment_max(spec: specs.SegmentMax, scope: Scope, x: Array, ids: Array) -> Array:
    inside = _segments(spec, ids)
    inside = inside.reshape(*inside.shape, *[1] * (x.ndim - 2))
    return np.asarray(np.where(inside, x[:, None], x.dtype.type(-np.inf)).max(2, initial=-np.inf))
