"""Layers that only rearrange."""

from __future__ import annotations

from nnspec.layers.shape import DepthToSpace, Flatten, Permute, RepeatVector, Reshape, SpaceToDepth
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.startup import keras


@native.register
def flatten(spec: Flatten, context: Context, x: Tensor) -> Tensor:
    return context.own(keras.layers.Flatten, data_format="channels_last")(x)


@native.register
def reshape(spec: Reshape, context: Context, x: Tensor) -> Tensor:
    return context.own(keras.layers.Reshape, spec.shape)(x)


@native.register
def permute(spec: Permute, context: Context, x: Tensor) -> Tensor:
    return context.own(keras.layers.Permute, spec.axes)(x)


@native.register
def repeat_vector(spec: RepeatVector, context: Context, x: Tensor) -> Tensor:
    if len(context.shapes[0]) == 2:
        return context.own(keras.layers.RepeatVector, spec.n)(x)
    return keras.ops.repeat(keras.ops.expand_dims(x, 1), spec.n, axis=1)


def _known(spec: SpaceToDepth | DepthToSpace, context: Context) -> list[int]:
    """The sizes of all axes behind the batch."""
    sizes = context.shapes[0][1:]
    if None in sizes:
        context.refuse(spec, "an axis of any length", "declare the sizes of the input")
    return [size or 0 for size in sizes]


@native.register
def space_to_depth(spec: SpaceToDepth, context: Context, x: Tensor) -> Tensor:
    """Each axis cut into blocks, whose elements go behind the axes."""
    ops, block = keras.ops, spec.block_size
    *sizes, channels = _known(spec, context)
    axes = len(sizes)
    cut = [size for n in sizes for size in (n // block, block)]
    positions, within = [1 + 2 * i for i in range(axes)], [2 + 2 * i for i in range(axes)]
    last = 1 + 2 * axes
    order = [*within, last] if spec.order == "blocks_first" else [last, *within]
    y = ops.transpose(ops.reshape(x, (-1, *cut, channels)), (0, *positions, *order))
    shape = [n // block for n in sizes]
    return ops.reshape(y, (-1, *shape, channels * block**axes))


@native.register
def depth_to_space(spec: DepthToSpace, context: Context, x: Tensor) -> Tensor:
    """Channels cut into blocks, whose elements go behind the positions of each axis."""
    ops, block = keras.ops, spec.block_size
    *sizes, channels = _known(spec, context)
    axes = len(sizes)
    left = channels // block**axes
    first = spec.order == "blocks_first"
    cut = [*[block] * axes, left] if first else [left, *[block] * axes]
    start = 1 + axes if first else 2 + axes
    order = [place for i in range(axes) for place in (1 + i, start + i)]
    y = ops.reshape(x, (-1, *sizes, *cut))
    y = ops.transpose(y, (0, *order, 1 + 2 * axes if first else 1 + axes))
    return ops.reshape(y, (-1, *(n * block for n in sizes), left))
