"""Activations: Keras's functions, by themselves and within layers, and activation layers."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

import nnspec
from nnspec.layers.base import Layer
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting import legacy
from nnspec_tensorflow.porting.convert import Context, NoConversionError, convert
from nnspec_tensorflow.porting.operations.broadcasting import aligned
from nnspec_tensorflow.porting.operations.logic import brought
from nnspec_tensorflow.porting.operations.variables import done
from nnspec_tensorflow.porting.tracked import tracked
from nnspec_tensorflow.startup import keras, tf

_of = keras.activations
# With the arguments that Keras gives each of them where a model names it, or calls it on a tensor alone.
_FUNCTIONS: dict[Any, Layer] = {
    _of.celu: nnspec.CELU(1.0),
    _of.elu: nnspec.ELU(1.0),
    _of.exponential: nnspec.Exponential(),
    _of.gelu: nnspec.GELU(),
    _of.glu: nnspec.GLU(),
    _of.hard_shrink: nnspec.HardShrink(0.5),
    _of.hard_sigmoid: nnspec.HardSigmoid(),
    _of.hard_silu: nnspec.HardSilu(),
    _of.hard_tanh: nnspec.HardTanh(),
    _of.leaky_relu: nnspec.LeakyReLU(0.2),
    _of.log_sigmoid: nnspec.LogSigmoid(),
    _of.log_softmax: nnspec.LogSoftmax(),
    _of.mish: nnspec.Mish(),
    _of.relu: nnspec.ReLU(),
    _of.relu6: nnspec.ReLU6(),
    _of.selu: nnspec.SELU(),
    _of.sigmoid: nnspec.Sigmoid(),
    _of.silu: nnspec.Silu(),
    _of.soft_shrink: nnspec.SoftShrink(0.5),
    _of.softmax: nnspec.Softmax(),
    _of.softplus: nnspec.Softplus(),
    _of.softsign: nnspec.SoftSign(),
    _of.sparse_plus: nnspec.SparsePlus(),
    _of.sparse_sigmoid: nnspec.SparseSigmoid(),
    _of.squareplus: nnspec.Squareplus(4.0),
    _of.tanh: nnspec.Tanh(),
    _of.tanh_shrink: nnspec.TanhShrink(),
    # Those of TensorFlow, which layers take, too.
    tf.nn.elu: nnspec.ELU(1.0),
    tf.nn.gelu: nnspec.GELU(),
    tf.nn.leaky_relu: nnspec.LeakyReLU(0.2),
    tf.nn.log_softmax: nnspec.LogSoftmax(),
    tf.nn.relu: nnspec.ReLU(),
    tf.nn.relu6: nnspec.ReLU6(),
    tf.nn.selu: nnspec.SELU(),
    tf.nn.sigmoid: nnspec.Sigmoid(),
    tf.nn.silu: nnspec.Silu(),
    tf.nn.softmax: nnspec.Softmax(),
    tf.nn.softplus: nnspec.Softplus(),
    tf.nn.softsign: nnspec.SoftSign(),
    tf.nn.tanh: nnspec.Tanh(),
    # Those of older versions, in models that a file made.
    **legacy.MEANINGS,
}
# What the arguments of functools.partial are called in the spec.
_ARGUMENTS = {
    "alpha": "alpha",
    "approximate": "approximate",
    "axis": "axis",
    "b": "b",
    "max_value": "max_value",
    "negative_slope": "negative_slope",
    "threshold": "threshold",
}


def activation_of(function: Any) -> Layer | None:
    """The activation of the spec that a function is; None for one that the spec has no name for."""
    if isinstance(function, functools.partial) and not function.args:
        base = _FUNCTIONS.get(function.func)
        if base is None or not all(name in _ARGUMENTS and hasattr(base, name) for name in function.keywords):
            return None
        return type(base)(**{**vars(base), **function.keywords})
    try:
        return _FUNCTIONS.get(function)
    except TypeError:  # not hashable
        return None


def is_linear(function: Any) -> bool:
    """Whether an activation is none."""
    return function is None or function is keras.activations.linear


def within(function: Any) -> Layer | None:
    """The activation that a layer of the spec has as its field, where Keras's layer has this function."""
    return None if is_linear(function) else activation_of(function)


def applied(context: Context, function: Any, x: Value) -> Value:
    """What is left of a layer's activation where it is no field of the spec: its operations, traced."""
    return x if is_linear(function) or activation_of(function) is not None else context.apply(function, x)


def recurrent(context: Context, function: Any, what: str) -> Layer | None:
    """The activation of a recurrent layer's gates.

    Raises:
        PortError: the spec has no name for it, which only layers that apply it once can do without.
    """
    found = within(function)
    if found is None and not is_linear(function):
        name = getattr(function, "__name__", type(function).__name__)
        raise context.error(f"its {what} {name} is none of the spec's activations, which recurrent layers need")
    return found


@convert.register(keras.layers.Activation)
def activation(layer: Any, context: Context, inputs: Value) -> Value:
    if is_linear(layer.activation):
        return context.call(nnspec.Identity(), inputs)
    found = activation_of(layer.activation)
    if found is None:
        raise NoConversionError(layer.name)  # its call applies the function
    return context.call(found, inputs)


@convert.register(keras.layers.ReLU)
def relu(layer: Any, context: Context, inputs: Value) -> Value:
    limit = None if layer.max_value is None else float(layer.max_value)
    if limit == 0.0:
        raise context.error("max_value is 0, which makes it a constant")
    return context.call(nnspec.ReLU(float(layer.negative_slope), limit, float(layer.threshold)), inputs)


@convert.register(keras.layers.LeakyReLU)
def leaky_relu(layer: Any, context: Context, inputs: Value) -> Value:
    return context.call(nnspec.LeakyReLU(float(layer.negative_slope)), inputs)


@convert.register(keras.layers.ELU)
def elu(layer: Any, context: Context, inputs: Value) -> Value:
    return context.call(nnspec.ELU(float(layer.alpha)), inputs)


@convert.register(keras.layers.Softmax)
def softmax(layer: Any, context: Context, inputs: Value, mask: Any = None) -> Value:
    if mask is None:
        return _over_axes(layer, context, inputs)
    # What the mask hides is a large negative number, not −∞; where it hides all, the others are alike, and then 0.
    shown = brought(context, mask, "bool", "mask_bool")
    values, view = aligned(context, shown, inputs, -1e9)
    inputs = done(context, nnspec.Where(), *values, view=view, part="where")
    y = _over_axes(layer, context, inputs, part="of_all")
    tracked(context.assembly).views[y] = view
    values, view = aligned(context, shown, y, 0.0)
    return done(context, nnspec.Where(), *values, view=view)


def _over_axes(layer: Any, context: Context, inputs: Value, part: str | None = None) -> Value:
    """The softmax over one axis, or over the last few."""
    axes = layer.axis if isinstance(layer.axis, list | tuple) else (layer.axis,)
    shape: Any = context.shapes[inputs]
    if len(axes) == 1:
        return context.call(nnspec.Softmax(int(axes[0])), inputs, part=part)
    summed = sorted(axis % len(shape) for axis in axes)
    if summed != list(range(len(shape) - len(summed), len(shape))) or None in shape[1:]:
        raise context.error(
            f"axis={layer.axis}: a softmax over several axes is ported over the last ones, of known size"
        )
    flat = context.call(nnspec.Reshape((*shape[1 : summed[0]], -1)), inputs, part="flat")
    y = context.call(nnspec.Softmax(), flat, part="all")
    return context.call(nnspec.Reshape(tuple(shape[1:])), y, part=part)


@convert.register(keras.layers.PReLU)
def prelu(layer: Any, context: Context, inputs: Value) -> Value:
    slopes = tuple(layer.alpha.shape)
    if all(size == 1 for size in slopes[:-1]):
        variables = {"slope": np.reshape(np.asarray(layer.alpha), (-1,))}
        shared = slopes[-1] == 1 != context.shapes[inputs][-1]
        return context.call(nnspec.PReLU(shared=shared), inputs, variables=variables)
    # A slope for each position: relu(x) − alpha · relu(−x), the positions as channels.
    if slopes != tuple(context.shapes[inputs][1:]):
        raise context.error(
            f"shared_axes={layer.shared_axes}: slopes are ported for each channel, for each position, or one for all"
        )
    flat = context.call(nnspec.Flatten(), inputs, part="flat")
    slope = np.reshape(np.asarray(layer.alpha), (-1,))
    y = context.call(nnspec.PReLU(), flat, variables={"slope": slope}, part="all")
    return context.call(nnspec.Reshape(slopes), y)
