"""Windows at places that other arrays say: gather and scatter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnspec.errors import SpecError
from nnspec.reference.base import Array
from nnspec.reference.stablehlo.evaluate import Call, checked_axes, rule
from nnspec.reference.stablehlo.reductions import combining


class _Places:
    """Where windows of an operand begin, by the index of the window.

    The indices have an axis of coordinates, ``index_vector_dim``, which say where along the axes ``mapped``; where that
    is their rank there is one coordinate. Along the batching axes the window's own index says it.
    """

    def __init__(
        self,
        indices: Array,
        rank: int,
        *,
        vector: int,
        mapped: tuple[int, ...],
        batching: tuple[int, ...],
        of_indices: tuple[int, ...],
    ) -> None:
        if not 0 <= vector <= indices.ndim:
            raise SpecError(f"index_vector_dim is {vector}: the indices have {indices.ndim} axes")
        self.vectors = indices[..., None] if vector == indices.ndim else np.moveaxis(indices, vector, -1)
        self.shape = self.vectors.shape[:-1]
        self.rank = rank
        self.mapped = checked_axes("the axes that are indexed", mapped, rank)
        if self.vectors.shape[-1] != len(mapped):
            raise SpecError(f"{self.vectors.shape[-1]} coordinates of indices for {len(mapped)} axes")
        if vector in of_indices:
            raise SpecError(f"the axis {vector} of the indices is that of coordinates, and a batching one, too")
        # The axis of coordinates is behind the others now.
        own = checked_axes(
            "the batching axes of indices", [axis - (axis > vector) for axis in of_indices], len(self.shape)
        )
        self.batching = tuple(zip(checked_axes("the batching axes", batching, rank), own, strict=True))

    def start(self, window: tuple[int, ...]) -> list[int]:
        """The place of a window's first element."""
        place = [0] * self.rank
        for axis, at in zip(self.mapped, self.vectors[window], strict=True):
            place[axis] = int(at)
        for axis, own in self.batching:
            place[axis] = window[own]
        return place


@rule("gather")
def gather(call: Call, x: Array, indices: Array) -> Array:
    """Windows of x, put together along the axes of the indices.

    y[i] = x[start + offset]: the offset is i along ``offset_dims``, with 0 at the axes of x that are collapsed or
    batching ones; the start is read from the indices at i along the other axes of y. It is clamped so that the window
    lies within x.
    """
    numbers: Mapping[str, Any] = call.attribute("dimension_numbers")
    sizes = call.numbers("slice_sizes", x.ndim)
    places = _Places(
        indices,
        x.ndim,
        vector=numbers["index_vector_dim"],
        mapped=numbers["start_index_map"],
        batching=numbers["operand_batching_dims"],
        of_indices=numbers["start_indices_batching_dims"],
    )
    left_out = checked_axes(
        "the collapsed and batching axes",
        (*numbers["collapsed_slice_dims"], *numbers["operand_batching_dims"]),
        x.ndim,
    )
    for axis, size in enumerate(sizes):
        if not 0 <= size <= (1 if axis in left_out else x.shape[axis]):
            raise SpecError(f"slice_sizes is {list(sizes)}: none of a window of {x.shape} without the axes {left_out}")
    window = tuple(size for axis, size in enumerate(sizes) if axis not in left_out)
    offsets = checked_axes("offset_dims", numbers["offset_dims"], len(call.result.shape))
    others = [axis for axis in range(len(call.result.shape)) if axis not in offsets]
    expected = [0] * len(call.result.shape)
    for axis, size in zip((*others, *offsets), (*places.shape, *window), strict=True):
        expected[axis] = size
    if tuple(expected) != call.result.shape:
        raise SpecError(f"windows of {window} at places of {places.shape} are {tuple(expected)}, not {call.result}")
    y = np.empty((*places.shape, *window), x.dtype)
    for at in np.ndindex(places.shape):
        start = [
            min(max(first, 0), whole - size)
            for first, whole, size in zip(places.start(at), x.shape, sizes, strict=True)
        ]
        y[at] = x[tuple(slice(first, first + size) for first, size in zip(start, sizes, strict=True))].reshape(window)
    return y.transpose(np.argsort((*others, *offsets)))


@rule("scatter")
def scatter(call: Call, x: Array, indices: Array, updates: Array) -> Array:
    """x with windows of updates taken in one after another, each by the body: y[place] = body(y[place], update).

    A window's place is said as for ``gather``, without clamping. One that does not lie within x is left out as a whole:
    so do XLA and the others that run programs, where the specification would take in what lies within.
    """
    numbers: Mapping[str, Any] = call.attribute("scatter_dimension_numbers")
    places = _Places(
        indices,
        x.ndim,
        vector=numbers["index_vector_dim"],
        mapped=numbers["scattered_dims_to_operand_dims"],
        batching=numbers["input_batching_dims"],
        of_indices=numbers["scatter_indices_batching_dims"],
    )
    inserted = checked_axes(
        "the inserted and batching axes",
        (*numbers["inserted_window_dims"], *numbers["input_batching_dims"]),
        x.ndim,
    )
    offsets = checked_axes("update_window_dims", numbers["update_window_dims"], updates.ndim)
    others = [axis for axis in range(updates.ndim) if axis not in offsets]
    own = [axis for axis in range(x.ndim) if axis not in inserted]
    if len(own) != len(offsets) or tuple(updates.shape[axis] for axis in others) != places.shape:
        raise SpecError(f"updates of {call.given[2]} do not fit {call.given[0]} at places of {places.shape}")
    if call.given[2].dtype != call.result.dtype:
        raise SpecError(f"updates of {call.given[2]} are taken into {call.result}")
    moved = updates.transpose((*others, *offsets))
    sizes = [1] * x.ndim
    for axis, size in zip(own, moved.shape[len(others) :], strict=True):
        sizes[axis] = size
    combine, y = combining(call, 1), x.copy()
    for at in np.ndindex(places.shape):
        start = places.start(at)
        if all(0 <= first <= whole - size for first, whole, size in zip(start, x.shape, sizes, strict=True)):
            place = tuple(slice(first, first + size) for first, size in zip(start, sizes, strict=True))
            y[place] = combine([y[place]], [moved[at].reshape(sizes)])[0]
    return y
