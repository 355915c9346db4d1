"""Padding and cropping. Copies are slices joined to the input: TensorFlow's own padding lacks edges and wrapping."""

from __future__ import annotations

from typing import Any

from nnspec.layers.padding import Crop, Pad
from nnspec_tensorflow.realize import Context, build, sizes
from nnspec_tensorflow.startup import keras, tf
from nnspec_tensorflow.stateless import SpecFunction, along, formula

Tensor = Any


@build.register(Pad)
@build.register(Crop)
def pad_or_crop(spec: Pad | Crop, context: Context) -> keras.layers.Layer:
    return SpecFunction(spec, **context.options)


@formula.register
def pad(spec: Pad, x: Tensor) -> Tensor:
    if spec.mode == "constant":
        value = tf.constant(spec.value, x.dtype)
        return tf.pad(x, ((0, 0), *spec.padding, (0, 0)), constant_values=value)
    for axis, (before, after) in enumerate(spec.padding, 1):
        if before or after:
            x = tf.concat([*_before(spec.mode, x, axis, before), x, *_after(spec.mode, x, axis, after)], axis)
    return x


def _before(mode: str, x: Tensor, axis: int, count: int) -> list[Tensor]:
    """The elements before the first one."""
    size = sizes(x)[axis]
    if mode == "edge":
        return [along(x, axis, 0, 1)] * count
    if mode == "wrap":
        return [along(x, axis, size - count, size)]
    skipped = int(mode == "reflect")
    return [tf.reverse(along(x, axis, skipped, skipped + count), [axis])]


def _after(mode: str, x: Tensor, axis: int, count: int) -> list[Tensor]:
    """The elements after the last one."""
    size = sizes(x)[axis]
    if mode == "edge":
        return [along(x, axis, size - 1, size)] * count
    if mode == "wrap":
        return [along(x, axis, 0, count)]
    end = size - int(mode == "reflect")
    return [tf.reverse(along(x, axis, end - count, end), [axis])]


@formula.register
def crop(spec: Crop, x: Tensor) -> Tensor:
    for axis, (before, after) in enumerate(spec.cropping, 1):
        x = along(x, axis, before, sizes(x)[axis] - after)
    return x
