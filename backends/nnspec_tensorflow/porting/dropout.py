"""Layers that drop or add noise in training, and those that only add to a loss."""

from __future__ import annotations

from typing import Any

import nnspec
from nnspec.layers.base import Layer
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context, convert
from nnspec_tensorflow.startup import keras

_of = keras.layers


def _random(spec: Layer, context: Context, x: Value, training: bool | None) -> Value:
    """A layer that acts in training; the identity where the model fixes inference for this call."""
    if training:
        raise context.error("is called with training=True: a port drops nothing in inference; leave the mode open")
    return context.call(nnspec.Identity() if training is False else spec, x)


def _rate(context: Context, rate: Any) -> float:
    if not 0 <= float(rate) < 1:
        raise context.error(f"has the rate {rate}, which leaves nothing")
    return float(rate)


def _shared(layer: Any, context: Context, x: Value) -> tuple[int, ...]:
    """The axes along which Keras's ``noise_shape`` is 1."""
    shape = context.shapes[x]
    noise = layer.noise_shape
    if noise is None:
        return ()
    if len(noise) != len(shape):
        raise context.error(f"noise_shape={tuple(noise)} for an input of {len(shape)} axes")
    shared = []
    for axis, (size, own) in enumerate(zip(noise, shape, strict=True)):
        if size == 1 and own != 1:
            shared.append(axis)
        elif axis and size not in (None, own):
            raise context.error(f"noise_shape={tuple(noise)} fits no input of shape {shape}")
        elif not axis and size not in (None, 1):
            raise context.error(f"noise_shape={tuple(noise)} fixes the size of the batch; make it None")
    return tuple(shared)


@convert.register(_of.Dropout)
def dropout(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    spec = nnspec.Dropout(_rate(context, layer.rate), _shared(layer, context, inputs))
    return _random(spec, context, inputs, training)


@convert.register(_of.SpatialDropout1D)
@convert.register(_of.SpatialDropout2D)
@convert.register(_of.SpatialDropout3D)
def spatial_dropout(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    rate = _rate(context, layer.rate)
    if getattr(layer, "data_format", "channels_last") == "channels_last":
        return _random(nnspec.SpatialDropout(rate), context, inputs, training)
    axes = tuple(range(2, len(context.shapes[inputs])))
    return _random(nnspec.Dropout(rate, axes), context, inputs, training)


@convert.register(_of.AlphaDropout)
def alpha_dropout(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    spec = nnspec.AlphaDropout(_rate(context, layer.rate), _shared(layer, context, inputs))
    return _random(spec, context, inputs, training)


@convert.register(_of.GaussianDropout)
def gaussian_dropout(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    return _random(nnspec.GaussianDropout(_rate(context, layer.rate)), context, inputs, training)


@convert.register(_of.GaussianNoise)
def gaussian_noise(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    return _random(nnspec.GaussianNoise(float(layer.stddev)), context, inputs, training)


@convert.register(_of.ActivityRegularization)
def activity_regularization(layer: Any, context: Context, inputs: Value) -> Value:
    context.note("adds to the loss in Keras; a penalty of the experiment does that in nnspec.")
    return context.call(nnspec.Identity(), inputs)


@convert.register(_of.Identity)
def identity(layer: Any, context: Context, inputs: Value) -> Value:
    return context.call(nnspec.Identity(), inputs)


@convert.register(_of.Masking)
def masking(layer: Any, context: Context, inputs: Value) -> Value:
    """The steps that are masked are set to 0 as well."""
    seen = context.call(nnspec.PaddingMask(float(layer.mask_value), -1), inputs, part="steps")
    counted = context.call(nnspec.AsType("float"), seen, part="counted")
    wide = context.call(nnspec.ExpandDims(-1), counted, part="wide")
    return context.call(nnspec.Multiply(), inputs, wide)
