"""Elements chosen by ids, and reductions of what has the same id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnspec import indexing as specs
from nnspec_jax.realize import Context, build, copied, widened

Function = Callable[..., jax.Array]


def _counted(ids: Any, size: int) -> tuple[jax.Array, jax.Array]:
    """Ids counted from the front, 0 where they are beyond the end, and whether they are not."""
    positive = jnp.where(ids < 0, ids + size, ids)
    known = (positive >= 0) & (positive < size)
    return jnp.where(known, positive, 0), known


def _or_nothing(known: jax.Array, y: jax.Array) -> jax.Array:
    """The elements that are some; else NaN, 0 or false."""
    beyond = jnp.nan if jnp.issubdtype(y.dtype, jnp.floating) else 0
    return jnp.where(known, y, jnp.asarray(beyond, y.dtype))


@build.register
def take(spec: specs.Take, context: Context) -> Function:
    def taken(x: jax.Array, ids: jax.Array | None = None) -> jax.Array:
        axis = spec.axis % x.ndim
        behind = [1] * (x.ndim - axis - 1)
        if ids is None:
            found, known = _counted(np.array(spec.indices, np.int32), x.shape[axis])
            return _or_nothing(known.reshape(-1, *behind), jnp.take(x, found, axis, mode="clip"))
        found, known = _counted(ids, x.shape[axis])
        y = jax.vmap(lambda row, chosen: jnp.take(row, chosen, axis - 1, mode="clip"))(x, found)
        return _or_nothing(known.reshape(len(ids), *[1] * (axis - 1), *ids.shape[1:], *behind), y)

    return copied(taken)


@build.register
def take_along_axis(spec: specs.TakeAlongAxis, context: Context) -> Function:
    def taken(x: jax.Array, ids: jax.Array) -> jax.Array:
        found, known = _counted(ids, x.shape[spec.axis])
        return _or_nothing(known, jnp.take_along_axis(x, found, spec.axis, mode="clip"))

    return copied(taken)


@build.register
def update_slice(spec: specs.UpdateSlice, context: Context) -> Function:
    def updated(x: jax.Array, update: jax.Array, start: jax.Array) -> jax.Array:
        axis = spec.axis % x.ndim
        place = jnp.arange(x.shape[axis], dtype=jnp.int32) - start[:, None]
        place = place.reshape(len(start), *[1] * (axis - 1), x.shape[axis], *[1] * (x.ndim - axis - 1))
        inside = (place >= 0) & (place < update.shape[axis])
        if update.shape[axis] > 1:  # else it is broadcast, which takes less time than to look it up
            update = jnp.take_along_axis(update, jnp.where(inside, place, 0), axis, mode="clip")
        return jnp.where(inside, update, x)

    return copied(updated)


@build.register
def one_hot(spec: specs.OneHot, context: Context) -> Function:
    return lambda x: jax.nn.one_hot(x, spec.num_classes, dtype=context.dtype, axis=spec.axis)


def _bucketed(spec: specs._Segments, ids: jax.Array) -> jax.Array:
    """The ids, those that are none of the segments being one more."""
    return jnp.where((ids >= 0) & (ids < spec.num_segments), ids, spec.num_segments)


def _reduced(spec: specs._Segments, function: Any, x: jax.Array, ids: jax.Array) -> jax.Array:
    """Each segment of each example reduced by a function of JAX's."""
    return jax.vmap(lambda row, each: function(row, each, spec.num_segments + 1)[:-1])(x, _bucketed(spec, ids))


@build.register
def segment_sum(spec: specs.SegmentSum, context: Context) -> Function:
    return lambda x, ids: _reduced(spec, jax.ops.segment_sum, widened(x), ids).astype(x.dtype)


@build.register
def segment_mean(spec: specs.SegmentMean, context: Context) -> Function:
    def mean(x: jax.Array, ids: jax.Array) -> jax.Array:
        wide = widened(x)
        count = jnp.maximum(_reduced(spec, jax.ops.segment_sum, jnp.ones(ids.shape, wide.dtype), ids), 1)
        return (
            _reduced(spec, jax.ops.segment_sum, wide, ids) / count.reshape(*count.shape, *[1] * (x.ndim - 2))
        ).astype(x.dtype)

    return mean


@build.register
def segment_max(spec: specs.SegmentMax, context: Context) -> Function:
    def maximum(x: jax.Array, ids: jax.Array) -> jax.Array:
        fixed, n = jax.lax.stop_gradient(x), x.shape[1]
        undefined = jnp.isnan(fixed)
        largest = _reduced(spec, jax.ops.segment_max, jnp.where(undefined, -jnp.inf, fixed), ids)
        spoilt = _reduced(spec, jax.ops.segment_max, undefined.astype(jnp.int32), ids) > 0

        def of_its_segment(values: jax.Array) -> jax.Array:
            padded = jnp.pad(values, [(0, 0), (0, 1), *[(0, 0)] * (x.ndim - 2)])
            return jax.vmap(lambda row, each: row[each])(padded, _bucketed(spec, ids))

        chosen = jnp.where(of_its_segment(spoilt), undefined, fixed == of_its_segment(largest))
        place = jax.lax.broadcasted_iota(jnp.int32, x.shape, 1)
        first = _reduced(spec, jax.ops.segment_min, jnp.where(chosen, place, n), ids)
        found = first < n
        return jnp.where(found, jnp.take_along_axis(x, jnp.where(found, first, 0), 1), -jnp.inf)

    return maximum
