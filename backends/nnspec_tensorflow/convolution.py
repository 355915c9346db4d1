"""Convolutions: Keras's own where its options reach, else TensorFlow's kernels with options that Keras refuses.

Where each group has one channel (depthwise convolution), XLA for CPUs multiplies all channels by a kernel that is
mostly zeros: 0 · NaN and 0 · ∞ of one channel reach the others. TensorFlow's Conv3D infers shapes from the dilations of
other axes where they differ. There the products are written out instead.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from functools import partial, reduce
from itertools import product
from typing import Any

from nnspec.layers.convolution import Conv, DepthwiseConv, SeparableConv
from nnspec.layers.window import pads
from nnspec.spec import dump, parse
from nnspec_tensorflow.activation import function, value
from nnspec_tensorflow.compilation import Compiled, island
from nnspec_tensorflow.realize import Context, build, serializable, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any
_STOCK = {1: keras.layers.Conv1D, 2: keras.layers.Conv2D, 3: keras.layers.Conv3D}


@serializable
class SpecConv(keras.layers.Layer):
    """A convolution with any options of the spec, in float32 at least.

    TensorFlow's kernels for CPUs lack groups, and gradients of dilated windows; its compiler has them, so that
    the convolution itself is always compiled.

    Args:
        depthwise: whether it stands for a depthwise convolution, which is written out for one channel, too.
    """

    def __init__(self, spec: Any, channels: int, *, depthwise: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.spec: Conv = parse("layer", spec)
        self.channels = channels
        self.depthwise = depthwise
        self._compiled = Compiled(self._convolve)

    def build(self, input_shape: Any) -> None:
        spec = self.spec
        kernel = (*spec.kernel_size, self.channels // spec.groups, spec.features)
        self.kernel = self.add_weight(name="kernel", shape=kernel, initializer="zeros")
        if spec.use_bias:
            self.bias = self.add_weight(name="bias", shape=(spec.features,), initializer="zeros")

    def call(self, inputs: Tensor) -> Tensor:
        wide = working(self.compute_dtype)
        y = self._compiled(tf.cast(inputs, wide), tf.cast(self.kernel, wide))
        if self.spec.use_bias:
            y += tf.cast(self.bias, wide)
        if self.spec.activation is not None:
            y = value(self.spec.activation, y)
        return tf.cast(y, self.compute_dtype)

    def _convolve(self, x: Tensor, kernel: Tensor) -> Tensor:
        spec = self.spec
        if self.depthwise or 1 < spec.groups == self.channels:
            return _depthwise(spec, x, kernel)
        if len(spec.kernel_size) == 3 and len(set(spec.dilations)) > 1:
            return _written_out(spec, x, kernel)
        padding = spec.padding.upper() if spec.padding in ("same", "valid") else "VALID"
        if spec.padding not in ("same", "valid"):  # these do not depend on the input's sizes
            around = pads(spec.padding, (), spec.kernel_size, spec.stride, spec.dilations)
            x = tf.pad(x, ((0, 0), *around, (0, 0)))
        if len(spec.kernel_size) == 3:
            options = {"strides": [1, *spec.stride, 1], "dilations": [1, *spec.dilations, 1]}
            return tf.nn.conv3d(x, kernel, padding=padding, **options)
        if len(spec.kernel_size) == 2:
            return tf.nn.conv2d(x, kernel, spec.stride, padding, dilations=spec.dilations)
        strides, dilations = (1, *spec.stride), (1, *spec.dilations)
        return tf.squeeze(tf.nn.conv2d(x[:, None], kernel[None], strides, padding, dilations=dilations), 1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return self.spec.output_shape(tuple(input_shape))

    def get_config(self) -> dict[str, Any]:
        own = {"spec": dump(self.spec), "channels": self.channels, "depthwise": self.depthwise}
        return {**super().get_config(), **own}


def _depthwise(spec: Conv, x: Tensor, kernel: Tensor) -> Tensor:
    x = tf.repeat(x, spec.features // x.shape[-1], -1)
    return reduce(operator.add, (seen * kernel[(*place, 0)] for place, seen in _places(spec, x)))


def _written_out(spec: Conv, x: Tensor, kernel: Tensor) -> Tensor:
    """The sum of a product for each place in the window, group by group."""
    kernels, inputs = tf.split(kernel, spec.groups, -1), tf.split(x, spec.groups, -1)
    pairs = zip(inputs, kernels, strict=True)
    return tf.concat(
        [reduce(operator.add, (seen @ k[place] for place, seen in _places(spec, x))) for x, k in pairs], -1
    )


def _places(spec: Conv, x: Tensor) -> Iterator[tuple[tuple[int, ...], Tensor]]:
    """Each place in the window, and what all windows see there."""
    around = pads(spec.padding, tuple(x.shape[1:-1]), spec.kernel_size, spec.stride, spec.dilations)
    x = tf.pad(x, ((0, 0), *around, (0, 0)))
    for place in product(*map(range, spec.kernel_size)):
        axes = zip(place, x.shape[1:-1], spec.kernel_size, spec.stride, spec.dilations, strict=True)
        slices = [slice(at * d, at * d + size - (window - 1) * d, stride) for at, size, window, stride, d in axes]
        yield place, x[(slice(None), *slices)]


@build.register
def conv(spec: Conv, context: Context) -> keras.layers.Layer:
    exact = working(context.dtype) == context.dtype
    if not exact or spec.groups > 1 or set(spec.dilations) != {1} or not isinstance(spec.padding, str):
        return SpecConv(spec, spec.channels(context.shapes[0]), **context.options)
    return _STOCK[len(spec.kernel_size)](
        spec.features,
        spec.kernel_size,
        strides=spec.stride,
        padding=spec.padding,
        data_format="channels_last",
        dilation_rate=1,
        groups=1,
        activation=None if spec.activation is None else function(spec.activation),
        use_bias=spec.use_bias,
        kernel_initializer="zeros",
        bias_initializer="zeros",
        **context.options,
    )


@build.register
def depthwise_conv(spec: DepthwiseConv, context: Context) -> keras.layers.Layer:
    channels = spec.channels(context.shapes[0])
    return SpecConv(spec.conv(channels), channels, depthwise=True, **context.options)


@serializable
class SpecSeparableConv(keras.layers.Layer):
    """A depthwise and a pointwise convolution with nothing rounded between them, in float32 at least."""

    def __init__(self, spec: Any, channels: int, **options: Any) -> None:
        super().__init__(**options)
        self.spec: SeparableConv = parse("layer", spec)
        self.channels = channels

    def build(self, input_shape: Any) -> None:
        params = self.spec.params((*input_shape[:-1], self.channels))
        made = {n: self.add_weight(name=n, shape=p.shape, initializer="zeros") for n, p in params.items()}
        self.depthwise_kernel, self.pointwise_kernel = made["depthwise_kernel"], made["pointwise_kernel"]
        self.bias = made.get("bias")

    def call(self, inputs: Tensor) -> Tensor:
        wide = working(self.compute_dtype)
        z = island(partial(_depthwise, self.spec.depthwise(self.channels)))(
            tf.cast(inputs, wide), tf.cast(self.depthwise_kernel, wide)
        )
        y = tf.tensordot(z, tf.cast(self.pointwise_kernel, wide), 1)
        if self.bias is not None:
            y += tf.cast(self.bias, wide)
        if self.spec.activation is not None:
            y = value(self.spec.activation, y)
        return tf.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return self.spec.output_shape(tuple(input_shape))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spec": dump(self.spec), "channels": self.channels}


@build.register
def separable_conv(spec: SeparableConv, context: Context) -> keras.layers.Layer:
    return SpecSeparableConv(spec, spec.channels(context.shapes[0]), **context.options)
