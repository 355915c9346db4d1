"""Padding and cropping."""

from __future__ import annotations

from typing import Any

import nnspec
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting import channels
from nnspec_tensorflow.porting.convert import Context, convert
from nnspec_tensorflow.startup import keras

_of = keras.layers


def _pairs(value: Any) -> tuple[tuple[int, int], ...]:
    """Keras has a pair for one axis, and pairs for several."""
    if all(isinstance(x, int) for x in value):
        return ((int(value[0]), int(value[1])),)
    return tuple((int(before), int(after)) for before, after in value)


@convert.register(_of.ZeroPadding2D)
@convert.register(_of.ZeroPadding3D)
@channels.either
def zero_padding(layer: Any, context: Context, inputs: Value) -> Value:
    return context.call(nnspec.Pad(_pairs(layer.padding)), inputs)


@convert.register(_of.ZeroPadding1D)
def zero_padding_1d(layer: Any, context: Context, inputs: Value) -> Value:
    if layer.data_format == "channels_first":
        y = context.call(nnspec.Pad(_pairs(layer.padding)), channels.last(context, inputs))
        return channels.first(context, y)
    return context.call(nnspec.Pad(_pairs(layer.padding)), inputs)


@convert.register(_of.Cropping2D)
@convert.register(_of.Cropping3D)
@channels.either
def cropping(layer: Any, context: Context, inputs: Value) -> Value:
    return context.call(nnspec.Crop(_pairs(layer.cropping)), inputs)


@convert.register(_of.Cropping1D)
def cropping_1d(layer: Any, context: Context, inputs: Value) -> Value:
    return context.call(nnspec.Crop(_pairs(layer.cropping)), inputs)
