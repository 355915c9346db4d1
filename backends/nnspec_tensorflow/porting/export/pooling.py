"""Pooling. Where several elements of a window are equal, or one is NaN, gradients and values are Keras's."""

from __future__ import annotations

from typing import Any

from nnspec.layers.pooling import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from nnspec.layers.window import pads, shares
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.porting.export.convolution import padded
from nnspec_tensorflow.startup import keras

_LAST = {"data_format": "channels_last"}


def _of(name: str, axes: int) -> Any:
    return getattr(keras.layers, f"{name}{axes}D")


@native.register
def max_pool(spec: MaxPool, context: Context, x: Tensor) -> Tensor:
    kind = _of("MaxPooling", len(spec.window))
    if len(spec.window) == 3:
        context.rounds()  # TensorFlow has no kernel for float64 on CPUs
    return context.own(kind, spec.window, strides=spec.stride, padding=spec.padding, **_LAST)(x)


@native.register
def avg_pool(spec: AvgPool, context: Context, x: Tensor) -> Tensor:
    padding: str = spec.padding
    if spec.count_include_pad and padding == "same":
        sizes = context.shapes[0][1:-1]
        if None in sizes:
            context.refuse(spec, "count_include_pad", "declare the sizes of the input, of which the padding depends")
        known = tuple(size or 0 for size in sizes)
        x = padded(pads("same", known, spec.window, spec.stride, (1,) * len(spec.window)), context, x)
        padding = "valid"
    kind = _of("AveragePooling", len(spec.window))
    return context.own(kind, spec.window, strides=spec.stride, padding=padding, **_LAST)(x)


@native.register(GlobalAvgPool)
@native.register(GlobalMaxPool)
def global_pool(spec: GlobalAvgPool | GlobalMaxPool, context: Context, x: Tensor) -> Tensor:
    average, axes = isinstance(spec, GlobalAvgPool), len(context.shapes[0]) - 2
    if axes > 3:
        along = list(range(1, axes + 1))
        return (keras.ops.mean if average else keras.ops.max)(x, axis=along)
    kind = _of("GlobalAveragePooling" if average else "GlobalMaxPooling", axes)
    return context.own(kind, keepdims=False, **_LAST)(x)


@native.register(AdaptiveAvgPool)
@native.register(AdaptiveMaxPool)
def adaptive_pool(spec: AdaptiveAvgPool | AdaptiveMaxPool, context: Context, x: Tensor) -> Tensor:
    """Parts reduced one axis after the other."""
    ops, sizes = keras.ops, context.shapes[0][1:-1]
    if None in sizes:
        context.refuse(spec, "an input of any size", "declare the sizes, of which the parts depend")
    reduce = ops.mean if isinstance(spec, AdaptiveAvgPool) else ops.max
    for axis, (size, count) in enumerate(zip(sizes, spec.output_size, strict=True), 1):
        parts = []
        for start, end in shares(size or 0, count):
            part = x[(slice(None),) * axis + (slice(start, end),)]
            parts.append(reduce(part, axis=axis, keepdims=True))
        x = ops.concatenate(parts, axis=axis)
    return x
