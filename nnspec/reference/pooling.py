"""Pooling: reductions over every position of the window, or over all positions. NaN goes through."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnspec.layers.pooling import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from nnspec.layers.window import pads
from nnspec.reference.base import Array, Scope, apply
from nnspec.reference.convolution import windows


def _windows(spec: MaxPool | AvgPool, x: Array, value: float) -> Array:
    """All windows of x, padded with ``value``: (batch, *positions, channels, *window)."""
    ones = (1,) * len(spec.window)
    around = pads(spec.padding, x.shape[1:-1], spec.window, spec.stride, ones)
    padded = np.pad(x, ((0, 0), *around, (0, 0)), constant_values=value)
    return windows(padded, spec.window, spec.stride, ones)


def _last(spec: MaxPool | AvgPool) -> tuple[int, ...]:
    """The axes of the window."""
    return tuple(range(-len(spec.window), 0))


@apply.register(MaxPool)
def max_pool(spec: MaxPool, scope: Scope, x: Array) -> Array:
    y: Array = _windows(spec, x, -np.inf).max(_last(spec))
    return y


@apply.register(AvgPool)
def avg_pool(spec: AvgPool, scope: Scope, x: Array) -> Array:
    counted = _windows(spec, np.ones_like(x[:1]), 1.0 if spec.count_include_pad else 0.0)
    y: Array = _windows(spec, x, 0.0).sum(_last(spec)) / counted.sum(_last(spec))
    return y


@apply.register(GlobalAvgPool)
def global_avg_pool(spec: GlobalAvgPool, scope: Scope, x: Array) -> Array:
    y: Array = x.mean(tuple(range(1, x.ndim - 1)))
    return y


@apply.register(GlobalMaxPool)
def global_max_pool(spec: GlobalMaxPool, scope: Scope, x: Array) -> Array:
    y: Array = x.max(tuple(range(1, x.ndim - 1)))
    return y


def _parts(spec: AdaptiveAvgPool | AdaptiveMaxPool, x: Array, reduce: Callable[..., Array]) -> Array:
    """Each part of x, reduced over its positions."""
    y = np.empty((len(x), *spec.output_size, x.shape[-1]), x.dtype)
    for p in np.ndindex(*spec.output_size):
        axes = zip(p, x.shape[1:-1], spec.output_size, strict=True)
        part = [slice(int(np.floor(i * n / m)), int(np.ceil((i + 1) * n / m))) for i, n, m in axes]
        y[(slice(None), *p)] = reduce(x[(slice(None), *part)], axis=tuple(range(1, x.ndim - 1)))
    return y


@apply.register(AdaptiveAvgPool)
def adaptive_avg_pool(spec: AdaptiveAvgPool, scope: Scope, x: Array) -> Array:
    return _parts(spec, x, np.mean)


@apply.register(AdaptiveMaxPool)
def adaptive_max_pool(spec: AdaptiveMaxPool, scope: Scope, x: Array) -> Array:
    return _parts(spec, x, np.max)
