"""Layers that only rearrange."""

from __future__ import annotations

from typing import Any

from nnspec.layers.shape import DepthToSpace, Flatten, Permute, RepeatVector, Reshape, SpaceToDepth
from nnspec_tensorflow.realize import Context, build, sizes
from nnspec_tensorflow.startup import keras, tf
from nnspec_tensorflow.stateless import SpecFunction, formula

Tensor = Any


@build.register
def flatten(spec: Flatten, context: Context) -> keras.layers.Layer:
    return keras.layers.Flatten(data_format="channels_last", **context.options)


@build.register
def reshape(spec: Reshape, context: Context) -> keras.layers.Layer:
    return keras.layers.Reshape(spec.output_shape(*context.shapes)[1:], **context.options)


@build.register
def permute(spec: Permute, context: Context) -> keras.layers.Layer:
    return keras.layers.Permute(spec.axes, **context.options)


@build.register(RepeatVector)
@build.register(SpaceToDepth)
@build.register(DepthToSpace)
def rearrange(spec: Any, context: Context) -> keras.layers.Layer:
    return SpecFunction(spec, **context.options)


@formula.register
def repeat_vector(spec: RepeatVector, x: Tensor) -> Tensor:
    batch, *rest = sizes(x)
    return tf.broadcast_to(x[:, None], (batch, spec.n, *rest))


@formula.register
def space_to_depth(spec: SpaceToDepth, x: Tensor) -> Tensor:
    batch, *whole, channels = sizes(x)
    n, size = len(whole), spec.block_size
    places = [length // size for length in whole]
    # (batch, p1, q1, ..., pn, qn, channels)
    blocks = tf.reshape(x, (batch, *(part for place in places for part in (place, size)), channels))
    within, last = range(2, 2 * n + 1, 2), 2 * n + 1
    behind = (*within, last) if spec.order == "blocks_first" else (last, *within)
    moved = tf.transpose(blocks, (0, *range(1, 2 * n, 2), *behind))
    return tf.reshape(moved, (batch, *places, channels * size**n))


@formula.register
def depth_to_space(spec: DepthToSpace, x: Tensor) -> Tensor:
    batch, *places, channels = sizes(x)
    n, size, first = len(places), spec.block_size, spec.order == "blocks_first"
    block, rest = (size,) * n, channels // size**n
    parts = tf.reshape(x, (batch, *places, *((*block, rest) if first else (rest, *block))))
    pairs = [axis for p in range(1, n + 1) for axis in (p, p + n + (not first))]
    moved = tf.transpose(parts, (0, *pairs, 2 * n + 1 if first else n + 1))
    return tf.reshape(moved, (batch, *(place * size for place in places), rest))
