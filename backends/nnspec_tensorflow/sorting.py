"""Order along an axis."""

from __future__ import annotations

from typing import Any

from nnspec import sorting as specs
from nnspec.layers.base import Operation
from nnspec_tensorflow.indexing import along_axis, at_the_end, ranked
from nnspec_tensorflow.realize import Context, build, sizes
from nnspec_tensorflow.startup import keras, tf
from nnspec_tensorflow.stateless import SpecFunction, formula

Tensor = Any


@build.register(specs.ArgMax)
@build.register(specs.ArgMin)
@build.register(specs.ArgSort)
@build.register(specs.Sort)
@build.register(specs.TopK)
def operation(spec: Operation, context: Context) -> keras.layers.Layer:
    return SpecFunction(spec, **context.options)


def _extreme(spec: specs.ArgMax | specs.ArgMin, ranks: Tensor) -> Tensor:
    last = spec.ties == "last"
    ranks = tf.reverse(ranks, [spec.axis % ranks.shape.rank]) if last else ranks
    found = tf.argmax(ranks, spec.axis, output_type=tf.int32)
    found = sizes(ranks)[spec.axis] - 1 - found if last else found
    return tf.expand_dims(found, spec.axis) if spec.keepdims else found


@formula.register
def arg_max(spec: specs.ArgMax, x: Tensor) -> Tensor:
    return _extreme(spec, ranked(x))


@formula.register
def arg_min(spec: specs.ArgMin, x: Tensor) -> Tensor:
    return _extreme(spec, ranked(-x) if x.dtype.is_floating else tf.bitwise.invert(x))


def _first(x: Tensor, axis: int, count: Tensor, falling: bool) -> Tensor:
    """The indices of the first of all elements in order. ``tf.math.top_k`` takes the first of equal ones first."""
    ranks = ranked(tf.stop_gradient(x))
    if not falling:
        ranks = tf.bitwise.invert(ranks)
    elif x.dtype.is_floating:  # NaN behind all, as in rising order
        ranks = tf.where(tf.math.is_nan(x), tf.constant(ranks.dtype.min, ranks.dtype), ranks)
    found = tf.math.top_k(at_the_end(ranks, axis), count, sorted=True).indices
    return at_the_end(found, axis, back=True)


@formula.register
def arg_sort(spec: specs.ArgSort, x: Tensor) -> Tensor:
    return _first(x, spec.axis, sizes(x)[spec.axis], spec.descending)


@formula.register
def sort(spec: specs.Sort, x: Tensor) -> Tensor:
    return along_axis(x, _first(x, spec.axis, sizes(x)[spec.axis], spec.descending), spec.axis)


@formula.register
def top_k(spec: specs.TopK, x: Tensor) -> Tensor:
    found = _first(x, spec.axis, spec.k, spec.largest)
    return found if spec.output == "indices" else along_axis(x, found, spec.axis)
