"""Axes moved, joined, divided, added and left out, and arrays joined and cut apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite, prod
from typing import Any

import numpy as np

import nnspec
from nnspec.layers.base import show
from nnspec.porting.assembly import Value
from nnspec.reductions import _Reduction
from nnspec_jax.porting.convert import Context, Layout, primitive
from nnspec_jax.porting.primitives.alignment import aligned, as_value, constant
from nnspec_jax.porting.primitives.elementwise import through_floats
from nnspec_jax.porting.primitives.examples import columns
from nnspec_jax.porting.primitives.operands import (
    FREE,
    Operand,
    beside,
    call,
    elements,
    fixed,
    layout,
    permuted,
    place,
    place_in,
    places,
    refuse,
    reshaped,
    same,
    shape,
    step,
    view,
)
from nnspec_jax.porting.primitives.reductions import without


@primitive("transpose")
def transpose(context: Context, params: Any, x: Value) -> Value:
    return transposed(context, x, tuple(params["permutation"]))


def transposed(context: Context, x: Value, order: tuple[int, ...]) -> Value:
    """A value with its axes in that order, as JAX numbers them."""
    how = layout(context, x)
    if how.axis is None:
        return permuted(context, x, [axis + 1 for axis in order])
    like = Layout(order.index(how.axis), how.before, how.after)
    axes: list[int] = []
    for axis in order:
        joined = [how.axis + 1 + i for i in range(len(how.joined))]
        axes += joined if axis == how.axis else [place(context, x, axis, "moves")]
    return permuted(context, x, axes, like)


@primitive("reshape")
def reshape(context: Context, params: Any, x: Value) -> Value:
    if params.get("dimensions") is not None:
        refuse(context, "reshape in another order of axes has no counterpart: transpose before it")
    sizes, how = tuple(params["new_sizes"]), layout(context, x)
    if how.axis is None:
        return reshaped(context, x, sizes)
    like = _divided(context, x, sizes)
    if like is None or like.axis is None:
        refuse(context, f"reshape of {show(shape(context, x))} to {sizes} mixes elements of {context.batch} examples")
    return reshaped(context, x, (*sizes[: like.axis], *like.joined, *sizes[like.axis + 1 :]), like)


def _divided(context: Context, x: Value, sizes: Sequence[int]) -> Layout | None:
    """Which of the new axes has the batch, and what is joined with it; None if no axis has it as a whole."""
    how, own = layout(context, x), shape(context, x)
    before, after = elements(own[: how.axis]) * how.before, elements(own[(how.axis or 0) + 1 :]) * how.after
    for axis, size in enumerate(sizes):
        front, back = prod(sizes[:axis]), prod(sizes[axis + 1 :])
        if not front or not back or before % front or after % back:
            continue
        like = Layout(axis, before // front, after // back)
        if like.before * like.after == beside(context, size):
            return like
    return None


@primitive("broadcast_in_dim")
def broadcast_in_dim(context: Context, params: Any, x: Operand, *sizes: Any) -> Value:
    if sizes:
        refuse(context, "broadcasting to sizes that are computed has no counterpart")
    return broadcast(context, as_value(context, x), tuple(params["shape"]), tuple(params["broadcast_dimensions"]))


def broadcast(context: Context, value: Value, wanted: tuple[Any, ...], kept: tuple[int, ...]) -> Value:
    """A value with axes added and repeated, which JAX sees as ``wanted``; its own are those at ``kept``."""
    how, own = layout(context, value), shape(context, value)
    like = _broadcast(context, how, own, wanted, kept)
    if like.axis is not None and how.axis is not None and beside(context, wanted[like.axis]) != how.before * how.after:
        refuse(context, "broadcasting repeats the examples of a batch")
    if how.axis is not None and any(size == context.batch for axis, size in enumerate(wanted) if axis not in kept):
        refuse(context, "broadcasting gives each example an axis of all of them: examples know nothing of each other")
    ones = [own[kept.index(axis)] if axis in kept else 1 for axis in range(len(wanted))]
    if like.axis is None:
        return _repeated(context, reshaped(context, value, ones, FREE), wanted, like)
    front, back = ones[: like.axis], ones[like.axis + 1 :]
    joined = like.joined if how.axis is not None else (1,) * len(like.joined)
    added = [axis for axis in range(len(wanted)) if axis not in kept]
    again = None
    if how.axis is not None:
        again = _with_kept(context, value, [place_in(context, like, axis, "adds") for axis in added], like)
    if again is not None:
        new = again
    elif how.axis is not None and len(added) == 1:
        new = call(context, nnspec.ExpandDims(place_in(context, like, added[0], "adds")), value, like=like)
    else:
        new = reshaped(context, value, (*front, *joined, *back), like)
    return _repeated(context, new, (*wanted[: like.axis], *like.joined, *wanted[like.axis + 1 :]), like)


def _broadcast(
    context: Context, how: Layout, own: Sequence[int | None], wanted: Sequence[Any], kept: Sequence[int]
) -> Layout:
    """How JAX sees what is broadcast: the batch is where it was, or where variables are repeated for each example."""
    if how.axis is not None:
        return Layout(kept[how.axis], how.before, how.after)
    for axis, size in enumerate(wanted):
        new = axis not in kept or (own[kept.index(axis)] == 1 and size != 1)
        if new and size == context.batch:
            return Layout(axis)
    return FREE


def _with_kept(context: Context, value: Value, added: list[int], like: Layout) -> Value | None:
    """A reduction whose axes are added again, as one that keeps them."""
    made = context.assembly.made(value)
    if made is None or not isinstance(made.layer, _Reduction) or made.layer.keepdims:
        return None
    if list(made.layer.axes(context.shapes[made.inputs[0]])) != added:
        return None
    return call(context, replace(made.layer, keepdims=True), *made.inputs, like=like)


def _repeated(context: Context, value: Value, sizes: Sequence[Any], like: Layout) -> Value:
    if context.shapes[value][1:] == tuple(sizes):
        return view(context, value, like)
    return call(context, nnspec.BroadcastTo(tuple(map(int, sizes))), value, like=like)


@primitive("squeeze")
def squeeze(context: Context, params: Any, x: Value) -> Value:
    return squeezed(context, x, tuple(params["dimensions"]))


def squeezed(context: Context, x: Value, axes: tuple[int, ...]) -> Value:
    """A value without these axes, of size 1."""
    if not axes:
        return x
    like = without(context, x, axes)
    gone = places(context, x, axes, "takes away")
    if len(gone) == 1 and like.axis is not None:
        return call(context, nnspec.Squeeze(gone[0]), x, like=like)
    left = [size for axis, size in enumerate(context.shapes[x]) if axis and axis not in gone]
    return reshaped(context, x, left, like)


@primitive("concatenate")
def concatenate(context: Context, params: Any, *operands: Operand) -> Value:
    if len(operands) == 1 and isinstance(operands[0], Value):
        return operands[0]
    ids = columns(context, operands, params["dimension"])
    if ids is not None:
        return ids
    values, how = aligned(context, operands)
    axis = place_in(context, how, params["dimension"], "joins along")
    return call(context, nnspec.Concat(axis), *values, like=how)


@primitive("stack")
def stack(context: Context, params: Any, *operands: Operand) -> Value:
    values, how = aligned(context, operands)
    axis = params["axis"]
    like = how if how.axis is None or axis > how.axis else Layout(how.axis + 1, how.before, how.after)
    return call(context, nnspec.Stack(place_in(context, like, axis, "stacks along")), *values, like=like)


def sliced(context: Context, x: Value, axis: int, start: int, stop: int, stride: int = 1) -> Value:
    """A part of a node's axis, the node itself where it is all of it."""
    size = context.shapes[x][axis]
    if (start, stop, stride) == (0, size, 1):
        return x
    return call(context, nnspec.Slice(int(start), int(stop), int(stride), axis), x)


@primitive("split")
def split(context: Context, params: Any, x: Value) -> list[Value]:
    axis, start, parts = place(context, x, params["axis"], "splits"), 0, []
    for size in params["sizes"]:
        parts.append(sliced(context, x, axis, start, start + size))
        start += size
    return parts


@primitive("unstack")
def unstack(context: Context, params: Any, x: Value) -> list[Value]:
    axis, like = place(context, x, params["axis"], "splits"), without(context, x, (params["axis"],))
    size = context.shapes[x][axis] or 0
    parts = (step(context, nnspec.Slice(i, i + 1, axis=axis), x) for i in range(size))
    return [call(context, nnspec.Squeeze(axis), part, like=like) for part in parts]


@primitive("rev")
def rev(context: Context, params: Any, x: Value) -> Value:
    axes = places(context, x, tuple(params["dimensions"]), "reverses")
    return call(context, nnspec.Flip(axes), x) if axes else x


@primitive("tile")
def tile(context: Context, params: Any, x: Value) -> Value:
    how, repeats = layout(context, x), list(params["reps"])
    if how.axis is not None:
        if repeats[how.axis] != 1:
            refuse(context, "tile repeats the examples of a batch")
        repeats[how.axis : how.axis + 1] = [1] * len(how.joined)
    elif context.batch in repeats:
        return _for_each(context, x, repeats)
    return call(context, nnspec.Tile(tuple(map(int, repeats))), x) if set(repeats) != {1} else x


def _for_each(context: Context, x: Value, repeats: list[int]) -> Value:
    """What is made of variables, repeated for each example."""
    axis, given = repeats.index(context.batch), fixed(context, shape(context, x))
    repeats[axis] = 1
    if set(repeats) != {1}:
        x = call(context, nnspec.Tile(tuple(map(int, repeats))), x)
    if given[axis] != 1:
        return view(context, x, Layout(axis, after=given[axis]))
    sizes = [size * n for size, n in zip(given, repeats, strict=True)]
    sizes[axis] = context.batch
    return broadcast(context, x, tuple(sizes), tuple(range(len(sizes))))


@primitive("pad")
def pad(context: Context, params: Any, x: Operand, filled: Operand) -> Value:
    number = None if isinstance(filled, Value) else same(filled)
    if number is None:
        refuse(context, "padding with a number that is computed has no counterpart")
    value = as_value(context, x)
    how = layout(context, value)
    for axis, (low, high, interior) in enumerate(params["padding_config"]):
        if (low, high, interior) == (0, 0, 0):
            continue
        if axis == how.axis:
            refuse(context, "padding of the batch axis: a port has any number of examples")
        value = padded(context, value, place(context, value, axis, "pads"), low, high, interior, number)
    return value


def padded(context: Context, x: Value, axis: int, low: int, high: int, interior: int, number: Any) -> Value:
    """A node with more elements, or fewer, at the ends of an axis and between its elements."""
    if interior:
        x = _spread(context, x, axis, interior, number)
    size = int(context.shapes[x][axis] or 0)
    x = sliced(context, x, axis, max(-low, 0), size - max(-high, 0))
    low, high = max(low, 0), max(high, 0)
    if not low and not high:
        return x
    if not isfinite(number):
        return _joined_with(context, x, axis, low, high, number)
    last = axis == len(context.shapes[x]) - 1
    sizes = context.shapes[x][1:]
    if last:  # the spec pads axes between batch and channels
        x = step(context, nnspec.ExpandDims(-1), x)
    margins = [(0, 0)] * (len(context.shapes[x]) - 2)
    margins[axis - 1] = (int(low), int(high))
    x = through_floats(context, nnspec.Pad(tuple(margins), value=float(number)), x)
    return call(context, nnspec.Squeeze(len(sizes) + 1), x) if last else x


def _spread(context: Context, x: Value, axis: int, interior: int, number: Any) -> Value:
    """A node with ``interior`` elements between each two of an axis."""
    sizes = [*context.shapes[x][1:]]
    size = int(sizes[axis - 1] or 0)
    apart = step(context, nnspec.ExpandDims(axis + 1), x)
    apart = padded(context, apart, axis + 1, 0, interior, 0, number)
    sizes[axis - 1] = size * (interior + 1)
    return sliced(context, reshaped(context, apart, sizes), axis, 0, (size - 1) * (interior + 1) + 1)


def _joined_with(context: Context, x: Value, axis: int, low: int, high: int, number: float) -> Value:
    """A node with an infinite number before and behind an axis: a field holds none, a variable does."""
    sizes = [int(size or 0) for size in context.shapes[x][1:]]
    parts = [x]
    for count, at in ((low, 0), (high, len(parts))):
        if count:
            sizes[axis - 1] = count
            parts.insert(at if at == 0 else len(parts), constant(context, np.full(sizes, number)))
    return call(context, nnspec.Concat(axis), *parts, like=layout(context, x))
