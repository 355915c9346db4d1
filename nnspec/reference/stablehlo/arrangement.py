"""Operations that put elements at other places."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from nnspec.errors import SpecError
from nnspec.reference.base import Array
from nnspec.reference.stablehlo.evaluate import Call, rule
from nnspec.stablehlo.attributes import LARGEST


@rule("broadcast_in_dim")
def broadcast_in_dim(call: Call, x: Array) -> Array:
    """y[i] = x[j] with j[d] = i[broadcast_dimensions[d]], or 0 where x has one element along d."""
    shape = call.result.shape
    axes = call.axes("broadcast_dimensions", len(shape))
    if len(axes) != x.ndim or any(size not in (1, shape[axis]) for axis, size in zip(axes, x.shape, strict=True)):
        raise SpecError(f"{call.given[0]} cannot be broadcast to {call.result} along the axes {list(axes)}")
    order = sorted(range(x.ndim), key=lambda d: axes[d])
    placed = [1] * len(shape)
    for axis, size in zip(axes, x.shape, strict=True):
        placed[axis] = size
    return np.broadcast_to(x.transpose(order).reshape(placed), shape)


@rule("reshape")
def reshape(call: Call, x: Array) -> Array:
    return x.reshape(call.result.shape)


@rule("transpose")
def transpose(call: Call, x: Array) -> Array:
    """Axis d of y is the axis permutation[d] of x."""
    return x.transpose(call.axes("permutation", x.ndim))


@rule("reverse")
def reverse(call: Call, x: Array) -> Array:
    return np.flip(x, call.axes("dimensions", x.ndim))


@rule("concatenate")
def concatenate(call: Call, *inputs: Array) -> Array:
    if any(of.dtype != call.result.dtype for of in call.given):
        raise SpecError(f"expected parts of {call.result}, got {', '.join(map(str, call.given))}")
    return np.concatenate(inputs, _axis(call, "dimension", call.result.shape))


@rule("iota")
def iota(call: Call) -> Array:
    """The places along an axis: y[i] = i[iota_dimension]."""
    shape = call.result.shape
    axis = _axis(call, "iota_dimension", shape)
    places = np.arange(shape[axis]).astype(call.dtype)
    return np.broadcast_to(places.reshape([-1 if d == axis else 1 for d in range(len(shape))]), shape)


def _axis(call: Call, name: str, shape: Sequence[int]) -> int:
    axis = call.number(name)
    if not 0 <= axis < len(shape):
        raise SpecError(f"{name} is {axis}: expected an axis of an array that has {len(shape)}")
    return axis


@rule("slice")
def strided_slice(call: Call, x: Array) -> Array:
    """x from start to limit, which is left out, in steps."""
    start = call.numbers("start_indices", x.ndim)
    limit = call.numbers("limit_indices", x.ndim)
    step = call.numbers("strides", x.ndim, 1)
    for d, size in enumerate(x.shape):
        if not (0 <= start[d] <= limit[d] <= size and step[d] > 0):
            raise SpecError(f"from {start[d]} to {limit[d]} in steps of {step[d]} is none along an axis of {size}")
    return x[tuple(map(slice, start, limit, step))]


@rule("pad")
def pad(call: Call, x: Array, value: Array) -> Array:
    low, high, between = (
        call.numbers(name, x.ndim) for name in ("edge_padding_low", "edge_padding_high", "interior_padding")
    )
    if value.shape != ():
        raise SpecError(f"expected one number to pad with, got {call.given[1]}")
    # As large as the program says before memory is taken for it.
    if padded_shape(x.shape, low, high, between) != call.result.shape:
        raise SpecError(f"{call.given[0]} with {low}, {high} and {between} around and within is not {call.result}")
    return padded(x, value, low, high, between)


def padded_shape(
    shape: Sequence[int], low: Sequence[int], high: Sequence[int], between: Sequence[int]
) -> tuple[int, ...]:
    """The shape of an array with so much before, behind and between the elements along each axis; less if negative.

    Raises:
        SpecError: more is taken away than there is, less than nothing put between, or so much that no memory has it.
    """
    sizes = tuple(
        n + max(n - 1, 0) * k + before + after for n, before, after, k in zip(shape, low, high, between, strict=True)
    )
    if any(size < 0 for size in sizes) or any(k < 0 for k in between) or prod(sizes) > LARGEST:
        raise SpecError(f"an array of the shape {tuple(shape)} cannot be padded to {sizes}")
    return sizes


def padded(x: Array, value: Any, low: Sequence[int], high: Sequence[int], between: Sequence[int]) -> Array:
    """An array with values before, behind and between its elements along each axis: what is negative cuts off."""
    shape = padded_shape(x.shape, low, high, between)
    around = np.full(
        [size + max(-before, 0) + max(-after, 0) for size, before, after in zip(shape, low, high, strict=True)],
        value,
        x.dtype,
    )
    within = tuple(
        slice(max(before, 0), max(before, 0) + max(n + max(n - 1, 0) * k, 0), k + 1)
        for n, before, k in zip(x.shape, low, between, strict=True)
    )
    around[within] = x
    cut = tuple(slice(max(-before, 0), max(-before, 0) + size) for before, size in zip(low, shape, strict=True))
    return around[cut]


def _starts(shape: Sequence[int], sizes: Sequence[int], starts: Sequence[Array]) -> tuple[slice, ...]:
    """A window of these sizes, moved so far that it lies within."""
    if len(sizes) != len(shape) or len(starts) != len(shape) or any(np.shape(start) for start in starts):
        raise SpecError(f"expected a size and a start for each of {len(shape)} axes")
    if any(not 0 <= size <= whole for size, whole in zip(sizes, shape, strict=True)):
        raise SpecError(f"a window of {tuple(sizes)} does not lie within {tuple(shape)}")
    first = [min(max(int(start), 0), whole - size) for start, whole, size in zip(starts, shape, sizes, strict=True)]
    return tuple(slice(i, i + size) for i, size in zip(first, sizes, strict=True))


@rule("dynamic_slice")
def dynamic_slice(call: Call, x: Array, *starts: Array) -> Array:
    """A window of x from these starts on, which are clamped so that it lies within."""
    return x[_starts(x.shape, call.numbers("slice_sizes", x.ndim), starts)]


@rule("dynamic_update_slice")
def dynamic_update_slice(call: Call, x: Array, update: Array, *starts: Array) -> Array:
    """x with another array at a window, whose starts are clamped so that it lies within."""
    if call.given[1].dtype != call.result.dtype:
        raise SpecError(f"{call.given[1]} cannot be put into {call.result}")
    y = x.copy()
    y[_starts(x.shape, update.shape, starts)] = update
    return y
