"""Convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnspec
from nnspec.layers.window import extent
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting import channels
from nnspec_tensorflow.porting.activation import applied, within
from nnspec_tensorflow.porting.convert import Context, convert
from nnspec_tensorflow.startup import keras


def _biased(layer: Any, **kernels: Any) -> dict[str, Any]:
    return {**kernels, "bias": layer.bias} if layer.use_bias else kernels


@convert.register(keras.layers.Conv1D)
@convert.register(keras.layers.Conv2D)
@convert.register(keras.layers.Conv3D)
@channels.either
def conv(layer: Any, context: Context, inputs: Value) -> Value:
    spec = nnspec.Conv(
        layer.filters,
        tuple(layer.kernel_size),
        tuple(layer.strides),
        layer.padding,
        tuple(layer.dilation_rate),
        layer.groups,
        within(layer.activation),
        layer.use_bias,
    )
    y = context.call(spec, inputs, variables=_biased(layer, kernel=layer.kernel))
    return applied(context, layer.activation, y)


def apart(kernel: Any) -> Any:
    """Keras's depthwise kernel (*window, channels, multiplier) as (*window, 1, channels · multiplier)."""
    array = np.asarray(kernel)
    return array.reshape((*array.shape[:-2], 1, array.shape[-2] * array.shape[-1]))


@convert.register(keras.layers.DepthwiseConv1D)
@convert.register(keras.layers.DepthwiseConv2D)
@channels.either
def depthwise_conv(layer: Any, context: Context, inputs: Value) -> Value:
    spec = nnspec.DepthwiseConv(
        tuple(layer.kernel_size),
        layer.depth_multiplier,
        tuple(layer.strides),
        layer.padding,
        tuple(layer.dilation_rate),
        within(layer.activation),
        layer.use_bias,
    )
    y = context.call(spec, inputs, variables=_biased(layer, kernel=apart(layer.kernel)))
    return applied(context, layer.activation, y)


@convert.register(keras.layers.SeparableConv1D)
@convert.register(keras.layers.SeparableConv2D)
@channels.either
def separable_conv(layer: Any, context: Context, inputs: Value) -> Value:
    spec = nnspec.SeparableConv(
        layer.filters,
        tuple(layer.kernel_size),
        tuple(layer.strides),
        layer.padding,
        tuple(layer.dilation_rate),
        layer.depth_multiplier,
        within(layer.activation),
        layer.use_bias,
    )
    pointwise = np.asarray(layer.pointwise_kernel)
    variables = _biased(
        layer,
        depthwise_kernel=apart(layer.depthwise_kernel),
        pointwise_kernel=pointwise.reshape(pointwise.shape[-2:]),
    )
    return applied(context, layer.activation, context.call(spec, inputs, variables=variables))


@convert.register(keras.layers.Conv1DTranspose)
@convert.register(keras.layers.Conv2DTranspose)
@convert.register(keras.layers.Conv3DTranspose)
@channels.either
def conv_transpose(layer: Any, context: Context, inputs: Value) -> Value:
    padding, added = _cut(layer)
    spec = nnspec.ConvTranspose(
        layer.filters,
        tuple(layer.kernel_size),
        tuple(layer.strides),
        padding,
        added,
        tuple(layer.dilation_rate),
        activation=within(layer.activation),
        use_bias=layer.use_bias,
    )
    kernel = np.swapaxes(np.asarray(layer.kernel), -1, -2)
    return applied(context, layer.activation, context.call(spec, inputs, variables=_biased(layer, kernel=kernel)))


def _cut(layer: Any) -> tuple[Any, Any]:
    """What a transposed convolution loses on each side, and what is added to it at the end.

    With ``output_padding`` Keras names a size that its convolution would make of the output, and TensorFlow cuts as
    much from the two sides as that one would pad, the odd element at the end.
    """
    if layer.output_padding is None:
        return layer.padding, 0
    if layer.padding == "valid":
        return "valid" if _no_longer(layer) else tuple((0, 0) for _ in layer.kernel_size), tuple(layer.output_padding)
    cuts, added = [], []
    reaches = extent(tuple(layer.kernel_size), tuple(layer.dilation_rate))
    for reach, more in zip(reaches, layer.output_padding, strict=True):
        end = reach - 2 * (reach // 2) + more  # beyond (size − 1) · strides
        before = max(reach - end, 0) // 2
        after = reach - before - end
        cuts.append((before, max(after, 0)))
        added.append(max(-after, 0))
    return tuple(cuts), tuple(added)


def _no_longer(layer: Any) -> bool:
    """Whether no stride is longer than the window, where "valid" adds zeros up to a multiple of the strides."""
    reaches = extent(tuple(layer.kernel_size), tuple(layer.dilation_rate))
    return all(stride <= reach for stride, reach in zip(layer.strides, reaches, strict=True))
