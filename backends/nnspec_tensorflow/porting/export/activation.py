"""Activations: names of ``keras.activations`` where they mean the same, layers and operations with arguments else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnspec.layers import activation as layers
from nnspec.layers.base import Activation, Layer
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.startup import keras

# Specs whose values are those of a name in ``keras.activations``. (Derivatives at kinks are Keras's.) Its sparsemax is
# none of them: in 3.15 it takes the threshold of too large a sum.
_NAMED: dict[Activation, str] = {
    layers.CELU(): "celu",
    layers.ELU(): "elu",
    layers.Exponential(): "exponential",
    layers.GELU(): "gelu",
    layers.GLU(): "glu",
    layers.HardShrink(): "hard_shrink",
    layers.HardSigmoid(): "hard_sigmoid",
    layers.HardSilu(): "hard_silu",
    layers.HardTanh(): "hard_tanh",
    layers.Identity(): "linear",
    layers.LeakyReLU(0.2): "leaky_relu",
    layers.LogSigmoid(): "log_sigmoid",
    layers.LogSoftmax(): "log_softmax",
    layers.Mish(): "mish",
    layers.ReLU(): "relu",
    layers.ReLU6(): "relu6",
    layers.SELU(): "selu",
    layers.Sigmoid(): "sigmoid",
    layers.Silu(): "silu",
    layers.SoftShrink(): "soft_shrink",
    layers.SoftSign(): "softsign",
    layers.Softmax(): "softmax",
    layers.Softplus(): "softplus",
    layers.SparsePlus(): "sparse_plus",
    layers.SparseSigmoid(): "sparse_sigmoid",
    layers.Squareplus(): "squareplus",
    layers.Tanh(): "tanh",
    layers.TanhShrink(): "tanh_shrink",
}

# What TensorFlow computes with constants of float32 in float64, too.
_ROUNDING = (layers.GELU, layers.LeakyReLU)


def named(spec: Activation | None) -> str | None:
    """The name in ``keras.activations`` that means the same; None if there is none. No activation is "linear"."""
    return "linear" if spec is None else _NAMED.get(spec)


def taken(spec: Activation | None, context: Context) -> str | None:
    """The name of an activation that a layer is to take along; None if there is none."""
    if isinstance(spec, _ROUNDING) or (isinstance(spec, layers.ReLU) and spec.negative_slope):
        context.rounds()
    return named(spec)


def inner(spec: Layer, field: str, context: Context) -> str:
    """The name of an activation within a layer, of which Keras has names alone.

    Raises:
        PortError: there is no name for it.
    """
    activation = getattr(spec, field)
    name = taken(activation, context)
    if name is None:
        context.refuse(spec, f"{field}={activation!r}", "keras.activations has no name for it with these numbers")
    return name


def activated(spec: Activation | None, context: Context, x: Tensor) -> Tensor:
    """An activation of a node's own that its layer could not take along."""
    return x if spec is None else _applied(spec, context, x, "activation")


@native.register
def activation(spec: Activation, context: Context, x: Tensor) -> Tensor:
    return _applied(spec, context, x, None)


def _applied(spec: Activation, context: Context, x: Tensor, part: str | None) -> Tensor:
    name = taken(spec, context)
    if name is not None:
        return context.own(keras.layers.Activation, name, part=part)(x)
    kind, arguments = _layer(spec)
    if kind is not None:
        return context.own(kind, part=part, **arguments)(x)
    if type(spec) not in _FORMULAS:
        context.refuse(spec, type(spec).__name__, "write it as operations")
    return _FORMULAS[type(spec)](spec, context, x)


def _layer(spec: Activation) -> tuple[Any, dict[str, Any]]:
    """The stock layer with arguments that an activation is, if it is one."""
    if isinstance(spec, layers.ReLU):
        options = {"max_value": spec.max_value, "negative_slope": spec.negative_slope, "threshold": spec.threshold}
        return keras.layers.ReLU, options
    if isinstance(spec, layers.LeakyReLU):
        return keras.layers.LeakyReLU, {"negative_slope": spec.negative_slope}
    if isinstance(spec, layers.ELU):
        return keras.layers.ELU, {"alpha": spec.alpha}
    if isinstance(spec, layers.Softmax):
        return keras.layers.Softmax, {"axis": spec.axis}
    return None, {}


def _hard_sigmoid(spec: layers.HardSigmoid, context: Context, x: Tensor) -> Tensor:
    ops = keras.ops
    return ops.clip(ops.add(ops.multiply(x, 0.2), 0.5), 0.0, 1.0)  # as Keras 1 and 2 had it


def _standardize(spec: layers.Standardize, context: Context, x: Tensor) -> Tensor:
    ops = keras.ops
    mean, var = ops.mean(x, axis=spec.axis, keepdims=True), ops.var(x, axis=spec.axis, keepdims=True)
    return ops.divide(ops.subtract(x, mean), ops.sqrt(ops.add(var, spec.epsilon)))


def _sparsemax(spec: layers.Sparsemax, context: Context, x: Tensor) -> Tensor:
    ops, axis = keras.ops, spec.axis
    falling = ops.negative(ops.sort(ops.negative(x), axis=axis))
    sums, count = ops.cumsum(falling, axis=axis), ops.cumsum(ops.ones_like(x), axis=axis)
    within = ops.greater(ops.add(ops.multiply(count, falling), 1.0), sums)
    total = ops.sum(ops.where(within, falling, 0.0), axis=axis, keepdims=True)
    size = ops.sum(ops.cast(within, context.dtype), axis=axis, keepdims=True)
    return ops.maximum(ops.subtract(x, ops.divide(ops.subtract(total, 1.0), size)), 0.0)


_FORMULAS: dict[type[Activation], Callable[[Any, Context, Tensor], Tensor]] = {
    layers.CELU: lambda spec, context, x: keras.ops.celu(x, alpha=spec.alpha),
    layers.GELU: lambda spec, context, x: keras.ops.gelu(x, approximate=spec.approximate),
    layers.GLU: lambda spec, context, x: keras.ops.glu(x, axis=spec.axis),
    layers.HardShrink: lambda spec, context, x: keras.ops.hard_shrink(x, threshold=spec.threshold),
    layers.HardSigmoid: _hard_sigmoid,
    layers.LogSoftmax: lambda spec, context, x: keras.ops.log_softmax(x, axis=spec.axis),
    layers.SoftShrink: lambda spec, context, x: keras.ops.soft_shrink(x, threshold=spec.threshold),
    layers.Sparsemax: _sparsemax,
    layers.Squareplus: lambda spec, context, x: keras.ops.squareplus(x, b=spec.b),
    layers.Standardize: _standardize,
    layers.Threshold: lambda spec, context, x: keras.ops.threshold(
        x, threshold=spec.threshold, default_value=spec.value
    ),
}


@native.register
def prelu(spec: layers.PReLU, context: Context, x: Tensor) -> Tensor:
    rank = len(context.shapes[0])
    shared = tuple(range(1, rank if spec.shared else rank - 1))
    layer = context.layer(
        keras.layers.PReLU,
        alpha_initializer="zeros",
        alpha_regularizer=None,
        alpha_constraint=None,
        shared_axes=shared or None,
    )
    return context.call(layer, x, slope="alpha")
