"""Layers that spread the values of each image and channel over the whole range."""

from __future__ import annotations

from functools import partial
from typing import Any

from nnspec.layers.histogram import (
    AutoContrast,
    ContrastLimitedAdaptiveHistogramEqualization,
    Equalization,
    _Spread,
)
from nnspec.reductions import Max, Min
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.compilation import island
from nnspec_tensorflow.realize import Context, build, sizes, traced_sizes
from nnspec_tensorflow.startup import keras, tf
from nnspec_tensorflow.stateless import SpecFunction, formula

Tensor = Any


@build.register(AutoContrast)
@build.register(Equalization)
@build.register(ContrastLimitedAdaptiveHistogramEqualization)
def spread(spec: _Spread, context: Context) -> keras.layers.Layer:
    return SpecFunction(spec, **context.options)


@formula.register
def auto_contrast(spec: AutoContrast, x: Tensor) -> Tensor:
    smallest, largest = (formula(kind((1, 2), keepdims=True), x) for kind in (Min, Max))
    apart = largest > smallest
    divisor = tf.where(apart, largest - smallest, tf.ones_like(largest))
    y = constant(spec.value_range[0], x) + (x - smallest) * constant(spec.extent, x) / divisor
    return tf.where(apart, y, x)


@formula.register
def equalization(spec: Equalization, x: Tensor) -> Tensor:
    return island(partial(_equalized, spec))(x)


@formula.register
def clahe(spec: ContrastLimitedAdaptiveHistogramEqualization, x: Tensor) -> Tensor:
    return island(partial(_by_tiles, spec))(x)


def _bins(spec: _Spread, x: Tensor, count: int) -> Tensor:
    """The bin of each value, int32."""
    z = (tf.stop_gradient(x) - constant(spec.value_range[0], x)) * constant((count - 1) / spec.extent, x)
    z = tf.where(tf.math.is_nan(z), tf.zeros_like(z), z)
    return tf.cast(tf.clip_by_value(z, constant(0, x), constant(count - 1, x)), tf.int32)  # not negative: down


def _counts(cells: Tensor, bins: Tensor, number: Any, count: int) -> Tensor:
    """How often each bin occurs in each cell, int32 (number of cells, count of bins)."""
    places = cells * count + bins
    found = tf.math.unsorted_segment_sum(tf.ones_like(places), places, number * count)
    return tf.reshape(found, (number, count))


def _looked_up(tables: Tensor, cells: Tensor, bins: Tensor) -> Tensor:
    return tf.gather(tf.reshape(tables, (-1,)), cells * tables.shape[-1] + bins)


def _equalized(spec: Equalization, x: Tensor) -> Tensor:
    batch, height, width, channels = sizes(x)
    count, bins = height * width, _bins(spec, x, spec.bins)
    cells = tf.range(batch)[:, None, None, None] * channels + tf.range(channels) + tf.zeros_like(bins)
    below = tf.cumsum(_counts(cells, bins, batch * channels, spec.bins), -1)
    fewest = tf.reduce_min(tf.where(below > 0, below, count), -1, keepdims=True)
    table = _rounded_quotient(255 * (below - fewest), tf.maximum(count - fewest, 1))
    looked_up = tf.cast(_looked_up(table, cells, bins), x.dtype)
    y = constant(spec.value_range[0], x) + looked_up * constant(spec.extent, x) / constant(255, x)
    single = tf.gather(fewest[:, 0], cells) == count
    return tf.where(single | tf.math.is_nan(x), x, y)


def _rounded_quotient(a: Tensor, b: Tensor) -> Tensor:
    """a / b of integers, halves rounded to even numbers; below 0 anything."""
    double = 2 * a + b
    quotient = double // (2 * b)
    tie = (double % (2 * b) == 0) & (quotient % 2 == 1)
    return quotient - tf.cast(tie, quotient.dtype)


def _by_tiles(spec: ContrastLimitedAdaptiveHistogramEqualization, x: Tensor) -> Tensor:
    batch, channels, (rows, columns) = sizes(x)[0], sizes(x)[3], spec.tile_grid_size
    sides = traced_sizes(spec, x, (1, 2))
    h, w = (spec.tile(side, count) for side, count in zip(sides, spec.tile_grid_size, strict=True))
    bins = _bins(spec, x, 256)
    padded = tf.pad(bins, ((0, 0), (0, rows * h - sides[0]), (0, columns * w - sides[1]), (0, 0)), "SYMMETRIC")
    first = tf.range(batch)[:, None, None, None]

    def cells(row: list[int], column: list[int]) -> Tensor:
        """The cell of each pixel by the tiles of its position."""
        down, across = tf.constant(row)[:, None, None], tf.constant(column)[:, None]
        return ((first * rows + down) * columns + across) * channels + tf.range(channels)

    tiles = cells([i // h for i in range(rows * h)], [i // w for i in range(columns * w)])
    counts = tf.cast(_counts(tiles, padded, batch * rows * columns * channels, 256), x.dtype)
    maps = _maps(spec, counts, h * w)
    (above, under, down), (left, right, across) = (
        spec.places(side, count) for side, count in zip(sides, spec.tile_grid_size, strict=True)
    )
    v, u = tf.constant(down, x.dtype)[:, None, None], tf.constant(across, x.dtype)[:, None]
    upper, lower = (
        _looked_up(maps, cells(row, left), bins) * (1 - u) + _looked_up(maps, cells(row, right), bins) * u
        for row in (above, under)
    )
    y = constant(spec.value_range[0], x) + (upper * (1 - v) + lower * v) * constant(spec.extent, x) / constant(255, x)
    return tf.where(tf.math.is_nan(x), x, y)


def _maps(spec: ContrastLimitedAdaptiveHistogramEqualization, counts: Tensor, size: int) -> Tensor:
    """What becomes of each bin by the histograms of tiles of so many pixels."""
    if spec.clip_limit:
        limited = tf.minimum(counts, constant(spec.clip_limit * size / 256, counts))
        counts = limited + tf.reduce_sum(counts - limited, -1, keepdims=True) / 256
    cumulative = tf.cumsum(counts, -1)
    rest = constant(size, counts) - cumulative[..., :1]
    divisor = tf.where(rest == 0, tf.ones_like(rest), rest)
    return tf.clip_by_value(
        (cumulative - cumulative[..., :1]) * 255 / divisor, constant(0, counts), constant(255, counts)
    )
