"""Pooling.

A maximum is taken one axis of the window after the other, over strided slices. Along each axis, and from the last axis
to the first, the earlier of two equal elements is kept: that is the first of all in row-major order. TensorFlow's own
maximum drops NaN, and has no kernel for three axes in float64.
"""

from __future__ import annotations

from functools import partial, reduce
from typing import Any

from nnspec.layers.pooling import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from nnspec.layers.window import pads, shares
from nnspec_tensorflow.compilation import island
from nnspec_tensorflow.realize import Context, build, sizes, traced_sizes, working
from nnspec_tensorflow.startup import keras, tf
from nnspec_tensorflow.stateless import SpecFunction, along, formula

Tensor = Any
_STOCK_AVERAGE = {
    1: keras.layers.AveragePooling1D,
    2: keras.layers.AveragePooling2D,
    3: keras.layers.AveragePooling3D,
}


def earlier_maximum(first: Tensor, second: Tensor) -> Tensor:
    """The larger of the two, the first if they are equal, and the first that is NaN."""
    return tf.where((second <= first) | tf.math.is_nan(first), first, second)


def _max_along(x: Tensor, axis: int, window: int, stride: int, around: tuple[int, int]) -> Tensor:
    """The maximum of windows along one axis."""
    before, after = around
    if any(around):
        # By the element at the edge, which is in the window, too: unlike −∞ it changes neither values nor gradients.
        parts = [along(x, axis, 0, 1)] * before + [x] + [along(x, axis, -1, None)] * after
        x = tf.concat(parts, axis)
    reach = sizes(x)[axis] - window + 1
    return reduce(earlier_maximum, (along(x, axis, i, i + reach, stride) for i in range(window)))


def _max(spec: MaxPool, x: Tensor) -> Tensor:
    if spec.padding == "same":
        traced_sizes(spec, x, range(1, x.shape.rank - 1))
    around = pads(spec.padding, tuple(x.shape[1:-1]), spec.window, spec.stride, (1,) * len(spec.window))
    for i in reversed(range(len(spec.window))):
        x = _max_along(x, i + 1, spec.window[i], spec.stride[i], around[i])
    return x


def _has_average(window: tuple[int, ...], dtype: str) -> bool:
    """Whether TensorFlow has a kernel for this average on CPUs."""
    return len(window) < 3 or dtype != "float64"


def _average(spec: AvgPool, x: Tensor) -> Tensor:
    padding = spec.padding.upper()
    if spec.count_include_pad and spec.padding == "same":
        around = pads(spec.padding, tuple(x.shape[1:-1]), spec.window, spec.stride, (1,) * len(spec.window))
        x, padding = tf.pad(x, ((0, 0), *around, (0, 0))), "VALID"
    average = tf.nn.avg_pool if _has_average(spec.window, x.dtype.name) else _average_of_planes
    return average(x, spec.window, spec.stride, padding)


def _average_of_planes(x: Tensor, window: tuple[int, ...], stride: tuple[int, ...], padding: str) -> Tensor:
    """The average over three axes: over the last two, then over the first."""
    rows, depth, height, width, channels = sizes(x)
    planes = tf.reshape(x, (rows * depth, height, width, channels))
    planes = tf.nn.avg_pool(planes, window[1:], stride[1:], padding)
    height, width = sizes(planes)[1:3]
    lines = tf.reshape(planes, (rows, depth, height * width, channels))
    lines = tf.nn.avg_pool(lines, (window[0], 1), (stride[0], 1), padding)
    return tf.reshape(lines, (rows, sizes(lines)[1], height, width, channels))


def _global_average(spec: GlobalAvgPool, x: Tensor) -> Tensor:
    return tf.reduce_mean(x, list(range(1, x.shape.rank - 1)))


def _global_max(spec: GlobalMaxPool, x: Tensor) -> Tensor:
    return first_maximum(tf.linalg.matrix_transpose(tf.reshape(x, (tf.shape(x)[0], -1, x.shape[-1]))))


def first_maximum(x: Tensor) -> Tensor:
    """The maximum along the last axis. The gradient goes to the first of equal elements, or of NaN."""
    undefined = tf.math.is_nan(x)
    first = tf.where(
        tf.reduce_any(undefined, -1), tf.argmax(tf.cast(undefined, tf.int32), -1), tf.argmax(x, -1)
    )  # of equal elements, argmax is the first
    here = tf.range(tf.shape(x, tf.int64)[-1]) == first[..., None]
    return tf.reduce_sum(tf.where(here, x, tf.zeros_like(x)), -1)


def _adaptive(spec: AdaptiveAvgPool | AdaptiveMaxPool, x: Tensor) -> Tensor:
    """Parts reduced one axis after the other, the last one first."""
    traced_sizes(spec, x, range(1, x.shape.rank - 1))
    for axis in reversed(range(1, x.shape.rank - 1)):
        parts = [along(x, axis, *cut) for cut in shares(x.shape[axis], spec.output_size[axis - 1])]
        if isinstance(spec, AdaptiveMaxPool):
            reduced = [_max_along(part, axis, part.shape[axis], 1, (0, 0)) for part in parts]
        else:
            reduced = [tf.reduce_mean(part, axis, keepdims=True) for part in parts]
        x = tf.concat(reduced, axis)
    return x


@formula.register(AdaptiveAvgPool)
@formula.register(AdaptiveMaxPool)
@formula.register(MaxPool)
@formula.register(AvgPool)
@formula.register(GlobalAvgPool)
@formula.register(GlobalMaxPool)
def pooled(spec: Any, x: Tensor) -> Tensor:
    return island(partial(_FORMULAS[type(spec)], spec))(x)


_FORMULAS: dict[type[Any], Any] = {
    AdaptiveAvgPool: _adaptive,
    AdaptiveMaxPool: _adaptive,
    MaxPool: _max,
    AvgPool: _average,
    GlobalAvgPool: _global_average,
    GlobalMaxPool: _global_max,
}


@build.register(AdaptiveAvgPool)
@build.register(AdaptiveMaxPool)
@build.register(MaxPool)
@build.register(GlobalAvgPool)
@build.register(GlobalMaxPool)
def pool(spec: Any, context: Context) -> keras.layers.Layer:
    return SpecFunction(spec, **context.options)


@build.register
def avg_pool(spec: AvgPool, context: Context) -> keras.layers.Layer:
    exact = working(context.dtype) == context.dtype
    if not exact or spec.count_include_pad or not _has_average(spec.window, context.dtype):
        return SpecFunction(spec, **context.options)
    return _STOCK_AVERAGE[len(spec.window)](
        spec.window, strides=spec.stride, padding=spec.padding, data_format="channels_last", **context.options
    )
