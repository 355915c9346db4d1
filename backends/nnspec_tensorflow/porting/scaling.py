"""Layers that scale and shift: preprocessing, and the layers of ``keras.applications`` that are not Keras's own."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnspec
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context, convert
from nnspec_tensorflow.porting.dropout import _random
from nnspec_tensorflow.startup import keras


def _per_channel(context: Context, name: str, value: Any, channels: int | None) -> Any:
    """A number, or a tuple of one for each channel."""
    array = np.asarray(value, np.float64)
    flat = array.reshape(-1)
    if array.size == 1:
        return float(flat[0])
    if array.shape[-1] != array.size or array.size != channels:
        raise context.error(f"its {name} of shape {array.shape} is neither one number nor one for each channel")
    return tuple(map(float, flat))


@convert.register(keras.layers.Rescaling)
def rescaling(layer: Any, context: Context, inputs: Value) -> Value:
    channels = context.shapes[inputs][-1]
    scale, offset = (_per_channel(context, name, getattr(layer, name), channels) for name in ("scale", "offset"))
    return context.call(nnspec.Rescaling(scale, offset), _floats(context, inputs))


def _floats(context: Context, x: Value) -> Value:
    return x if context.dtypes[x] == "float" else context.call(nnspec.AsType("float"), x, part="floats")


@convert.register(keras.layers.Normalization)
def normalization(layer: Any, context: Context, inputs: Value) -> Value:
    shape = context.shapes[inputs]
    kept = [axis for axis, size in enumerate(layer._broadcast_shape) if size != 1]
    if any(axis != len(shape) - 1 for axis in kept):
        raise context.error(f"axis={layer.axis}: means and variances are ported for the last axis, or for all as one")
    x, epsilon = _floats(context, inputs), float(keras.config.epsilon())
    if layer.input_mean is not None:
        mean, var = (_per_channel(context, name, getattr(layer, name), shape[-1]) for name in ("mean", "variance"))
        if isinstance(mean, tuple) and len(set(mean)) == 1 == len(set(var)):
            mean, var = mean[0], var[0]
        return context.call(nnspec.Normalization(mean, var, epsilon, layer.invert), x)
    channels = int(shape[-1] or 1)
    variables = {  # what it computes with: made of its variables when it was adapted, or loaded
        name: np.broadcast_to(np.asarray(value).reshape(-1), (channels,)).copy()
        for name, value in (("mean", layer.mean), ("var", layer.variance))
    }
    return context.call(nnspec.Normalization(epsilon=epsilon, invert=layer.invert), x, variables=variables)


def register_applications() -> None:
    """Register the layers that ``keras.applications`` defines for itself."""
    from keras.src.applications.convnext import LayerScale, StochasticDepth
    from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

    convert.register(LayerScale, layer_scale)
    convert.register(StochasticDepth, stochastic_depth)
    convert.register(CustomScaleLayer, custom_scale)


def layer_scale(layer: Any, context: Context, inputs: Value) -> Value:
    return context.call(nnspec.LayerScale(), inputs, variables={"scale": layer.gamma})


def stochastic_depth(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    return _random(nnspec.StochasticDepth(float(layer.drop_path_rate)), context, inputs, training)


def custom_scale(layer: Any, context: Context, inputs: list[Value]) -> Value:
    residual = context.call(nnspec.Rescaling(float(layer.scale)), inputs[1], part="scaled")
    return context.call(nnspec.Add(), inputs[0], residual)


register_applications()
