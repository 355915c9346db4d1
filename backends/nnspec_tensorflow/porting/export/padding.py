"""Padding and cropping of the axes between batch and channels."""

from __future__ import annotations

from nnspec.layers.padding import Crop, Pad
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.porting.export.convolution import padded
from nnspec_tensorflow.porting.export.transposed_convolution import cropped
from nnspec_tensorflow.startup import keras


@native.register
def pad(spec: Pad, context: Context, x: Tensor) -> Tensor:
    ops, axes = keras.ops, len(spec.padding)
    if spec.mode == "constant" and not spec.value and axes <= 3:
        return padded(spec.padding, context, x)
    margins = [[0, 0], *map(list, spec.padding), [0, 0]]
    if spec.mode == "constant":
        return ops.pad(x, margins, mode="constant", constant_values=spec.value)
    if spec.mode in ("reflect", "symmetric"):
        return ops.pad(x, margins, mode=spec.mode)
    for axis, (before, after) in enumerate(spec.padding, 1):  # TensorFlow pads by zeros and mirrors alone
        front = (slice(None),) * axis
        wrapped = spec.mode == "wrap"
        parts = [x]
        if before:
            first = x[(*front, slice(-before, None))] if wrapped else ops.repeat(x[(*front, slice(0, 1))], before, axis)
            parts.insert(0, first)
        if after:
            last = x[(*front, slice(0, after))] if wrapped else ops.repeat(x[(*front, slice(-1, None))], after, axis)
            parts.append(last)
        x = ops.concatenate(parts, axis=axis) if len(parts) > 1 else x
    return x


@native.register
def crop(spec: Crop, context: Context, x: Tensor) -> Tensor:
    if len(spec.cropping) <= 3:
        return cropped(spec.cropping, context, x)
    inner = (slice(before, -after or None) for before, after in spec.cropping)
    return x[(slice(None), *inner)]
