"""Operations on images and sequences with channels: pools, convolutions, resampling."""

from __future__ import annotations

from typing import Any

import nnspec
from nnspec.layers.base import Layer
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context
from nnspec_tensorflow.porting.operations.operand import BATCH, Operand, is_variable, refusal
from nnspec_tensorflow.porting.operations.operation import operation
from nnspec_tensorflow.porting.operations.variables import done, owning, plain
from nnspec_tensorflow.startup import keras

_NN, _IMAGE = keras.src.ops.nn, keras.src.ops.image


def _of_channels(op: Any, context: Context, x: Any) -> tuple[Operand, int]:
    """An operand with channels last, and how many axes there are between batch and channels."""
    if (op.data_format or keras.config.image_data_format()) != "channels_last":
        raise refusal(context, "channels in front", "build the model with data_format='channels_last'")
    operand = plain(context, x)
    return operand, operand.rank - 2


def _each(value: Any, count: int) -> tuple[int, ...]:
    """One number for each axis."""
    return (int(value),) * count if isinstance(value, int) else tuple(map(int, value))


@operation(_NN.MaxPool, _NN.AveragePool)
def pool(op: Any, context: Context, inputs: Any) -> Value:
    operand, count = _of_channels(op, context, inputs)
    size = _each(op.pool_size, count)
    layer: Any = nnspec.MaxPool if isinstance(op, _NN.MaxPool) else nnspec.AvgPool
    strides = size if op.strides is None else _each(op.strides, count)
    return done(context, layer(size, strides, op.padding), operand.value, view=BATCH)


@operation(_NN.AdaptiveMaxPool, _NN.AdaptiveAveragePool)
def adaptive_pool(op: Any, context: Context, inputs: Any) -> Value:
    operand, count = _of_channels(op, context, inputs)
    layer: Any = nnspec.AdaptiveMaxPool if isinstance(op, _NN.AdaptiveMaxPool) else nnspec.AdaptiveAvgPool
    return done(context, layer(_each(op.output_size, count)), operand.value, view=BATCH)


@operation(_NN.Conv, _NN.DepthwiseConv)
def conv(op: Any, context: Context, inputs: Any, kernel: Any) -> Value:
    """A convolution with a variable of the user's own."""
    operand, count = _of_channels(op, context, inputs)
    if not is_variable(kernel):
        raise refusal(context, "a convolution with a kernel that is computed", "make the kernel a weight of the layer")
    shape, channels = tuple(map(int, kernel.shape)), operand.shape[-1]
    options: dict[str, Any] = {
        "strides": _each(op.strides, count),
        "padding": op.padding,
        "dilation": _each(op.dilation_rate, count),
        "use_bias": False,
    }
    if isinstance(op, _NN.DepthwiseConv):
        if shape[-1] != 1:
            raise refusal(context, "a depthwise convolution by a weight with a depth multiplier", "use DepthwiseConv2D")
        raise refusal(context, "a depthwise convolution by a weight of one's own", "use DepthwiseConv1D or 2D")
    layer: Layer = nnspec.Conv(shape[-1], shape[:-2], groups=(channels or shape[-2]) // shape[-2], **options)
    return owning(context, layer, "kernel", kernel, operand.value, None, view=BATCH)


@operation(_NN.DepthToSpace, _NN.SpaceToDepth)
def blocks(op: Any, context: Context, x: Any) -> Value:
    operand, _ = _of_channels(op, context, x)
    layer: Any = nnspec.DepthToSpace if isinstance(op, _NN.DepthToSpace) else nnspec.SpaceToDepth
    return done(context, layer(int(op.block_size)), operand.value, view=BATCH)


@operation(_IMAGE.Resize)
def resize(op: Any, context: Context, images: Any) -> Value:
    operand, _ = _of_channels(op, context, images)
    if op.crop_to_aspect_ratio or op.pad_to_aspect_ratio:
        raise refusal(context, "a resize that keeps the aspect ratio", "crop or pad before")
    methods = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic"}
    if op.interpolation not in methods or (op.antialias and op.interpolation == "nearest"):
        raise refusal(context, f"{op.interpolation} interpolation", "use nearest, bilinear or bicubic")
    layer = nnspec.Resize(tuple(map(int, op.size)), methods[op.interpolation], bool(op.antialias))  # type: ignore[arg-type]
    return done(context, layer, operand.value, view=BATCH)


@operation(_IMAGE.ExtractPatches)
def extract_patches(op: Any, context: Context, images: Any) -> Value:
    """Patches that meet each other without gaps, each as a row of its elements."""
    operand, count = _of_channels(op, context, images)
    size = _each(op.size, len(op.size))
    alike = _each(op.strides, count) == size and set(_each(op.dilation_rate, count)) == {1}
    fits = all(n is not None and n % s == 0 for n, s in zip(operand.shape[1:-1], size, strict=True))
    if not alike or not fits or len(set(size)) > 1:
        raise refusal(context, "patches that overlap, leave gaps, or are no squares", "use a convolution")
    return done(context, nnspec.SpaceToDepth(size[0]), operand.value, view=BATCH)
