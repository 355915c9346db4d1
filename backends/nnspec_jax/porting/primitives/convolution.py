"""Convolutions that a model's own code computes by ``jax.lax``.

With parameters as the kernel one is a ``Conv``. A kernel that is computed (standardized weights), or constant, is no
layer's variable: the windows are laid side by side and multiplied by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

import nnspec
from nnspec.layers.window import extent, pads
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, Free, Layout, primitive
from nnspec_jax.porting.primitives.alignment import as_value
from nnspec_jax.porting.primitives.arrangement import padded, sliced
from nnspec_jax.porting.primitives.operands import (
    BATCH,
    FREE,
    Operand,
    call,
    fixed,
    layout,
    permuted,
    place,
    refuse,
    reshaped,
    step,
    view,
)

# So many places of a window are laid side by side.
_MOST = 256


@dataclass(frozen=True)
class _Kernel:
    """What a convolution is told.

    Attributes:
        window: the sizes of its kernel along each axis.
        features: how many it gives.
    """

    window: tuple[int, ...]
    features: int
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int

    def sizes(self, inputs: Sequence[int]) -> tuple[int, ...]:
        """How many positions the window takes along each axis."""
        reach = extent(self.window, self.dilation)
        rooms = (low + n + high - r for n, (low, high), r in zip(inputs, self.padding, reach, strict=True))
        return tuple(room // stride + 1 for room, stride in zip(rooms, self.strides, strict=True))


@primitive("conv_general_dilated", parameters=True)
def conv_general_dilated(context: Context, params: Any, x: Operand, kernel: Operand | Free) -> Value:
    numbers = params["dimension_numbers"]
    if int(params["batch_group_count"]) != 1:
        refuse(context, "a convolution that groups examples of the batch has no counterpart")
    value = as_value(context, x)
    if layout(context, value).axis != numbers.lhs_spec[0] or layout(context, value).joined:
        refuse(context, "a convolution's batch is another axis than that of the model")
    spatial = numbers.lhs_spec[2:]
    if not 1 <= len(spatial) <= 3:
        refuse(context, f"a convolution over {len(spatial)} axes has no counterpart: nnspec has one to three")
    order = [place(context, value, axis, "convolves") for axis in (*spatial, numbers.lhs_spec[1])]
    moved = permuted(context, value, order, BATCH)
    padding = [tuple(map(int, margins)) for margins in params["padding"]]
    for i, step_ in enumerate(params["lhs_dilation"]):
        if step_ != 1:  # a transposed convolution: zeros between the elements
            moved = padded(context, moved, i + 1, 0, 0, int(step_) - 1, 0)
    for i, (low, high) in enumerate(padding):
        if low < 0 or high < 0:
            moved = padded(context, moved, i + 1, min(low, 0), min(high, 0), 0, 0)
            padding[i] = (max(low, 0), max(high, 0))
    layout_of_kernel = (*numbers.rhs_spec[2:], numbers.rhs_spec[1], numbers.rhs_spec[0])
    shape = _shape(context, kernel)
    how = _Kernel(
        tuple(shape[axis] for axis in numbers.rhs_spec[2:]),
        shape[numbers.rhs_spec[0]],
        tuple(map(int, params["window_strides"])),
        tuple((low, high) for low, high in padding),
        tuple(map(int, params["rhs_dilation"])),
        int(params["feature_group_count"]),
    )
    if isinstance(kernel, Free):
        made = _layer(context, moved, kernel, layout_of_kernel, how)
    else:
        made = _patches(context, moved, as_value(context, kernel), layout_of_kernel, how)
    return _back(context, made, numbers.out_spec)


def _shape(context: Context, kernel: Operand | Free) -> tuple[int, ...]:
    if isinstance(kernel, Free):
        return tuple(kernel.array.shape)
    if isinstance(kernel, Value):
        if layout(context, kernel) != FREE:
            refuse(context, "a convolution by a kernel that depends on the input has no counterpart")
        return fixed(context, context.shapes[kernel][1:])
    return tuple(kernel.shape)


def _layer(context: Context, x: Value, kernel: Free, order: Sequence[int], how: _Kernel) -> Value:
    sizes = fixed(context, context.shapes[x][1:-1])
    same = pads("same", sizes, how.window, how.strides, how.dilation)
    padding: Any = "same" if how.padding == same else how.padding
    if not any(map(any, how.padding)):
        padding = "valid"
    spec = nnspec.Conv(how.features, how.window, how.strides, padding, how.dilation, how.groups, use_bias=False)
    owner: Any = kernel.owner
    if tuple(order) != tuple(range(len(order))):
        owner = ("transpose", repr({"permutation": tuple(order)}), kernel.owner)
    return call(context, spec, x, variables={"kernel": np.transpose(kernel.array, order)}, owner=owner, like=BATCH)


def _patches(context: Context, x: Value, kernel: Value, order: Sequence[int], how: _Kernel) -> Value:
    """A product of all windows, laid side by side, with a kernel that is a value."""
    if prod(how.window) > _MOST:
        refuse(
            context, f"a convolution by a computed kernel of {how.window} has no counterpart: at most {_MOST} places"
        )
    sizes = how.sizes(fixed(context, context.shapes[x][1:-1]))
    for i, (low, high) in enumerate(how.padding):
        x = padded(context, x, i + 1, low, high, 0, 0)
    parts = []
    for at in product(*map(range, how.window)):
        part = x
        for i, (k, rate, stride, count) in enumerate(zip(at, how.dilation, how.strides, sizes, strict=True)):
            part = sliced(context, part, i + 1, k * rate, k * rate + (count - 1) * stride + 1, stride)
        parts.append(part)
    channels = fixed(context, context.shapes[x][-1:])[0]
    places, groups = prod(how.window), how.groups
    each = channels // groups
    stacked = (
        step(context, nnspec.Stack(-2), *parts) if len(parts) > 1 else step(context, nnspec.ExpandDims(-2), parts[0])
    )
    windows = reshaped(context, stacked, (prod(sizes), places, groups, each))
    turned = permuted(context, kernel, [axis + 1 for axis in order], FREE)
    weights = reshaped(context, turned, (places, each, groups, how.features // groups), FREE)
    made = step(context, nnspec.Einsum("apqgc,aqcgo->apgo"), windows, weights, like=BATCH)
    return reshaped(context, made, (*sizes, how.features))


def _back(context: Context, made: Value, out: Sequence[int]) -> Value:
    """The result with its axes as JAX has them; the batch may be any of them."""

    order = [(axis, i + 1) for i, axis in enumerate((*out[2:], out[1]))]
    return view(context, permuted(context, made, [i for _, i in sorted(order)], Layout(out[0])), Layout(out[0]))
