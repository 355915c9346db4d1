# mypy: ignore-errors

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp


def exclusive(
    running: Callable[..., jax.Array],
    x: jax.Array,
    axis: int,
    start: float,
    reverse: bool = False,
) -> jax.Array:
    """A running reduction of what comes before each element."""
    size = x.shape[axis]
    first = jnp.full_like(jax.lax.slice_in_dim(x, 0, 1, axis=axis), start)
    parts = [first, jax.lax.slice_in_dim(x, 0, size - 1, axis=axis)]
    if reverse:
        parts = [jax.lax.slice_in_dim(x, 1, size, axis=axis), first]
    return running(jnp.concatenate(parts, axis), axis=axis, reverse=reverse)


def update_slice(
    x: jax.Array, update: jax.Array, start: jax.Array, axis: int
) -> jax.Array:
    """x with a slice replaced that starts at a place of its own in each example."""

    def replaced(x: jax.Array, update: jax.Array, start: jax.Array) -> jax.Array:
        place = jnp.arange(x.shape[axis - 1]) - start
        inside = (place >= 0) & (place < update.shape[axis - 1])
        moved = jnp.take(update, jnp.where(inside, place, 0), axis=axis - 1)
        shape = [-1 if i == axis - 1 else 1 for i in range(x.ndim)]
        return jnp.where(inside.reshape(shape), moved, x)

    return jax.vmap(replaced)(x, update, start)


def segment_sum(x: jax.Array, ids: jax.Array, num_segments: int) -> jax.Array:
    """The sum of each example's elements of each id; others are left out."""
    ids = jnp.where(ids < 0, num_segments, ids)

    def total(x: jax.Array, ids: jax.Array) -> jax.Array:
        return jax.ops.segment_sum(x, ids, num_segments)

    return jax.vmap(total)(x, ids)


def segment_mean(x: jax.Array, ids: jax.Array, num_segments: int) -> jax.Array:
    """The mean of each example's elements of each id, 0 where there is none."""
    count = segment_sum(jnp.ones(ids.shape, x.dtype), ids, num_segments)
    count = jnp.maximum(count, 1).reshape(*count.shape, *(1,) * (x.ndim - 2))
    return segment_sum(x, ids, num_segments) / count


def segment_max(x: jax.Array, ids: jax.Array, num_segments: int) -> jax.Array:
    """The largest of each example's elements of each id, −∞ where there is none."""
    ids = jnp.where(ids < 0, num_segments, ids)

    def largest(x: jax.Array, ids: jax.Array) -> jax.Array:
        return jax.ops.segment_max(x, ids, num_segments)

    return jax.vmap(largest)(x, ids)
