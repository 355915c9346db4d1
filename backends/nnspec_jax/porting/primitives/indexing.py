"""Parts of arrays: slices, and arrays with a part replaced, at places that are the same for all examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

import nnspec
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, Layout, primitive
from nnspec_jax.porting.primitives.alignment import aligned, constant
from nnspec_jax.porting.primitives.arrangement import broadcast, sliced, squeezed, transposed
from nnspec_jax.porting.primitives.elementwise import joined
from nnspec_jax.porting.primitives.examples import Columns, without_last
from nnspec_jax.porting.primitives.operands import (
    BATCH,
    Constant,
    Operand,
    call,
    dtype,
    layout,
    place,
    place_in,
    refuse,
    reshaped,
    same,
    shape,
    step,
    view,
)


@primitive("slice")
def part(context: Context, params: Any, x: Value) -> Value:
    starts, stops = params["start_indices"], params["limit_indices"]
    strides = params["strides"] or (1,) * len(starts)
    how = layout(context, x)
    for axis, (start, stop, stride) in enumerate(zip(starts, stops, strides, strict=True)):
        if axis == how.axis:
            _whole(context, how, start, stop, stride)
        else:
            x = sliced(context, x, place(context, x, axis, "slices"), start, stop, stride)
    return x


def _whole(context: Context, how: Layout, start: Any, stop: Any, stride: int = 1) -> None:
    """Refuse a slice that leaves examples out."""
    if start != 0 or stride != 1 or stop != context.batch * how.before * how.after:
        refuse(
            context,
            f"{start}:{stop}:{stride} of the batch axis, of {context.batch} examples: a port has any number of "
            "examples, which know nothing of each other",
        )


def _starts(context: Context, starts: Sequence[Operand]) -> list[int]:
    if any(isinstance(start, Value) for start in starts):
        refuse(
            context,
            "a slice that starts where a value says has no counterpart: take elements by ids "
            "(jnp.take_along_axis), which each example may have of its own",
        )
    return [int(np.asarray(start)) for start in starts]


@primitive("dynamic_slice")
def dynamic_slice(context: Context, params: Any, x: Value, *starts: Operand) -> Value:
    return window(context, x, _starts(context, starts), params["slice_sizes"])


def window(context: Context, x: Value, starts: Sequence[int], sizes: Sequence[Any]) -> Value:
    """A part along all axes of JAX's; one that would reach beyond an end is moved to it, as in JAX."""
    how, given = layout(context, x), shape(context, x)
    for axis, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        if axis == how.axis:
            _whole(context, how, 0, size)
        else:
            first = min(max(start, 0), int(given[axis] or 0) - int(size))
            x = sliced(context, x, place(context, x, axis, "slices"), first, first + int(size))
    return x


@primitive("dynamic_update_slice")
def dynamic_update_slice(context: Context, params: Any, x: Operand, update: Operand, *starts: Operand) -> Value:
    return put(context, x, update, _starts(context, starts))


def put(context: Context, x: Operand, update: Operand, starts: Sequence[int]) -> Value:
    """x with a part replaced, which starts there along each axis."""
    (whole, new), how = aligned(context, (x, update))
    sizes, news = context.shapes[whole], context.shapes[new]
    firsts = [0] * len(sizes)
    for axis, start in enumerate(starts):
        if axis != how.axis:
            at = place_in(context, how, axis, "updates")
            firsts[at] = min(max(int(start), 0), int(sizes[at] or 0) - int(news[at] or 0))
    return view(context, _put(context, whole, new, firsts, 1), how)


def _put(context: Context, x: Value, update: Value, firsts: Sequence[int], axis: int) -> Value:
    """The part that starts at ``firsts``, replaced along this axis of the node and those behind it."""
    sizes, news = context.shapes[x], context.shapes[update]
    while axis < len(sizes) and sizes[axis] == news[axis]:
        axis += 1
    if axis == len(sizes):
        return update
    first, count, size = firsts[axis], int(news[axis] or 0), int(sizes[axis] or 0)
    slab = sliced(context, x, axis, first, first + count)
    parts = [_put(context, slab, update, firsts, axis + 1)]
    if first:
        parts.insert(0, sliced(context, x, axis, 0, first))
    if first + count < size:
        parts.append(sliced(context, x, axis, first + count, size))
    return call(context, nnspec.Concat(axis), *parts, like=layout(context, x))


_COMBINED: dict[str, Any] = {
    "scatter": None,
    "scatter-add": nnspec.Add,
    "scatter-sub": nnspec.Subtract,
    "scatter-mul": nnspec.Multiply,
    "scatter-min": nnspec.Minimum,
    "scatter-max": nnspec.Maximum,
}


def _scatter(name: str, cls: Any) -> None:
    @primitive(name)
    def convert_it(context: Context, params: Any, x: Operand, ids: Operand, updates: Operand) -> Value:
        numbers = params["dimension_numbers"]
        sums = _segments(context, numbers, x, ids, updates) if cls is nnspec.Add else None
        if sums is not None:
            return sums
        if isinstance(ids, Columns) and (own := _at_own(context, numbers, x, ids, updates, cls)) is not None:
            return own
        if isinstance(ids, Value) or numbers.operand_batching_dims:
            refuse(
                context,
                f"{name} at computed ids has no counterpart: choose between old and new values by jnp.where on a "
                "one-hot mask, or sum by segments",
            )
        many = int(np.prod(ids.shape[:-1]))
        combined = None if cls is None else partial(joined, context, cls())
        if many == 1:
            return _at_one(context, numbers, x, ids.reshape(-1), updates, combined)
        return _at_several(context, numbers, x, ids, updates, combined)


for _name, _class in _COMBINED.items():
    _scatter(_name, _class)


def _zeros(context: Context, like: Operand, sizes: Sequence[int] = ()) -> Constant:
    """Zeros of the dtype of what they are added to."""
    return np.zeros(sizes, np.int32 if dtype(context, like) == "int32" else np.float64)


def _segments(context: Context, numbers: Any, x: Operand, ids: Operand, updates: Operand) -> Value | None:
    """Each example's sums of what has the same id: ``jax.vmap(jax.ops.segment_sum)``."""
    single = tuple(numbers.inserted_window_dims) == tuple(numbers.scatter_dims_to_operand_dims) == (1,)
    each = tuple(numbers.operand_batching_dims) == tuple(numbers.scatter_indices_batching_dims) == (0,)
    if not single or not each or not isinstance(ids, Value) or not isinstance(updates, Value):
        return None
    first = without_last(context, ids)
    windows = tuple(range(2, len(shape(context, updates))))
    if tuple(numbers.update_window_dims) != windows or len(context.shapes[first]) != 2:
        return None
    if not all(layout(context, value) == BATCH for value in (first, updates)):
        return None
    sums = nnspec.SegmentSum(int(shape(context, x)[1] or 0))
    if not isinstance(x, Value) and same(x) == 0:
        return call(context, sums, updates, first)
    return joined(context, nnspec.Add(), x, step(context, sums, updates, first))


def _at_own(context: Context, numbers: Any, x: Operand, ids: Columns, updates: Operand, cls: Any) -> Value | None:
    """``x.at[jnp.arange(len(x)), ids]``: an element replaced at a place of each example's own, chosen by a mask."""
    chosen, rank = tuple(numbers.scatter_dims_to_operand_dims), len(shape(context, x))
    if (
        len(chosen) != 2
        or chosen[0] != 0
        or set(numbers.inserted_window_dims) != set(chosen)
        or layout(context, x) != BATCH
    ):
        return None
    (counts, own), axis = ids.parts, chosen[1]
    if isinstance(counts, Value) or not isinstance(own, Value) or len(shape(context, own)) != 1:
        return None
    if cls not in (None, nnspec.Add) or tuple(numbers.update_window_dims) != tuple(range(1, rank - 1)):
        return None
    size = int(shape(context, x)[axis] or 0)
    hot = step(context, nnspec.Greater(value=0.5), step(context, nnspec.OneHot(size), own))
    mask = reshaped(context, hot, [size if i == axis else 1 for i in range(1, rank)])
    new: Operand = (
        step(context, nnspec.ExpandDims(axis), updates) if isinstance(updates, Value) else np.expand_dims(updates, axis)
    )
    old = x if cls is None else _zeros(context, x)
    (condition, fresh, kept), how = aligned(context, (mask, new, old))
    made = call(context, nnspec.Where(), condition, fresh, kept, like=how)
    return made if cls is None else joined(context, nnspec.Add(), x, made)


def _at_one(
    context: Context,
    numbers: Any,
    x: Operand,
    ids: np.ndarray[Any, Any],
    updates: Operand,
    combined: Callable[..., Value] | None,
) -> Value:
    """A window replaced."""
    rank = len(shape(context, x))
    singles = tuple(i for i in range(len(shape(context, updates))) if i not in numbers.update_window_dims)
    inserted = tuple(numbers.inserted_window_dims)
    kept = tuple(axis for axis in range(rank) if axis not in inserted)
    if isinstance(updates, Value):
        less = squeezed(context, updates, singles)
        given = iter(shape(context, less))
        how = layout(context, less)
        full = None if how.axis is None else context.batch * how.before * how.after
        wide = tuple(1 if axis in inserted else next(given) for axis in range(rank))
        sizes = tuple(full if size is None else size for size in wide)
        update: Operand = less
        if inserted:
            update = broadcast(context, less, sizes, kept)
    else:
        update = np.expand_dims(updates.reshape([n for i, n in enumerate(updates.shape) if i not in singles]), inserted)
    starts = [0] * rank
    for axis, start in zip(numbers.scatter_dims_to_operand_dims, ids, strict=True):
        starts[axis] = int(start)
    if combined is not None:
        if not isinstance(x, Value):
            x = constant(context, x)
        x_how, own, news = layout(context, x), shape(context, x), shape(context, update)
        whole = None if x_how.axis is None else context.batch * x_how.before * x_how.after
        parts = [whole if axis == x_how.axis else news[axis] for axis in range(len(own))]
        update = combined(window(context, x, starts, parts), update)
    return put(context, x, update, starts)


def _at_several(
    context: Context,
    numbers: Any,
    x: Operand,
    ids: np.ndarray[Any, Any],
    updates: Operand,
    combined: Callable[..., Value] | None,
) -> Value:
    """Elements along an axis replaced: what is new is laid behind what is there, and each place takes its own."""
    axes = tuple(numbers.scatter_dims_to_operand_dims)
    if len(axes) != 1 or tuple(numbers.inserted_window_dims) != axes or ids.ndim != 2:
        refuse(context, "an update at several places of several axes has no counterpart: update one axis at a time")
    (axis,) = axes
    ids = ids.reshape(-1)
    if combined is not None and len(set(ids.tolist())) < len(ids):
        refuse(context, "an update of one place several times has no counterpart: sum the updates first")
    rank = len(shape(context, x))
    spare = next(i for i in range(rank) if i not in numbers.update_window_dims)
    windows = iter(numbers.update_window_dims)
    order = tuple(spare if i == axis else next(windows) for i in range(rank))
    moved: Operand = transposed(context, updates, order) if isinstance(updates, Value) else updates.transpose(order)
    (old, new), how = aligned(context, (x, moved))
    at = place_in(context, how, axis, "updates")
    size = int(context.shapes[old][at] or 0)
    sources = np.arange(size)
    if combined is None:
        behind = step(context, nnspec.Concat(at), old, new, like=how)
        sources[ids] = size + np.arange(len(ids))
        return call(context, nnspec.Take(tuple(map(int, sources)), at), behind, like=how)
    sizes = [int(n or 0) for n in context.shapes[new][1:]]
    sizes[at - 1] = 1
    sources[:] = len(ids)
    sources[ids] = np.arange(len(ids))
    behind = step(context, nnspec.Concat(at), new, constant(context, _zeros(context, old, sizes)), like=how)
    spread = step(context, nnspec.Take(tuple(map(int, sources)), at), behind, like=how)
    return combined(old, spread)
