"""Layers that change images at random in training; in inference they give them as they are."""

from __future__ import annotations

from typing import Any

import nnspec
from nnspec.layers.base import Layer
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting import channels
from nnspec_tensorflow.porting.convert import Context, convert
from nnspec_tensorflow.startup import keras

_of = keras.layers


def augmented(spec: Layer, context: Context, images: Value, training: bool | None) -> Value:
    """A layer that changes images in training, in the mode of this call.

    Raises:
        PortError: the model is to change them in inference, too.
    """
    if training:
        raise context.error("is called with training=True: a port changes images in training alone")
    if training is False:
        return context.call(nnspec.Identity(), images)
    context.note("draws other random numbers in Keras, which changes other images.")
    return context.call(spec, images)


def range_of(value: Any) -> tuple[float, float]:
    """Two numbers as floats."""
    lower, upper = value
    return float(lower), float(upper)


def _filled(layer: Any) -> dict[str, Any]:
    return {
        "fill_mode": layer.fill_mode,
        "fill_value": float(layer.fill_value),
        "interpolation": layer.interpolation,
    }


@convert.register(_of.RandomFlip)
@channels.either
def random_flip(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    both = layer.mode == "horizontal_and_vertical"
    return augmented(nnspec.RandomFlip(layer.mode, joint=both), context, inputs, training)


@convert.register(_of.RandomRotation)
@channels.either
def random_rotation(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    spec = nnspec.RandomRotation(range_of(layer.factor), **_filled(layer))
    return augmented(spec, context, inputs, training)


@convert.register(_of.RandomZoom)
@channels.either
def random_zoom(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    height = (float(layer.height_lower), float(layer.height_upper))
    width = None if layer.width_factor is None else (float(layer.width_lower), float(layer.width_upper))
    return augmented(nnspec.RandomZoom(height, width, **_filled(layer)), context, inputs, training)


@convert.register(_of.RandomTranslation)
@channels.either
def random_translation(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    height = (float(layer.height_lower), float(layer.height_upper))
    width = (float(layer.width_lower), float(layer.width_upper))
    return augmented(nnspec.RandomTranslation(height, width, **_filled(layer)), context, inputs, training)


@convert.register(_of.RandomContrast)
@channels.either
def random_contrast(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    if not isinstance(layer.factor, tuple | list):
        raise context.error(f"factor={layer.factor!r} is no range")
    spec = nnspec.RandomContrast(range_of(layer.factor), value_range=range_of(layer.value_range))
    return augmented(spec, context, inputs, training)


@convert.register(_of.RandomBrightness)
@channels.either
def random_brightness(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    spec = nnspec.RandomBrightness(range_of(layer.factor), value_range=range_of(layer.value_range))
    return augmented(spec, context, inputs, training)


@convert.register(_of.RandomHue)
@channels.either
def random_hue(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    spec = nnspec.RandomHue(range_of(layer.factor), value_range=range_of(layer.value_range))
    return augmented(spec, context, inputs, training)


@convert.register(_of.RandomSaturation)
@channels.either
def random_saturation(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    low, high = range_of(layer.value_range)
    spec = nnspec.RandomSaturation(range_of(layer.factor), high, value_range=(low, high))
    return augmented(spec, context, inputs, training)


@convert.register(_of.RandomSharpness)
@channels.either
def random_sharpness(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    spec = nnspec.RandomSharpness(range_of(layer.factor), value_range=range_of(layer.value_range))
    return augmented(spec, context, inputs, training)


@convert.register(_of.RandomColorDegeneration)
@channels.either
def random_color_degeneration(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    spec = nnspec.RandomColorDegeneration(range_of(layer.factor), value_range=range_of(layer.value_range))
    return augmented(spec, context, inputs, training)


@convert.register(_of.RandomGrayscale)
@channels.either
def random_grayscale(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    return augmented(nnspec.RandomGrayscale(float(layer.factor)), context, inputs, training)


@convert.register(_of.RandomShear)
@channels.either
def random_shear(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    factors = (range_of(layer.x_factor), range_of(layer.y_factor))
    spec = nnspec.RandomShear(*factors, mirrored=True, origin="corner", **_filled(layer))
    return augmented(spec, context, inputs, training)


@convert.register(_of.AutoContrast)
@channels.either
def auto_contrast(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    return context.call(nnspec.AutoContrast(value_range=range_of(layer.value_range)), inputs)
