"""Operations that rearrange."""

from __future__ import annotations

from typing import Any

from nnspec import arrangement as specs
from nnspec.layers.base import Operation
from nnspec_tensorflow.realize import Context, build, sizes
from nnspec_tensorflow.startup import keras, tf
from nnspec_tensorflow.stateless import SpecFunction, formula

Tensor = Any


@build.register(specs.BroadcastTo)
@build.register(specs.Diagonal)
@build.register(specs.Flip)
@build.register(specs.Roll)
@build.register(specs.Tile)
@build.register(specs.Trace)
@build.register(specs.Tril)
@build.register(specs.Triu)
def operation(spec: Operation, context: Context) -> keras.layers.Layer:
    return SpecFunction(spec, **context.options)


@formula.register
def flip(spec: specs.Flip, x: Tensor) -> Tensor:
    return tf.reverse(x, spec.axes(x.shape))


@formula.register
def roll(spec: specs.Roll, x: Tensor) -> Tensor:
    return tf.roll(x, spec.shift, spec.axis)


@formula.register
def tile(spec: specs.Tile, x: Tensor) -> Tensor:
    return tf.tile(x, (1, *spec.repeats))


@formula.register
def broadcast_to(spec: specs.BroadcastTo, x: Tensor) -> Tensor:
    return tf.broadcast_to(x, (sizes(x)[0], *spec.shape))


def _above(x: Tensor) -> Tensor:
    """How far above the main diagonal each element of a matrix is."""
    *_, rows, columns = sizes(x)
    return tf.range(columns) - tf.range(rows)[:, None]


@formula.register
def tril(spec: specs.Tril, x: Tensor) -> Tensor:
    return tf.where(_above(x) <= spec.k, x, tf.zeros_like(x))


@formula.register
def triu(spec: specs.Triu, x: Tensor) -> Tensor:
    return tf.where(_above(x) >= spec.k, x, tf.zeros_like(x))


@formula.register
def diagonal(spec: specs.Diagonal, x: Tensor) -> Tensor:
    return tf.linalg.diag_part(x, k=spec.offset)


@formula.register
def trace(spec: specs.Trace, x: Tensor) -> Tensor:
    return tf.reduce_sum(tf.linalg.diag_part(x, k=spec.offset), -1)
