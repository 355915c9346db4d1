"""Elements chosen by ids, and reductions of what has the same id."""

from __future__ import annotations

from typing import Any

from nnspec import indexing as specs
from nnspec.layers.base import Operation
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.realize import Context, build, sizes
from nnspec_tensorflow.startup import keras, tf
from nnspec_tensorflow.stateless import SpecFunction, formula

Tensor = Any


@build.register(specs.OneHot)
@build.register(specs.SegmentMax)
@build.register(specs.SegmentMean)
@build.register(specs.SegmentSum)
@build.register(specs.Take)
@build.register(specs.TakeAlongAxis)
@build.register(specs.UpdateSlice)
def operation(spec: Operation, context: Context) -> keras.layers.Layer:
    return SpecFunction(spec, **context.options)


def at_the_end(x: Tensor, axis: int, *, back: bool = False) -> Tensor:
    """The axis moved to the end, or back from there."""
    rank = x.shape.rank
    axis %= rank
    if axis == rank - 1:
        return x
    order = [*range(axis), *range(axis + 1, rank), axis]
    return tf.transpose(x, [order.index(i) for i in range(rank)] if back else order)


def at_the_front(x: Tensor, axis: int, *, back: bool = False) -> Tensor:
    """The axis moved behind the batch's, or back from there."""
    order = [0, axis, *(i for i in range(1, x.shape.rank) if i != axis)]
    return tf.transpose(x, [order.index(i) for i in range(x.shape.rank)] if back else order)


def along_axis(x: Tensor, ids: Tensor, axis: int) -> Tensor:
    """Elements along an axis by ids of each place, counted from the front."""
    taken = tf.gather(at_the_end(x, axis), at_the_end(ids, axis), batch_dims=x.shape.rank - 1)
    return at_the_end(taken, axis, back=True)


def ranked(x: Tensor) -> Tensor:
    """Integers in the order of the numbers, all NaN being one that is above them, and −0 being 0.

    For TensorFlow's own comparisons NaN is anywhere, depending on the device and the compiler.
    """
    if not x.dtype.is_floating:
        return x
    kind = tf.int64 if x.dtype == tf.float64 else tf.int32
    bits = tf.bitcast(tf.where(x == 0, tf.zeros_like(x), x), kind)
    # Of negative numbers, the larger the magnitude, the larger the bits behind the sign.
    ranks = tf.where(bits < 0, tf.bitwise.bitwise_xor(bits, tf.constant(kind.max, kind)), bits)
    return tf.where(tf.math.is_nan(x), tf.constant(kind.max, kind), ranks)


def _counted(ids: Tensor, size: Any) -> tuple[Tensor, Tensor]:
    """Ids counted from the front, 0 where they are beyond the end, and whether they are not."""
    positive = tf.where(ids < 0, ids + size, ids)
    known = (positive >= 0) & (positive < size)
    return tf.where(known, positive, 0), known


def _or_nothing(known: Tensor, y: Tensor) -> Tensor:
    """The elements that are some; else NaN, 0 or false."""
    return tf.where(known, y, constant(float("nan"), y) if y.dtype.is_floating else tf.zeros_like(y))


@formula.register
def take(spec: specs.Take, x: Tensor, ids: Tensor | None = None) -> Tensor:
    axis, size = spec.axis % x.shape.rank, sizes(x)[spec.axis]
    behind = [1] * (x.shape.rank - axis - 1)
    if ids is None:
        found, known = _counted(tf.constant(spec.indices, tf.int32), size)
        return _or_nothing(tf.reshape(known, (-1, *behind)), tf.gather(x, found, axis=axis))
    found, known = _counted(ids, size)
    batch, *inner = sizes(ids)
    shape = (batch, *[1] * (axis - 1), *inner, *behind)
    return _or_nothing(tf.reshape(known, shape), tf.gather(x, found, axis=axis, batch_dims=1))


@formula.register
def take_along_axis(spec: specs.TakeAlongAxis, x: Tensor, ids: Tensor) -> Tensor:
    found, known = _counted(ids, sizes(x)[spec.axis])
    return _or_nothing(known, along_axis(x, found, spec.axis))


@formula.register
def update_slice(spec: specs.UpdateSlice, x: Tensor, update: Tensor, start: Tensor) -> Tensor:
    axis, shape = spec.axis % x.shape.rank, sizes(x)
    place = tf.range(shape[axis]) - start[:, None]
    inside = (place >= 0) & (place < sizes(update)[axis])
    wide = (*sizes(place)[:1], *[1] * (axis - 1), shape[axis], *[1] * (x.shape.rank - axis - 1))
    if update.shape[axis] != 1:  # else it is broadcast, which takes less time than to look it up
        rows = tf.where(inside, place, 0)
        moved = tf.gather(at_the_front(update, axis), rows, batch_dims=1)
        update = at_the_front(moved, axis, back=True)
    return tf.where(tf.reshape(inside, wide), update, x)


@formula.register
def one_hot(spec: specs.OneHot, x: Tensor) -> Tensor:
    axis = spec.axis % (x.shape.rank + 1)  # of negative ones TensorFlow knows −1 alone
    return tf.one_hot(x, spec.num_classes, axis=axis, dtype=tf.float32)  # exact; cast to the net's dtype


def _reduced(spec: specs._Segments, function: Any, x: Tensor, ids: Tensor) -> Tensor:
    """Each segment of each example reduced; what is in none of them is a segment more, which is left out."""
    batch, _, *rest = sizes(x)
    count = spec.num_segments + 1
    flat = tf.reshape(_bucketed(spec, ids) + count * tf.range(batch)[:, None], (-1,))
    reduced = function(tf.reshape(x, (-1, *rest)), flat, batch * count)
    return tf.reshape(reduced, (batch, count, *rest))[:, :-1]


def _bucketed(spec: specs._Segments, ids: Tensor) -> Tensor:
    """The ids, those that are none of the segments being one more."""
    return tf.where((ids >= 0) & (ids < spec.num_segments), ids, spec.num_segments)


@formula.register
def segment_sum(spec: specs.SegmentSum, x: Tensor, ids: Tensor) -> Tensor:
    return _reduced(spec, tf.math.unsorted_segment_sum, x, ids)


@formula.register
def segment_mean(spec: specs.SegmentMean, x: Tensor, ids: Tensor) -> Tensor:
    ones = tf.reshape(tf.ones_like(ids, x.dtype), (*sizes(ids), *[1] * (x.shape.rank - 2)))
    count = _reduced(spec, tf.math.unsorted_segment_sum, ones, ids)
    return _reduced(spec, tf.math.unsorted_segment_sum, x, ids) / tf.maximum(count, tf.ones_like(count))


@formula.register
def segment_max(spec: specs.SegmentMax, x: Tensor, ids: Tensor) -> Tensor:
    ranks, n = ranked(tf.stop_gradient(x)), sizes(x)[1]
    largest = _reduced(spec, tf.math.unsorted_segment_max, ranks, ids)
    padded = tf.concat([largest, tf.zeros_like(largest[:, :1])], 1)
    chosen = ranks == tf.gather(padded, _bucketed(spec, ids), axis=1, batch_dims=1)
    place = tf.reshape(tf.range(n), (-1, *[1] * (x.shape.rank - 2)))
    first = _reduced(spec, tf.math.unsorted_segment_min, tf.where(chosen, place, n), ids)
    found = first < n
    return tf.where(found, along_axis(x, tf.where(found, first, 0), 1), constant(float("-inf"), x))
