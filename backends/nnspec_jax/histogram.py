"""Layers that spread the values of each image and channel over the whole range."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from nnspec.layers.histogram import (
    AutoContrast,
    ContrastLimitedAdaptiveHistogramEqualization,
    Equalization,
    _Spread,
)
from nnspec.reductions import Max, Min
from nnspec_jax.realize import Context, build, rounded_once

Function = Callable[[jax.Array], jax.Array]


@build.register
def auto_contrast(spec: AutoContrast, context: Context) -> Function:
    smallest, largest = (build(kind((1, 2), keepdims=True), context) for kind in (Min, Max))

    def stretched(x: jax.Array) -> jax.Array:
        low, high = smallest(x), largest(x)
        apart = high > low
        y = spec.value_range[0] + (x - low) * spec.extent / jnp.where(apart, high - low, 1)
        return jnp.where(apart, y, x)

    return rounded_once(stretched)


def _bins(spec: _Spread, x: jax.Array, count: int) -> jax.Array:
    """The bin of each value, int32."""
    z = (jax.lax.stop_gradient(x) - spec.value_range[0]) * ((count - 1) / spec.extent)
    return jnp.clip(jnp.where(jnp.isnan(z), 0, z), 0, count - 1).astype(jnp.int32)  # not negative: cut off is down


def _counts(cells: jax.Array, bins: jax.Array, shape: tuple[int, int]) -> jax.Array:
    """How often each bin occurs in each cell, int32 of this shape."""
    return jnp.zeros(shape, jnp.int32).at[cells, bins].add(1)


@build.register
def equalization(spec: Equalization, context: Context) -> Function:
    def equalized(x: jax.Array) -> jax.Array:
        batch, height, width, channels = x.shape
        count, bins = height * width, _bins(spec, x, spec.bins)
        cells = jnp.arange(batch)[:, None, None, None] * channels + jnp.arange(channels)
        below = jnp.cumsum(_counts(cells, bins, (batch * channels, spec.bins)), -1)
        fewest = jnp.min(jnp.where(below > 0, below, count), -1, keepdims=True)
        table = _rounded_quotient(255 * (below - fewest), jnp.maximum(count - fewest, 1))
        y = spec.value_range[0] + table[cells, bins].astype(x.dtype) * spec.extent / 255
        return jnp.where((fewest[cells, 0] == count) | jnp.isnan(x), x, y)

    return rounded_once(equalized)


def _rounded_quotient(a: jax.Array, b: jax.Array) -> jax.Array:
    """a / b of integers, halves rounded to even numbers; below 0 anything."""
    double = 2 * a + b
    quotient = double // (2 * b)
    return quotient - ((double % (2 * b) == 0) & (quotient % 2 == 1))


@build.register
def clahe(spec: ContrastLimitedAdaptiveHistogramEqualization, context: Context) -> Function:
    def equalized(x: jax.Array) -> jax.Array:
        (batch, *sides, channels), (rows, columns) = x.shape, spec.tile_grid_size
        h, w = (spec.tile(side, count) for side, count in zip(sides, spec.tile_grid_size, strict=True))
        bins = _bins(spec, x, 256)
        padded = jnp.pad(
            bins, ((0, 0), (0, rows * h - sides[0]), (0, columns * w - sides[1]), (0, 0)), mode="symmetric"
        )
        first = jnp.arange(batch)[:, None, None, None]

        def cells(row: np.ndarray, column: np.ndarray) -> jax.Array:
            """The cell of each pixel by the tiles of its position."""
            return ((first * rows + row[:, None, None]) * columns + column[:, None]) * channels + np.arange(channels)

        counts = _counts(
            cells(np.arange(rows * h) // h, np.arange(columns * w) // w),
            padded,
            (batch * rows * columns * channels, 256),
        )
        maps = _maps(spec, counts.astype(x.dtype), h * w)
        (above, under, v), (left, right, u) = (
            map(np.array, spec.places(side, count)) for side, count in zip(sides, spec.tile_grid_size, strict=True)
        )
        v, u = jnp.asarray(v[:, None, None], x.dtype), jnp.asarray(u[:, None], x.dtype)
        upper = maps[cells(above, left), bins] * (1 - u) + maps[cells(above, right), bins] * u
        lower = maps[cells(under, left), bins] * (1 - u) + maps[cells(under, right), bins] * u
        y = spec.value_range[0] + (upper * (1 - v) + lower * v) * spec.extent / 255
        return jnp.where(jnp.isnan(x), x, y)

    return rounded_once(equalized)


def _maps(spec: ContrastLimitedAdaptiveHistogramEqualization, counts: jax.Array, size: int) -> jax.Array:
    """What becomes of each bin by the histograms of tiles of so many pixels."""
    if spec.clip_limit:
        limited = jnp.minimum(counts, spec.clip_limit * size / 256)
        counts = limited + jnp.sum(counts - limited, -1, keepdims=True) / 256
    cumulative = jnp.cumsum(counts, -1)
    rest = size - cumulative[..., :1]
    return jnp.clip((cumulative - cumulative[..., :1]) * 255 / jnp.where(rest == 0, 1, rest), 0, 255)
