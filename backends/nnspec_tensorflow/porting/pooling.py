"""Pooling."""

from __future__ import annotations

from typing import Any

import nnspec
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting import channels
from nnspec_tensorflow.porting.convert import Context, convert
from nnspec_tensorflow.startup import keras

_of = keras.layers


@convert.register(_of.MaxPooling1D)
@convert.register(_of.MaxPooling2D)
@convert.register(_of.MaxPooling3D)
@channels.either
def max_pool(layer: Any, context: Context, inputs: Value) -> Value:
    spec = nnspec.MaxPool(tuple(layer.pool_size), tuple(layer.strides), layer.padding)
    return context.call(spec, inputs)


@convert.register(_of.AveragePooling1D)
@convert.register(_of.AveragePooling2D)
@convert.register(_of.AveragePooling3D)
@channels.either
def average_pool(layer: Any, context: Context, inputs: Value) -> Value:
    spec = nnspec.AvgPool(tuple(layer.pool_size), tuple(layer.strides), layer.padding)
    return context.call(spec, inputs)


def _sizes(layer: Any, axes: int) -> tuple[int, ...]:
    size = layer.output_size
    return (size,) * axes if isinstance(size, int) else tuple(size)


@convert.register(_of.AdaptiveAveragePooling1D)
@convert.register(_of.AdaptiveAveragePooling2D)
@convert.register(_of.AdaptiveAveragePooling3D)
@channels.either
def adaptive_average_pool(layer: Any, context: Context, inputs: Value) -> Value:
    return context.call(nnspec.AdaptiveAvgPool(_sizes(layer, len(context.shapes[inputs]) - 2)), inputs)


@convert.register(_of.AdaptiveMaxPooling1D)
@convert.register(_of.AdaptiveMaxPooling2D)
@convert.register(_of.AdaptiveMaxPooling3D)
@channels.either
def adaptive_max_pool(layer: Any, context: Context, inputs: Value) -> Value:
    return context.call(nnspec.AdaptiveMaxPool(_sizes(layer, len(context.shapes[inputs]) - 2)), inputs)


def _axes(layer: Any, context: Context, x: Value) -> tuple[int, ...]:
    """The axes of positions."""
    rank = len(context.shapes[x])
    return tuple(range(1, rank - 1) if layer.data_format == "channels_last" else range(2, rank))


@convert.register(_of.GlobalMaxPooling1D)
@convert.register(_of.GlobalMaxPooling2D)
@convert.register(_of.GlobalMaxPooling3D)
def global_max_pool(layer: Any, context: Context, inputs: Value) -> Value:
    if layer.data_format == "channels_last" and not layer.keepdims:
        return context.call(nnspec.GlobalMaxPool(), inputs)
    return context.call(nnspec.Max(_axes(layer, context, inputs), keepdims=layer.keepdims), inputs)


@convert.register(_of.GlobalAveragePooling2D)
@convert.register(_of.GlobalAveragePooling3D)
def global_average_pool(layer: Any, context: Context, inputs: Value) -> Value:
    if layer.data_format == "channels_last" and not layer.keepdims:
        return context.call(nnspec.GlobalAvgPool(), inputs)
    return context.call(nnspec.Mean(_axes(layer, context, inputs), keepdims=layer.keepdims), inputs)


@convert.register(_of.GlobalAveragePooling1D)
def global_average_pool_of_steps(layer: Any, context: Context, inputs: Value, mask: Value | None = None) -> Value:
    if mask is None:
        return global_average_pool(layer, context, inputs)
    (axis,) = _axes(layer, context, inputs)
    seen = context.call(nnspec.ExpandDims(2 if axis == 1 else 1), mask, part="mask_of_steps")
    counted = context.call(nnspec.AsType("float"), seen, part="counted")
    kept = context.call(nnspec.Multiply(), inputs, counted, part="kept")
    total = context.call(nnspec.Sum((axis,), keepdims=layer.keepdims), kept, part="total")
    count = context.call(nnspec.Sum((axis,), keepdims=layer.keepdims), counted, part="count")
    return context.call(nnspec.Divide(), total, count)
