"""Layers that change images at random in training, where Keras's mean the same. Keras draws other numbers."""

from __future__ import annotations

from typing import Any

from nnspec.layers.augmentation import Augmentation
from nnspec.layers.color import RandomBrightness, RandomContrast
from nnspec.layers.geometry import CenterCrop, RandomCrop, RandomFlip
from nnspec.layers.warping import RandomRotation, RandomShear, RandomTranslation, RandomZoom
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.startup import keras

_LAST = {"data_format": "channels_last"}


def _drawing(context: Context, kind: Any, *args: Any, part: str | None = None, **options: Any) -> Any:
    """A layer of Keras's that draws; one that does nothing where nothing is to be drawn."""
    if context.quiet:
        return context.own(keras.layers.Identity, part=part)
    return context.own(kind, *args, part=part, seed=None, **options)


def _range(factor: Any) -> Any:
    return list(factor) if isinstance(factor, tuple) else factor


@native.register
def augmentation(spec: Augmentation, context: Context, x: Tensor) -> Tensor:
    context.refuse(spec, "what it draws", "leave it out: in inference it gives its input back")


@native.register
def random_crop(spec: RandomCrop, context: Context, x: Tensor) -> Tensor:
    context.refuse(spec, "a window of its own for each image", "CenterCrop of the padded image is what inference has")


@native.register
def random_flip(spec: RandomFlip, context: Context, x: Tensor) -> Tensor:
    if spec.probability != 0.5:
        context.refuse(spec, f"probability={spec.probability}", "Keras flips half of all images")
    if spec.joint or spec.mode != "horizontal_and_vertical":
        return _drawing(context, keras.layers.RandomFlip, mode=spec.mode, **_LAST)(x)
    x = _drawing(context, keras.layers.RandomFlip, mode="horizontal", **_LAST)(x)
    return _drawing(context, keras.layers.RandomFlip, mode="vertical", part="vertical", **_LAST)(x)


def _warped(spec: Any, context: Context, x: Tensor, kind: Any, **factors: Any) -> Tensor:
    options = {"fill_mode": spec.fill_mode, "interpolation": spec.interpolation, "fill_value": spec.fill_value}
    factors = {name: _range(factor) for name, factor in factors.items()}
    return _drawing(context, kind, **factors, **options, **_LAST)(x)


@native.register
def random_rotation(spec: RandomRotation, context: Context, x: Tensor) -> Tensor:
    return _warped(spec, context, x, keras.layers.RandomRotation, factor=spec.factor)


@native.register
def random_translation(spec: RandomTranslation, context: Context, x: Tensor) -> Tensor:
    kind = keras.layers.RandomTranslation
    return _warped(spec, context, x, kind, height_factor=spec.height_factor, width_factor=spec.width_factor)


@native.register
def random_zoom(spec: RandomZoom, context: Context, x: Tensor) -> Tensor:
    kind = keras.layers.RandomZoom
    return _warped(spec, context, x, kind, height_factor=spec.height_factor, width_factor=spec.width_factor)


@native.register
def random_shear(spec: RandomShear, context: Context, x: Tensor) -> Tensor:
    factors = (spec.x_factor, spec.y_factor)
    if not spec.mirrored or spec.origin != "corner" or any(isinstance(f, tuple) and min(f) < 0 for f in factors):
        context.refuse(spec, "other shears than mirrored ones about the corner", "Keras has these alone")
    return _warped(spec, context, x, keras.layers.RandomShear, x_factor=spec.x_factor, y_factor=spec.y_factor)


@native.register(RandomBrightness)
@native.register(RandomContrast)
def random_tone(spec: RandomBrightness | RandomContrast, context: Context, x: Tensor) -> Tensor:
    kind = getattr(keras.layers, type(spec).__name__)
    return _drawing(context, kind, factor=_range(spec.factor), value_range=list(spec.value_range))(x)


@native.register
def center_crop(spec: CenterCrop, context: Context, x: Tensor) -> Tensor:
    if not spec.fits(context.shapes[0]):
        context.refuse(spec, "images smaller than the window", "write it as Crop and Resize, which it is there")
    return context.own(keras.layers.CenterCrop, spec.height, spec.width, **_LAST)(x)
