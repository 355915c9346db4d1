"""Pooling.

Where a maximum is differentiated it is taken one axis of the window after the other, over strided slices. Along each
axis, and from the last axis to the first, the earlier of two equal elements is kept: that is the first of all in
row-major order. XLA's own way back from ``reduce_window``, select-and-scatter, is slow on CPUs; its way forward is
twice as fast as slices are, so predictions take that one. Both choose among the same numbers, so nothing is rounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce

import jax
import jax.numpy as jnp
from flax import nnx

from nnspec.layers.pooling import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from nnspec.layers.window import pads, shares
from nnspec_jax.realize import Context, build, differentiated_as, rounded_once

Function = Callable[[jax.Array], jax.Array]


def earlier_maximum(first: jax.Array, second: jax.Array) -> jax.Array:
    """The larger of the two, the first if they are equal, and the first that is NaN."""
    return jnp.where((second <= first) | jnp.isnan(first), first, second)


def _max_along(x: jax.Array, axis: int, window: int, stride: int, around: tuple[int, int]) -> jax.Array:
    """The maximum of windows along one axis."""
    if any(around):
        # By the element at the edge, which is in the window, too: unlike −∞ it changes neither values nor gradients.
        x = jnp.pad(x, [around if a == axis else (0, 0) for a in range(x.ndim)], mode="edge")
    reach = x.shape[axis] - window + 1
    return reduce(earlier_maximum, (jax.lax.slice_in_dim(x, i, i + reach, stride, axis) for i in range(window)))


def first_maximum(x: jax.Array, axis: int) -> jax.Array:
    """The maximum along one axis. The gradient goes to the first of equal elements, or of NaN."""
    first = jnp.argmax(x, axis, keepdims=True)
    return jnp.sum(jnp.where(jax.lax.broadcasted_iota(first.dtype, x.shape, axis) == first, x, 0.0), axis)


@build.register
def max_pool(spec: MaxPool, context: Context) -> Function:
    def around(x: jax.Array) -> tuple[tuple[int, int], ...]:
        return pads(spec.padding, x.shape[1:-1], spec.window, spec.stride, (1,) * len(spec.window))

    def sliced(x: jax.Array) -> jax.Array:
        padding = around(x)
        for i in reversed(range(len(spec.window))):
            x = _max_along(x, i + 1, spec.window[i], spec.stride[i], padding[i])
        return x

    @differentiated_as(sliced)
    def pooled(x: jax.Array) -> jax.Array:
        window, stride = (1, *spec.window, 1), (1, *spec.stride, 1)
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, stride, ((0, 0), *around(x), (0, 0)))

    return rounded_once(pooled)


@build.register
def avg_pool(spec: AvgPool, context: Context) -> Function:
    def pooled(x: jax.Array) -> jax.Array:
        return nnx.avg_pool(x, spec.window, spec.stride, spec.padding.upper(), count_include_pad=spec.count_include_pad)

    return rounded_once(pooled)


@build.register
def global_avg_pool(spec: GlobalAvgPool, context: Context) -> Function:
    return rounded_once(lambda x: jnp.mean(x, tuple(range(1, x.ndim - 1))))


@build.register
def global_max_pool(spec: GlobalMaxPool, context: Context) -> Function:
    def first(x: jax.Array) -> jax.Array:
        return first_maximum(x.reshape(x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1]), 1)

    return rounded_once(differentiated_as(first)(lambda x: jnp.max(x, tuple(range(1, x.ndim - 1)))))


def _adaptive(spec: AdaptiveAvgPool | AdaptiveMaxPool, along: Callable[[jax.Array, int], jax.Array]) -> Function:
    """Parts reduced one axis after the other, the last one first."""

    def pooled(x: jax.Array) -> jax.Array:
        for axis in reversed(range(1, x.ndim - 1)):
            cuts = shares(x.shape[axis], spec.output_size[axis - 1])
            parts = [along(jax.lax.slice_in_dim(x, start, end, axis=axis), axis) for start, end in cuts]
            x = jnp.concatenate(parts, axis)
        return x

    return rounded_once(pooled)


@build.register
def adaptive_avg_pool(spec: AdaptiveAvgPool, context: Context) -> Function:
    return _adaptive(spec, lambda part, axis: jnp.mean(part, axis, keepdims=True))


@build.register
def adaptive_max_pool(spec: AdaptiveMaxPool, context: Context) -> Function:
    return _adaptive(spec, lambda part, axis: _max_along(part, axis, part.shape[axis], 1, (0, 0)))
