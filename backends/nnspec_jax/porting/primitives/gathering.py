"""Elements at ids: constants, the same for all examples, or computed for each.

An id beyond the end of an axis gives NaN, as nnspec has it, also where JAX takes the last element instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

import nnspec
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, Free, primitive
from nnspec_jax.porting.primitives.alignment import as_value
from nnspec_jax.porting.primitives.elementwise import joined, through_floats
from nnspec_jax.porting.primitives.examples import Columns, counts_examples, without_last
from nnspec_jax.porting.primitives.indexing import window
from nnspec_jax.porting.primitives.lookup import Gather, as_parameters, by_ids, in_order, unwrapped
from nnspec_jax.porting.primitives.operands import (
    BATCH,
    FREE,
    Constant,
    Operand,
    call,
    fixed,
    layout,
    permuted,
    place_in,
    places,
    refuse,
    reshaped,
    shape,
    step,
)
from nnspec_jax.porting.primitives.reductions import without


@primitive("gather", parameters=True)
def gather(context: Context, params: Any, x: Operand | Free, ids: Operand) -> Value:
    numbers, sizes = params["dimension_numbers"], tuple(params["slice_sizes"])
    gone = (*numbers.collapsed_slice_dims, *numbers.operand_batching_dims)
    windows = [axis for axis in range(len(sizes)) if axis not in gone]
    single = [axis for axis in numbers.start_index_map if axis in windows and sizes[axis] == 1]
    if not single or len(shape(context, ids)) == 1:
        return _gathered(context, params, x, ids)
    # A window of one element is an element, with an axis of size 1.
    added = sorted(numbers.offset_dims[windows.index(axis)] for axis in single)
    left = tuple(at - sum(i < at for i in added) for at in numbers.offset_dims if at not in added)
    collapsed = tuple(sorted((*numbers.collapsed_slice_dims, *single)))
    changed = numbers._replace(offset_dims=left, collapsed_slice_dims=collapsed)
    made = _gathered(context, {**params, "dimension_numbers": changed}, x, ids)
    for axis in added:
        how = layout(context, made)
        like = how if how.axis is None or axis > how.axis else replace(how, axis=how.axis + 1)
        made = call(context, nnspec.ExpandDims(place_in(context, like, axis, "adds")), made, like=like)
    return made


def _gathered(context: Context, params: Any, x: Operand | Free, ids: Operand) -> Value:
    numbers, sizes = params["dimension_numbers"], tuple(params["slice_sizes"])
    dims = _rank(context, x)
    paired = dict(zip(numbers.operand_batching_dims, numbers.start_indices_batching_dims, strict=True))
    gone = {*numbers.collapsed_slice_dims, *paired}
    windows = tuple(axis for axis in range(dims) if axis not in gone)
    many = len(shape(context, ids)) - 1
    how = Gather(tuple(numbers.start_index_map), windows, paired, tuple(numbers.offset_dims), many + len(windows))
    if not isinstance(ids, Value):
        if not many:
            return _one(context, as_parameters(context, x), how, ids, sizes)
        if isinstance(x, Value) and layout(context, x).axis in how.chosen:
            ids_of = _of_examples(context, x, how, [ids[..., i] for i in range(ids.shape[-1])])
            if ids_of is not None:
                return ids_of
    if any(axis in windows for axis in how.chosen) or not _takes_all(context, x, windows, sizes):
        refuse(context, "windows that start at several ids have no counterpart: slice, or take single elements")
    if not isinstance(ids, Value) and not paired:
        return _by_constants(context, as_parameters(context, x), how, ids, params["mode"])
    if isinstance(ids, Columns):
        found = _of_examples(context, x, how, list(ids.parts)) if isinstance(x, Value) else None
        if found is None:
            refuse(context, "elements by several computed ids have no counterpart: join the axes and the ids to one")
        return found
    value = as_value(context, ids)
    if len(how.chosen) != 1:
        refuse(context, "elements by several computed ids have no counterpart: join the axes and the ids to one")
    return by_ids(context, x, how, unwrapped(context, without_last(context, value)))


def _rank(context: Context, x: Operand | Free) -> int:
    return x.array.ndim if isinstance(x, Free) else len(shape(context, x))


def _takes_all(context: Context, x: Operand | Free, windows: Sequence[int], sizes: Sequence[Any]) -> bool:
    """Whether the axes that no id chooses from are taken as a whole."""
    how = layout(context, x) if isinstance(x, Value) else FREE
    given: Any = x.array.shape if isinstance(x, Free) else shape(context, x)
    wholes = (context.batch * how.before * how.after if axis == how.axis else given[axis] for axis in windows)
    return all(whole == sizes[axis] for axis, whole in zip(windows, wholes, strict=True))


def _one(context: Context, x: Value, how: Gather, ids: Constant, sizes: Sequence[Any]) -> Value:
    """One window at a constant place: a slice."""
    starts = [0] * len(sizes)
    for axis, start in zip(how.chosen, ids.reshape(-1), strict=True):
        starts[axis] = int(start)
    taken = window(context, x, starts, sizes)
    gone = tuple(axis for axis in range(len(sizes)) if axis not in how.windows)
    like, axes = without(context, taken, gone), places(context, taken, gone, "chooses from")
    left = [size for axis, size in enumerate(context.shapes[taken]) if axis and axis not in axes]
    if len(axes) == 1:
        return call(context, nnspec.Squeeze(axes[0]), taken, like=like)
    return reshaped(context, taken, left, like)


def _by_constants(context: Context, x: Value, how: Gather, ids: Constant, mode: Any) -> Value:
    """Elements at constant places, the same for all examples."""
    axes, given = places(context, x, how.chosen, "chooses from"), context.shapes[x]
    sizes = [int(given[axis] or 0) for axis in axes]
    columns = [ids[..., i].reshape(-1).astype(np.int64) for i in range(len(axes))]
    for i, (column, size) in enumerate(zip(columns, sizes, strict=True)):
        if "CLIP" in str(mode).upper():
            columns[i] = column.clip(0, size - 1)
        elif column.min(initial=0) < 0 or column.max(initial=0) >= size:
            refuse(context, f"a constant id is beyond the {size} elements of its axis")
    flat = np.ravel_multi_index(tuple(columns), tuple(sizes))
    others = [axis for axis in range(1, len(given)) if axis not in axes]
    before = [axis for axis in others if axis < axes[0]]
    order = [*before, *axes, *(axis for axis in others if axis > axes[0])]
    moved = permuted(context, x, order, FREE)
    merged = [given[axis] for axis in before] + [prod(sizes)] + [given[axis] for axis in others[len(before) :]]
    taken = step(
        context,
        nnspec.Take(tuple(int(i) for i in flat), len(before) + 1),
        reshaped(context, moved, merged, FREE) if len(axes) > 1 else moved,
        like=FREE,
    )
    many = ids.shape[:-1]
    wide = [given[axis] for axis in before] + list(many) + [given[axis] for axis in others[len(before) :]]
    named: list[Any] = [("x", axis) for axis in before]
    named += [("ids", i) for i in range(len(many))]
    named += [("x", axis) for axis in others[len(before) :]]
    result = reshaped(context, taken, wide, FREE)
    return in_order(context, result, named, x, how, None)


def _of_examples(context: Context, x: Value, how: Gather, parts: Sequence[Any]) -> Value | None:
    """``x[jnp.arange(len(x)), ids]``: each example's own elements."""
    of = layout(context, x)
    if of != BATCH or 0 not in how.chosen:
        return None
    first = how.chosen.index(0)
    counts, ids = parts[first], [part for i, part in enumerate(parts) if i != first]
    chosen = tuple(axis for axis in how.chosen if axis != 0)
    if isinstance(counts, Value) or not counts_examples(context, counts) or not ids:
        return None
    if not any(isinstance(part, Value) for part in ids):
        return _of_all(context, x, how, chosen, ids)
    if any(isinstance(part, Value) and layout(context, part) != BATCH for part in ids):
        return None
    merged, one = _merged(context, x, chosen, ids)
    return by_ids(
        context, merged, Gather((1,), tuple(range(2, 2 + len(how.windows))), {0: 0}, how.offsets, how.rank), one
    )


def _of_all(context: Context, x: Value, how: Gather, chosen: tuple[int, ...], ids: Sequence[Constant]) -> Value | None:
    """Elements at constant places, where each example's are the same."""
    if how.of_ids[0] != 0 or not all((part == part[:1]).all() for part in ids):
        return None
    pinned = Gather(chosen, (0, *how.windows), {}, (0, *how.offsets), how.rank)
    return _by_constants(context, x, pinned, np.stack([part[0] for part in ids], -1), "clip")


def _merged(context: Context, x: Value, chosen: tuple[int, ...], ids: Sequence[Operand]) -> tuple[Value, Value]:
    """x with the chosen axes as one behind the batch, and the ids of its elements."""
    others = [axis for axis in range(1, len(context.shapes[x])) if axis not in chosen]
    moved = permuted(context, x, [*chosen, *others])
    sizes = context.shapes[moved][1:]
    wide = fixed(context, sizes[: len(chosen)])
    one: Operand = unwrapped(context, ids[0]) if isinstance(ids[0], Value) else ids[0]
    for size, part in zip(wide[1:], ids[1:], strict=True):
        scaled = _times(context, one, size)
        one = joined(context, nnspec.Add(), scaled, unwrapped(context, part) if isinstance(part, Value) else part)
    return reshaped(context, moved, (prod(wide), *sizes[len(chosen) :])), as_value(context, one)


def _times(context: Context, ids: Operand, size: int) -> Operand:
    return through_floats(context, nnspec.Rescaling(float(size)), ids) if isinstance(ids, Value) else ids * size
