"""Layers that distort, invert or erase some images, which are drawn at random in training; and equalization by tiles.

What Keras draws for a whole batch, the spec draws for each example: both change other images than those in Keras.
"""

from __future__ import annotations

from typing import Any

import nnspec
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting import channels
from nnspec_tensorflow.porting.augmentation import augmented, range_of
from nnspec_tensorflow.porting.convert import Context, convert
from nnspec_tensorflow.startup import keras

_of = keras.layers


def _probability(layer: Any) -> float:
    """Keras draws the probability itself, from a range: in the mean it is the middle."""
    lower, upper = range_of(layer.factor)
    return (lower + upper) / 2


@convert.register(_of.RandomInvert)
@channels.either
def random_invert(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    value_range = range_of(layer.value_range)
    if value_range[0] != 0.0:
        raise context.error(f"value_range={layer.value_range}: Keras inverts as if its lower end were 0")
    spec = nnspec.RandomInvert(value_range=value_range, probability=_probability(layer))
    return augmented(spec, context, inputs, training)


@convert.register(_of.RandomPosterization)
@channels.either
def random_posterization(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    lower, upper = map(int, layer.factor)
    bits = lower if lower == upper else (lower, upper - 1)  # the upper end is left out
    spec = nnspec.RandomPosterization(value_range=range_of(layer.value_range), bits=bits)
    return augmented(spec, context, inputs, training)


@convert.register(_of.Solarization)
def solarization(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    spec = nnspec.Solarization(
        value_range=range_of(layer.value_range),
        addition_factor=range_of(layer.addition_factor),
        threshold_factor=range_of(layer.threshold_factor),
    )
    return augmented(spec, context, inputs, training)


@convert.register(_of.RandomColorJitter)
@channels.either
def random_color_jitter(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    parts = ("brightness", "contrast", "saturation", "hue")
    factors: dict[str, Any] = {
        f"{name}_factor": range_of(getattr(layer, f"random_{name}").factor)
        for name in parts
        if getattr(layer, f"random_{name}") is not None
    }
    spec = nnspec.RandomColorJitter(value_range=range_of(layer.value_range), **factors)
    return augmented(spec, context, inputs, training)


@convert.register(_of.RandomGaussianBlur)
@channels.either
def random_gaussian_blur(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    one, other = map(int, layer.kernel_size)
    if one != other:
        raise context.error(f"kernel_size={layer.kernel_size}: Keras has no normal distribution there; make it square")
    spec = nnspec.RandomGaussianBlur(
        value_range=range_of(layer.value_range),
        probability=_probability(layer),
        kernel_size=(one, other),
        sigma=range_of(layer.sigma),
    )
    return augmented(spec, context, inputs, training)


@convert.register(_of.RandomErasing)
@channels.either
def random_erasing(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    value_range, fill = range_of(layer.value_range), layer.fill_value
    fill = tuple(map(float, fill)) if isinstance(fill, tuple | list) else fill
    spec = nnspec.RandomErasing(
        probability=_probability(layer),
        scale=range_of(layer.scale),
        fill_value=0.0 if fill is None else fill if isinstance(fill, tuple) else float(fill),
        noise=value_range[1] if fill is None else 0.0,
        value_range=value_range,
    )
    return augmented(spec, context, inputs, training)


@convert.register(_of.RandomElasticTransform)
@channels.either
def random_elastic_transform(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    spec = nnspec.RandomElasticTransform(
        fill_mode=layer.fill_mode,
        fill_value=float(layer.fill_value),
        interpolation=layer.interpolation,
        scale=range_of(layer.scale),
        probability=_probability(layer),
    )
    if training is None:
        context.note(f"cuts what it gives to {layer.value_range} in Keras: give it images of that range.")
    return augmented(spec, context, inputs, training)


@convert.register(_of.RandomPerspective)
@channels.either
def random_perspective(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    spec = nnspec.RandomPerspective(
        fill_value=float(layer.fill_value),
        interpolation=layer.interpolation,
        scale=float(layer.scale),
        probability=_probability(layer),
        corners="scaled",
    )
    return augmented(spec, context, inputs, training)


@convert.register(_of.ContrastLimitedAdaptiveHistogramEqualization)
@channels.either
def clahe(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    rows, columns = map(int, layer.tile_grid_size)
    spec = nnspec.ContrastLimitedAdaptiveHistogramEqualization(
        value_range=range_of(layer.value_range),
        clip_limit=float(layer.clip_limit),
        tile_grid_size=(rows, columns),
    )
    return context.call(spec, inputs)
