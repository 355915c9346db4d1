"""Layers that spread the values of each image and channel over the whole range."""

from __future__ import annotations

import numpy as np

from nnspec.layers.histogram import (
    AutoContrast,
    ContrastLimitedAdaptiveHistogramEqualization,
    Equalization,
    _Spread,
)
from nnspec.reference.base import Array, Scope, apply


@apply.register(AutoContrast)
def auto_contrast(spec: AutoContrast, scope: Scope, x: Array) -> Array:
    smallest, largest = x.min((1, 2), keepdims=True), x.max((1, 2), keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        stretched = spec.value_range[0] + (x - smallest) * x.dtype.type(spec.extent) / (largest - smallest)
    return np.where(largest > smallest, stretched, x)


def _bins(spec: _Spread, x: Array, count: int) -> Array:
    """The bin of each value."""
    z = np.nan_to_num((x - spec.value_range[0]) * ((count - 1) / spec.extent), nan=0.0)
    return np.floor(np.clip(z, 0, count - 1)).astype(np.int64)


@apply.register(Equalization)
def equalization(spec: Equalization, scope: Scope, x: Array) -> Array:
    bins, y = _bins(spec, x, spec.bins), x.copy()
    for image in range(len(x)):
        for channel in range(x.shape[-1]):
            here = bins[image, :, :, channel]
            below = np.bincount(here.ravel(), minlength=spec.bins).cumsum()
            fewest = below[here.min()]
            if fewest < here.size:
                table = np.round(255 * (below - fewest) / (here.size - fewest)).astype(x.dtype)
                y[image, :, :, channel] = spec.value_range[0] + table[here] * spec.extent / 255
    return np.where(np.isnan(x), x, y)


@apply.register(ContrastLimitedAdaptiveHistogramEqualization)
def clahe(spec: ContrastLimitedAdaptiveHistogramEqualization, scope: Scope, x: Array) -> Array:
    (rows, columns), (batch, height, width, channels) = spec.tile_grid_size, x.shape
    h, w = -(-height // rows), -(-width // columns)
    bins = _bins(spec, x, 256)
    padded = np.pad(bins, ((0, 0), (0, rows * h - height), (0, columns * w - width), (0, 0)), mode="symmetric")
    tiles = padded.reshape(batch, rows, h, columns, w, channels)
    maps = np.empty((batch, rows, columns, channels, 256), x.dtype)
    for image, i, j, channel in np.ndindex(maps.shape[:-1]):
        maps[image, i, j, channel] = _map(spec, tiles[image, i, :, j, :, channel], x)
    each = np.arange(batch)[:, None, None, None]

    def mapped(row: Array, column: Array) -> Array:
        found: Array = maps[each, row[:, None, None], column[:, None], np.arange(channels), bins]
        return found

    above, under, down = _around(height, h, rows)
    left, right, across = _around(width, w, columns)
    v, u = down.astype(x.dtype)[:, None, None], across.astype(x.dtype)[:, None]
    upper = mapped(above, left) * (1 - u) + mapped(above, right) * u
    lower = mapped(under, left) * (1 - u) + mapped(under, right) * u
    y = spec.value_range[0] + (upper * (1 - v) + lower * v) * spec.extent / 255
    return np.where(np.isnan(x), x, y)


def _map(spec: ContrastLimitedAdaptiveHistogramEqualization, tile: Array, like: Array) -> Array:
    """What becomes of each bin by the histogram of a tile."""
    counts = np.bincount(tile.ravel(), minlength=256).astype(like.dtype)
    if spec.clip_limit:
        limited = np.minimum(counts, like.dtype.type(spec.clip_limit * tile.size / 256))
        counts = limited + (counts - limited).sum() / 256
    cumulative = counts.cumsum()
    rest = tile.size - cumulative[0]
    found: Array = np.clip((cumulative - cumulative[0]) * 255 / (rest if rest else 1), 0, 255)
    return found


def _around(size: int, tile: int, count: int) -> tuple[Array, Array, Array]:
    """For each position along an axis the tiles whose centers are before and after it, and the weight of the latter."""
    places = (np.arange(size) - tile / 2) / tile
    before = np.floor(places)
    first, second = (np.clip(before + i, 0, count - 1).astype(int) for i in (0, 1))
    return first, second, places - before
