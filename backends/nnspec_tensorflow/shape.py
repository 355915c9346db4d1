"""Layers that only rearrange."""

from __future__ import annotations

from nnspec.layers.shape import Flatten, Reshape
from nnspec_tensorflow.realize import Context, build
from nnspec_tensorflow.startup import keras


@build.register
def flatten(spec: Flatten, context: Context) -> keras.layers.Layer:
    return keras.layers.Flatten(data_format="channels_last", **context.options)


@build.register
def reshape(spec: Reshape, context: Context) -> keras.layers.Layer:
    return keras.layers.Reshape(spec.output_shape(*context.shapes)[1:], **context.options)
