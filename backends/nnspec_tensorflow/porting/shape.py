"""Layers that only rearrange."""

from __future__ import annotations

from typing import Any

import nnspec
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting import channels
from nnspec_tensorflow.porting.convert import Context, convert
from nnspec_tensorflow.startup import keras


@convert.register(keras.layers.Flatten)
def flatten(layer: Any, context: Context, inputs: Value) -> Value:
    if layer.data_format == "channels_first":
        inputs = channels.last(context, inputs)
    return context.call(nnspec.Flatten(), inputs)


@convert.register(keras.layers.Reshape)
def reshape(layer: Any, context: Context, inputs: Value) -> Value:
    shape = tuple(-1 if size is None else int(size) for size in layer.target_shape)
    return context.call(nnspec.Reshape(shape), inputs)


@convert.register(keras.layers.Permute)
def permute(layer: Any, context: Context, inputs: Value) -> Value:
    return context.call(nnspec.Permute(tuple(layer.dims)), inputs)


@convert.register(keras.layers.RepeatVector)
def repeat_vector(layer: Any, context: Context, inputs: Value) -> Value:
    return context.call(nnspec.RepeatVector(int(layer.n)), inputs)
