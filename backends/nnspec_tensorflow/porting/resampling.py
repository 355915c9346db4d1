"""Upsampling and resizing."""

from __future__ import annotations

from typing import Any

import nnspec
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting import channels
from nnspec_tensorflow.porting.convert import Context, convert
from nnspec_tensorflow.startup import keras

_of = keras.layers
_METHODS = {"bilinear": "linear", "bicubic": "cubic", "nearest": "nearest"}


def _method(context: Context, name: str) -> Any:
    if name not in _METHODS:
        raise context.error(f"interpolation={name!r} is none of those of the spec: {', '.join(sorted(_METHODS))}")
    return _METHODS[name]


@convert.register(_of.UpSampling1D)
def upsampling_1d(layer: Any, context: Context, inputs: Value) -> Value:
    return context.call(nnspec.Upsample((int(layer.size),)), inputs)


@convert.register(_of.UpSampling3D)
@channels.either
def upsampling_3d(layer: Any, context: Context, inputs: Value) -> Value:
    return context.call(nnspec.Upsample(tuple(layer.size)), inputs)


@convert.register(_of.UpSampling2D)
@channels.either
def upsampling_2d(layer: Any, context: Context, inputs: Value) -> Value:
    if layer.interpolation == "nearest":
        return context.call(nnspec.Upsample(tuple(layer.size)), inputs)
    sizes: Any = context.shapes[inputs][1:-1]
    if None in sizes:
        raise context.error("is ported for images of known size where it interpolates: give the model's input one")
    wanted = tuple(size * factor for size, factor in zip(sizes, layer.size, strict=True))
    return context.call(nnspec.Resize(wanted, _method(context, layer.interpolation)), inputs)


@convert.register(_of.Resizing)
@channels.either
def resizing(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    for name in ("crop_to_aspect_ratio", "pad_to_aspect_ratio"):
        if getattr(layer, name):
            raise context.error(f"{name}=True has no counterpart in the spec: crop or pad before it")
    if context.dtypes[inputs] != "float":
        raise context.error("resizes whole numbers, which Keras rounds: give the model floats")
    method = _method(context, layer.interpolation)
    antialias = bool(layer.antialias) and method != "nearest"
    return context.call(nnspec.Resize((layer.height, layer.width), method, antialias), inputs)


@convert.register(_of.CenterCrop)
@channels.either
def center_crop(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    return context.call(nnspec.CenterCrop(int(layer.height), int(layer.width)), inputs)
