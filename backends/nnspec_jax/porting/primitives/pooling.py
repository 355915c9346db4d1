"""Reductions of windows: maxima, minima, sums and, where a sum is divided by their count, means."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, cast

import nnspec
from nnspec.layers.window import pads
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, primitive
from nnspec_jax.porting.primitives.arrangement import padded
from nnspec_jax.porting.primitives.operands import BATCH, call, layout, permuted, refuse, reshaped, shape, step, view

_MOST = 3


class _Windows:
    """The windows of a reduction, by axes of the node."""

    def __init__(self, context: Context, params: Any, x: Value) -> None:
        if layout(context, x) != BATCH:
            refuse(context, "windows of an array whose first axis is not the batch alone have no counterpart")
        for name in ("base_dilation", "window_dilation"):
            if set(params[name]) != {1}:
                refuse(context, f"windows with {name} {tuple(params[name])} have no counterpart: pool without")
        fields = ("window_dimensions", "window_strides", "padding")
        self.sizes, self.strides, self.padding = (tuple(params[name]) for name in fields)
        if (self.sizes[0], self.strides[0], tuple(self.padding[0])) != (1, 1, (0, 0)):
            refuse(context, "windows over the batch axis have no counterpart")
        self.axes = [
            axis
            for axis in range(1, len(self.sizes))
            if (self.sizes[axis], self.strides[axis], tuple(self.padding[axis])) != (1, 1, (0, 0))
        ]

    def of(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Of values by axis those of the axes that have windows."""
        return tuple(values[axis] for axis in self.axes)


def _pooled(context: Context, x: Value, windows: _Windows, layer: Any, filled: float | None) -> Value:
    """A pooling layer over any axes: they are brought between batch and channels, and back."""
    axes, count = windows.axes, len(context.shapes[x])
    if not axes:
        return x
    if len(axes) > _MOST:
        refuse(context, f"windows over {len(axes)} axes have no counterpart: pool over at most {_MOST} at a time")
    channels = [axis for axis in range(1, count) if axis not in axes]
    order = [*axes, *channels]
    moved = permuted(context, x, order)
    sizes = context.shapes[moved][1:]
    own = [sizes[i] for i in range(len(axes), len(sizes))]
    flat = reshaped(context, moved, (*sizes[: len(axes)], prod(cast("list[int]", own))))
    how = _padding(windows, shape(context, x))
    if how is None:
        margins = tuple((int(low), int(high)) for low, high in windows.of(windows.padding))
        if filled is None:
            refuse(context, f"padding {margins} of windows has no counterpart in a maximum: pad before it")
        flat, how = step(context, nnspec.Pad(margins, value=filled), flat), "valid"
    window = tuple(map(int, windows.of(windows.sizes)))
    made = call(context, layer(window, tuple(map(int, windows.of(windows.strides))), how), flat)
    result = context.shapes[made][1 : 1 + len(axes)]
    wide = reshaped(context, made, (*result, *own))
    return view(context, permuted(context, wide, [order.index(axis) + 1 for axis in range(1, count)]), BATCH)


def _padding(windows: _Windows, sizes: Sequence[int | None]) -> str | None:
    """Which of the words of a layer says what is padded, if any does."""
    given = tuple(tuple(map(int, margins)) for margins in windows.of(windows.padding))
    if all(margins == (0, 0) for margins in given):
        return "valid"
    window, strides = (tuple(map(int, windows.of(values))) for values in (windows.sizes, windows.strides))
    same = pads("same", cast("tuple[int, ...]", windows.of(sizes)), window, strides, (1,) * len(window))
    return "same" if given == same else None


@primitive("reduce_window_max")
def reduce_window_max(context: Context, params: Any, x: Value) -> Value:
    return _largest(context, params, x)


def _largest(context: Context, params: Any, x: Value) -> Value:
    windows = _Windows(context, params, x)
    if _padding(windows, shape(context, x)) is None:
        x, windows = _outside(context, x, windows)
    return _pooled(context, x, windows, nnspec.MaxPool, None)


def _outside(context: Context, x: Value, windows: _Windows) -> tuple[Value, _Windows]:
    """x padded by −∞, which is never a maximum, and windows without padding."""
    for axis in windows.axes:
        low, high = windows.padding[axis]
        x = padded(context, x, axis, int(low), int(high), 0, -float("inf"))
    windows.padding = ((0, 0),) * len(windows.padding)
    return x, windows


@primitive("reduce_window_min")
def reduce_window_min(context: Context, params: Any, x: Value) -> Value:
    turned = step(context, nnspec.Negative(), x)
    return call(context, nnspec.Negative(), _largest(context, params, turned))


@primitive("reduce_window_sum")
def reduce_window_sum(context: Context, params: Any, x: Value) -> Value:
    """The mean of each window, with the zeros outside counted, times their number."""
    windows = _Windows(context, params, x)
    if not windows.axes:
        return x
    mean = _pooled(context, x, windows, _including, 0.0)
    return call(context, nnspec.Rescaling(float(prod(windows.sizes))), mean)


def _including(window: tuple[int, ...], strides: tuple[int, ...], padding: Any) -> Any:
    return nnspec.AvgPool(window, strides, padding, count_include_pad=True)


@primitive("reduce_window", "select_and_scatter", "select_and_scatter_add", "select_and_gather_add")
def others(context: Context, params: Any, *operands: Any) -> Value:
    refuse(context, "a reduction of windows by a function of its own has no counterpart: maxima, minima and sums have")
