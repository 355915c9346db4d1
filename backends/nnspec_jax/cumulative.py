"""Running sums, products and extremes along an axis."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from nnspec import cumulative as specs
from nnspec_jax.pooling import earlier_maximum
from nnspec_jax.realize import Context, build, rounded_once

Function = Callable[[jax.Array], jax.Array]
Running = Callable[[jax.Array, int], jax.Array]


def _maximum(x: jax.Array, axis: int) -> jax.Array:
    """The running maximum, whose gradient goes to the first of equal elements; JAX's own shares it."""
    return jax.lax.associative_scan(earlier_maximum, x, axis=axis)


def _running(spec: specs._Cumulative, function: Running, start: float) -> Function:
    def along(x: jax.Array) -> jax.Array:
        axis = spec.place(x.shape)
        x = jnp.flip(x, axis) if spec.reverse else x
        if spec.exclusive:
            first = jnp.full_like(jax.lax.slice_in_dim(x, 0, 1, axis=axis), start)
            x = jnp.concatenate([first, jax.lax.slice_in_dim(x, 0, x.shape[axis] - 1, axis=axis)], axis)
        y = function(x, axis)
        return jnp.flip(y, axis) if spec.reverse else y

    return rounded_once(along)


@build.register
def cumulative_sum(spec: specs.CumulativeSum, context: Context) -> Function:
    return _running(spec, jnp.cumsum, 0.0)


@build.register
def cumulative_prod(spec: specs.CumulativeProd, context: Context) -> Function:
    return _running(spec, jnp.cumprod, 1.0)


@build.register
def cumulative_max(spec: specs.CumulativeMax, context: Context) -> Function:
    return _running(spec, _maximum, -jnp.inf)


@build.register
def cumulative_min(spec: specs.CumulativeMin, context: Context) -> Function:
    return _running(spec, lambda x, axis: -_maximum(-x, axis), jnp.inf)
