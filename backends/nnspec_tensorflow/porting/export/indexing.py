"""Elements chosen by ids, and sums of what has the same id. Ids beyond the end give NaN, by operations of their own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnspec import indexing as specs
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.startup import keras


def _sizes(spec: Any, context: Context) -> list[tuple[int, ...]]:
    """The sizes of all inputs behind the batch, which are known."""
    if any(None in shape[1:] for shape in context.shapes):
        context.refuse(spec, "an axis of any length", "declare the sizes of the inputs")
    return [tuple(size or 0 for size in shape[1:]) for shape in context.shapes]


def along_axis(x: Tensor, ids: Tensor, axis: int, size: int) -> Tensor:
    """Elements along an axis by ids of x's rank: negative ones from the end, none (NaN, 0, false) beyond it."""
    ops = keras.ops
    counted = ops.where(ops.less(ids, 0), ops.add(ids, size), ids)
    there = ops.logical_and(ops.greater_equal(counted, 0), ops.less(counted, size))
    taken = ops.take_along_axis(x, ops.clip(counted, 0, size - 1), axis=axis)
    if "float" in x.dtype:
        return ops.where(there, taken, float("nan"))
    if x.dtype == "bool":
        return ops.logical_and(there, taken)
    return ops.where(there, taken, 0)


@native.register
def take(spec: specs.Take, context: Context, x: Tensor, *ids: Tensor) -> Tensor:
    ops, axis = keras.ops, spec.axis % len(context.shapes[0])
    if spec.indices is not None:
        return ops.take(x, list(spec.indices), axis=axis)
    sizes, inner = _sizes(spec, context)
    others = [i for i in range(1, len(sizes) + 1) if i != axis]
    rest = [sizes[i - 1] for i in others]
    count, width, size = math.prod(inner), math.prod(rest), sizes[axis - 1]
    rows = ops.reshape(ops.transpose(x, (0, axis, *others)), (-1, size, width))
    places = ops.tile(ops.reshape(ids[0], (-1, count, 1)), (1, 1, width))
    taken = ops.reshape(along_axis(rows, places, 1, size), (-1, *inner, *rest))
    # The axes of the ids stand where the axis was.
    first, new = 1 + len(inner), list(range(1, 1 + len(inner)))
    order = [*range(first, first + axis - 1), *new, *range(first + axis - 1, first + len(rest))]
    return ops.transpose(taken, (0, *order))


@native.register
def take_along_axis(spec: specs.TakeAlongAxis, context: Context, x: Tensor, ids: Tensor) -> Tensor:
    axis = spec.axis % len(context.shapes[0])
    size = context.shapes[0][axis]
    if size is None:
        context.refuse(spec, "an axis of any length", "declare its size")
    return along_axis(x, ids, axis, size or 0)


@native.register
def one_hot(spec: specs.OneHot, context: Context, x: Tensor) -> Tensor:
    return keras.ops.one_hot(x, spec.num_classes, axis=spec.axis, dtype=context.dtype)


@native.register
def update_slice(spec: specs.UpdateSlice, context: Context, x: Tensor, update: Tensor, start: Tensor) -> Tensor:
    ops, (sizes, new, _) = keras.ops, _sizes(spec, context)
    axis, rank = spec.axis % len(context.shapes[0]), len(context.shapes[0])
    ones = [1] * (rank - 1)
    ones[axis - 1] = sizes[axis - 1]
    places = np.arange(sizes[axis - 1], dtype=np.int32).reshape([1, *ones])
    ids = ops.subtract(places, ops.reshape(start, (-1, *[1] * (rank - 1))))
    there = ops.logical_and(ops.greater_equal(ids, 0), ops.less(ids, new[axis - 1]))
    wide = [1 if i == axis - 1 else size for i, size in enumerate(sizes)]
    ids = ops.tile(ops.clip(ids, 0, new[axis - 1] - 1), (1, *wide))
    return ops.where(there, ops.take_along_axis(update, ids, axis=axis), x)


def _members(spec: Any, context: Context, x: Tensor, ids: Tensor) -> tuple[Tensor, Tensor, list[int]]:
    """Which elements are in which segment (batch, n, segments), x as (batch, n, width), and x's axes behind."""
    rest = list(_sizes(spec, context)[0][1:])
    flat = keras.ops.reshape(x, (-1, _sizes(spec, context)[0][0], math.prod(rest)))
    return keras.ops.one_hot(ids, spec.num_segments, axis=-1, dtype=context.dtype), flat, rest


@native.register(specs.SegmentMean)
@native.register(specs.SegmentSum)
def segment_sum(spec: specs.SegmentMean | specs.SegmentSum, context: Context, x: Tensor, ids: Tensor) -> Tensor:
    ops = keras.ops
    members, flat, rest = _members(spec, context, x, ids)
    total = ops.einsum("bns,bnw->bsw", members, flat)
    if isinstance(spec, specs.SegmentMean):
        count = ops.maximum(ops.expand_dims(ops.sum(members, axis=1), -1), 1.0)
        total = ops.divide(total, count)
    return ops.reshape(total, (-1, spec.num_segments, *rest))


@native.register
def segment_max(spec: specs.SegmentMax, context: Context, x: Tensor, ids: Tensor) -> Tensor:
    ops = keras.ops
    members, flat, rest = _members(spec, context, x, ids)
    within = ops.greater(ops.expand_dims(members, -1), 0.5)
    largest = ops.max(ops.where(within, ops.expand_dims(flat, 2), -float("inf")), axis=1)
    return ops.reshape(largest, (-1, spec.num_segments, *rest))
