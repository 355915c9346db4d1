"""Layers that scale and shift by fixed numbers, or by learned factors, and learned arrays by themselves."""

from __future__ import annotations

from string import ascii_lowercase
from typing import Any

import numpy as np

from nnspec.layers.parameter import Parameter
from nnspec.layers.scaling import LayerScale, Normalization, Rescaling
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.porting.export.linear import PLAIN
from nnspec_tensorflow.startup import keras


def _numbers(values: Any) -> Any:
    return list(values) if isinstance(values, tuple) else values


@native.register
def rescaling(spec: Rescaling, context: Context, x: Tensor) -> Tensor:
    context.rounds()
    return context.own(keras.layers.Rescaling, _numbers(spec.scale), offset=_numbers(spec.offset))(x)


@native.register
def normalization(spec: Normalization, context: Context, x: Tensor) -> Tensor:
    ops = keras.ops
    if spec.mean is None:
        mean, var = context.variable("mean", x), context.variable("var", x)
        deviation = ops.maximum(ops.sqrt(var), spec.epsilon)
    else:
        mean = context.constant(spec.mean)
        deviation = context.constant(np.maximum(np.sqrt(np.asarray(spec.var)), spec.epsilon))
    if spec.invert:
        return ops.add(ops.multiply(x, deviation), mean)
    return ops.divide(ops.subtract(x, mean), deviation)


@native.register
def layer_scale(spec: LayerScale, context: Context, x: Tensor) -> Tensor:
    """A factor for each channel: an EinsumDense whose kernel is a diagonal."""
    size = context.shapes[0][-1]
    layer = context.layer(
        keras.layers.EinsumDense,
        "...x,x->...x",
        output_shape=size,
        activation="linear",
        bias_axes=None,
        **PLAIN,
    )
    return context.call(layer, x, scale="kernel")


@native.register
def parameter(spec: Parameter, context: Context, x: Tensor) -> Tensor:
    """An array for each example: an EinsumDense that multiplies 1 by it."""
    ops, shape = keras.ops, spec.shape
    letters = ascii_lowercase[2 : 2 + len(shape)]
    layer = context.layer(
        keras.layers.EinsumDense,
        f"ab,b{letters}->a{letters}",
        output_shape=shape,
        activation="linear",
        bias_axes=None,
        trainable=spec.trainable,
        **PLAIN,
    )
    one = ops.ones_like(x[(slice(None), *[0] * (len(x.shape) - 1))], dtype=context.dtype)
    return context.call(layer, ops.expand_dims(one, -1), value="kernel")
