"""Axes moved, joined and added, arrays cut and joined, elements at places."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from nnspec.errors import PortError
from nnspec.stablehlo.module import Operation
from nnspec_jax.porting.hlo.evaluate import Rows, Run, Spread, rule, whole
from nnspec_jax.stablehlo.arrangement import SCATTERS, vectors
from nnspec_jax.stablehlo.dimensions import gather_numbers, scatter_numbers


@rule("broadcast_in_dim")
def broadcast_in_dim(run: Run, operation: Operation, x: Any) -> Any:
    shape, axes = operation.types[0].shape, operation.attributes["broadcast_dimensions"]
    if isinstance(x, np.ndarray):
        places = [1] * len(shape)
        for axis, size in zip(axes, x.shape, strict=True):
            places[axis] = size
        order = sorted(range(x.ndim), key=lambda i: axes[i])
        return np.broadcast_to(np.transpose(x, order).reshape(places), shape)
    if tuple(axes) == tuple(range(len(shape))) and x.shape == shape:
        return x
    if list(axes) != sorted(axes):
        order = sorted(range(x.ndim), key=lambda i: axes[i])
        x, axes = lax.transpose(x, order), sorted(axes)
    small = [1] * len(shape)
    for axis, size in zip(axes, x.shape, strict=True):
        small[axis] = size
    if tuple(small) == shape:
        return lax.broadcast_in_dim(x, shape, axes)
    added = [axis for axis in range(len(shape)) if axis not in axes]
    return Spread(_added(run, x, added), shape)


def _added(run: Run, x: Any, axes: list[int]) -> Any:
    """A value with axes of size 1; what only lost them before is what it was."""
    sizes = list(x.shape)
    for axis in axes:
        sizes.insert(axis, 1)
    before = run.reshaped.get(id(x))
    if before is not None and before[1].shape == tuple(sizes):
        return before[1]
    return lax.expand_dims(x, axes) if axes else x


@rule("reshape")
def reshape(run: Run, operation: Operation, x: Any) -> Any:
    shape = operation.types[0].shape
    if x.shape == shape:
        return x
    if isinstance(x, np.ndarray):
        one = x.size and not any(x.strides)
        return np.broadcast_to(x.reshape(-1)[0], shape) if one else x.reshape(shape)
    before = run.reshaped.get(id(x))
    if before is not None and before[1].shape == shape:
        return before[1]
    gone = [axis for axis, size in enumerate(x.shape) if size == 1]
    added = _ones(x.shape, shape)
    if shape == tuple(size for size in x.shape if size != 1) and gone:
        made = lax.squeeze(x, gone)
    else:
        made = lax.reshape(x, shape) if added is None else lax.expand_dims(x, added)
    run.reshaped[id(made)] = (made, x)
    return made


def _ones(own: tuple[int, ...], wanted: tuple[int, ...]) -> list[int] | None:
    """The axes of size 1 that one shape has beyond another; None if that is not the difference."""
    left, added = list(own), []
    for axis, size in enumerate(wanted):
        if left and left[0] == size:
            left.pop(0)
        elif size == 1:
            added.append(axis)
        else:
            return None
    return None if left else added


@rule("transpose")
def transpose(run: Run, operation: Operation, x: Any) -> Any:
    order = operation.attributes["permutation"]
    return x if tuple(order) == tuple(range(x.ndim)) else lax.transpose(x, order)


@rule("slice")
def sliced(run: Run, operation: Operation, x: Any) -> Any:
    a = operation.attributes
    return lax.slice(x, a["start_indices"], a["limit_indices"], a["strides"])


@rule("concatenate")
def concatenate(run: Run, operation: Operation, *given: Any) -> Any:
    axis = operation.attributes["dimension"]
    parts = [jnp.asarray(x) for x in given if x.shape[axis]]
    return lax.concatenate(parts, axis) if len(parts) > 1 else parts[0]


@rule("pad")
def pad(run: Run, operation: Operation, x: Any, value: Any) -> Any:
    a = operation.attributes
    config = list(zip(a["edge_padding_low"], a["edge_padding_high"], a["interior_padding"], strict=True))
    return lax.pad(x, value, config)


@rule("reverse")
def reverse(run: Run, operation: Operation, x: Any) -> Any:
    return lax.rev(x, operation.attributes["dimensions"])


@rule("iota")
def iota(run: Run, operation: Operation) -> Any:
    shape, axis = operation.types[0].shape, operation.attributes["iota_dimension"]
    line = np.arange(shape[axis]).astype(run.dtype(operation.types[0]))
    return np.broadcast_to(line.reshape([-1 if i == axis else 1 for i in range(len(shape))]), shape)


@rule("dynamic_slice")
def dynamic_slice(run: Run, operation: Operation, x: Any, *starts: Any) -> Any:
    sizes = operation.attributes["slice_sizes"]
    if all(isinstance(start, np.ndarray) for start in starts):
        first = _clipped(starts, x.shape, sizes)
        if isinstance(x, Rows) and _row_of(x.shape, sizes) == x.axis:
            return x.rows[first[x.axis]]
        return lax.slice(whole(x), first, [a + n for a, n in zip(first, sizes, strict=True)])
    return lax.dynamic_slice(whole(x), [whole(start) for start in starts], sizes)


@rule("dynamic_update_slice")
def dynamic_update_slice(run: Run, operation: Operation, x: Any, part: Any, *starts: Any) -> Any:
    if tuple(part.shape) == tuple(x.shape):
        return part
    axis = _row_of(x.shape, part.shape)
    if axis is None or not all(isinstance(start, np.ndarray) for start in starts):
        return lax.dynamic_update_slice(whole(x), whole(part), [whole(start) for start in starts])
    at = _clipped(starts, x.shape, part.shape)[axis]
    if isinstance(x, Rows) and x.axis == axis:
        rows = list(x.rows)
    else:
        array = x if isinstance(x, np.ndarray) else whole(x)
        cut = [(slice(None),) * axis + (slice(i, i + 1),) for i in range(x.shape[axis])]
        rows = [array[one] for one in cut] if x.shape[axis] <= _ROWS else []
    if not rows:
        return lax.dynamic_update_slice(whole(x), whole(part), [whole(start) for start in starts])
    rows[at] = whole(part)
    return Rows(tuple(rows), axis, tuple(x.shape), x.dtype)


# An array of more rows is not taken apart.
_ROWS = 512


def _clipped(starts: Any, shape: Any, sizes: Any) -> list[int]:
    """Starts of a window that is within."""
    return [int(np.clip(int(a), 0, n - k)) for a, n, k in zip(starts, shape, sizes, strict=True)]


def _row_of(shape: Any, sizes: Any) -> int | None:
    """The one axis along which a window has a single row of an array, and all along the others."""
    axes = [i for i, (a, b) in enumerate(zip(shape, sizes, strict=True)) if a != b]
    return axes[0] if len(axes) == 1 and sizes[axes[0]] == 1 else None


@rule("set_dimension_size")
def set_dimension_size(run: Run, operation: Operation, x: Any, size: Any) -> Any:
    whole = x.shape[operation.attributes["dimension"]]
    if not isinstance(size, np.ndarray) or int(size) != whole:
        raise PortError(f"{run.where(operation)}: an axis whose length depends on values has no counterpart in nnspec")
    return x


@rule("gather")
def gather(run: Run, operation: Operation, x: Any, ids: Any) -> Any:
    n = operation.attributes["dimension_numbers"]
    numbers = gather_numbers(n)
    return lax.gather(
        x,
        vectors(ids, n["index_vector_dim"]),
        numbers,
        operation.attributes["slice_sizes"],
        mode=lax.GatherScatterMode.CLIP,
    )


@rule("scatter")
def scatter(run: Run, operation: Operation, *given: Any, values: Any) -> Any:
    if len(given) != 3:
        raise PortError(f"{run.where(operation)} of several arrays has no counterpart")
    x, ids, updates = given
    n = operation.attributes["scatter_dimension_numbers"]
    numbers = scatter_numbers(n)
    body = operation.blocks[0]
    ids = vectors(ids, n["index_vector_dim"])
    if not body.operations and body.returned == body.arguments[1:]:
        return lax.scatter(jnp.asarray(x), ids, updates, numbers)
    name = body.operations[0].name if len(body.operations) == 1 else ""
    if name not in SCATTERS:
        raise PortError(f"{run.where(operation)} with a body of its own has no counterpart")
    return SCATTERS[name](jnp.asarray(x), ids, updates, numbers)
