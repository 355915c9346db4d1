"""Layers whose kernel is normalized before it is used: their kernel is a tensor, for operations."""

from __future__ import annotations

from nnspec.layers.convolution import Conv
from nnspec.layers.linear import Dense
from nnspec.layers.weight_normalization import SpectralNorm, WeightNorm
from nnspec_tensorflow.porting.export.activation import activated
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.startup import keras


@native.register
def spectral_norm(spec: SpectralNorm, context: Context, *inputs: Tensor) -> Tensor:
    context.refuse(spec, "a kernel that stays as it is", "Keras's SpectralNormalization overwrites it in training")


@native.register
def weight_norm(spec: WeightNorm, context: Context, *inputs: Tensor) -> Tensor:
    ops, inner, x = keras.ops, spec.layer, inputs[0]
    kernel = context.variable("layer/kernel", x)
    summed = list(spec.summed(len(kernel.shape)))
    squares = ops.sum(ops.square(kernel), axis=summed, keepdims=True)
    kernel = ops.divide(kernel, ops.sqrt(ops.add(squares, spec.epsilon)))
    if spec.use_scale:
        kernel = ops.multiply(kernel, ops.reshape(context.variable("scale", x), squares.shape))
    if isinstance(inner, Dense):
        y = ops.matmul(x, kernel)
    elif isinstance(inner, Conv) and isinstance(inner.padding, str) and inner.padding != "causal":
        y = ops.conv(
            x,
            kernel,
            strides=inner.stride,
            padding=inner.padding,
            data_format="channels_last",
            dilation_rate=inner.dilations,
        )
    else:
        context.refuse(spec, f"layer={type(inner).__name__}", "Dense and Conv can be written as operations")
    if inner.use_bias:
        y = ops.add(y, context.variable("layer/bias", x))
    return activated(inner.activation, context, y)
