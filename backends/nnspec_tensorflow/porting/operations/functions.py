"""Activations as operations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import nnspec
from nnspec.layers.base import Layer
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context
from nnspec_tensorflow.porting.operations.arrangement import shaped, transposed
from nnspec_tensorflow.porting.operations.elementwise import unary
from nnspec_tensorflow.porting.operations.operand import refusal
from nnspec_tensorflow.porting.operations.operation import operation
from nnspec_tensorflow.porting.operations.variables import read
from nnspec_tensorflow.startup import keras

_NN = keras.src.ops.nn
_LAYERS: dict[Any, Callable[[Any], Layer]] = {
    _NN.Celu: lambda op: nnspec.CELU(float(op.alpha)),
    _NN.Elu: lambda op: nnspec.ELU(float(op.alpha)),
    _NN.Gelu: lambda op: nnspec.GELU(bool(op.approximate)),
    _NN.HardShrink: lambda op: nnspec.HardShrink(float(op.threshold)),
    _NN.HardSigmoid: lambda op: nnspec.HardSigmoid(),
    _NN.HardSilu: lambda op: nnspec.HardSilu(),
    _NN.HardTanh: lambda op: nnspec.HardTanh(),
    _NN.LeakyRelu: lambda op: nnspec.LeakyReLU(float(op.negative_slope)),
    _NN.LogSigmoid: lambda op: nnspec.LogSigmoid(),
    _NN.Relu: lambda op: nnspec.ReLU(),
    _NN.Relu6: lambda op: nnspec.ReLU6(),
    _NN.Selu: lambda op: nnspec.SELU(),
    _NN.Sigmoid: lambda op: nnspec.Sigmoid(),
    _NN.Silu: lambda op: nnspec.Silu(),
    _NN.SoftShrink: lambda op: nnspec.SoftShrink(float(op.threshold)),
    _NN.Softplus: lambda op: nnspec.Softplus(),
    _NN.Softsign: lambda op: nnspec.SoftSign(),
    _NN.SparsePlus: lambda op: nnspec.SparsePlus(),
    _NN.SparseSigmoid: lambda op: nnspec.SparseSigmoid(),
    _NN.Squareplus: lambda op: nnspec.Squareplus(float(op.b)),
    _NN.TanhShrink: lambda op: nnspec.TanhShrink(),
    _NN.Threshold: lambda op: nnspec.Threshold(float(op.threshold), float(op.default_value)),
}
_ALONG: dict[Any, Callable[[int], Layer]] = {
    _NN.Glu: nnspec.GLU,
    _NN.LogSoftmax: nnspec.LogSoftmax,
    _NN.Softmax: nnspec.Softmax,
}


@operation(*_LAYERS)
def activation(op: Any, context: Context, x: Any) -> Value:
    return unary(context, _LAYERS[type(op)](op), x)


@operation(_NN.Sparsemax)
def sparsemax(op: Any, context: Context, x: Any) -> Value:
    # Keras 3.15 sums the cumulative sums of all that is left, and its values do not add up to 1.
    raise refusal(context, "Keras's sparsemax is not the projection that it is named after", "use softmax")


@operation(*_ALONG)
def along(op: Any, context: Context, x: Any) -> Value:
    operand = read(context, x)
    axes = op.axis if isinstance(op.axis, list | tuple) else [op.axis]
    if None in axes:
        raise refusal(context, "all axes at once, the batch axis included", "name the axes")
    if len(axes) == 1:
        place = operand.place(axes[0])
        return unary(context, _ALONG[type(op)](-1 if place == len(operand.spec) - 1 else place), x)
    return _over_several(op, context, x, sorted(operand.axis(axis) for axis in axes))


def _over_several(op: Any, context: Context, x: Any, axes: list[int]) -> Value:
    """Along several axes at once: these behind the others, as one."""
    operand = read(context, x)
    order = [*(axis for axis in range(operand.rank) if axis not in axes), *axes]
    turned = operand.value
    if order != sorted(order):
        turned = transposed(context, turned, order, part="transpose")
    shape = list(read(context, turned).shape)
    wide = shape[: -len(axes)]
    if None in shape[1:]:
        raise refusal(context, "several axes, of which one is of any length", "declare the lengths")
    size = math.prod(n for n in shape[-len(axes) :] if n is not None)
    flat = shaped(context, turned, [*wide, size], part="flat")
    value = shaped(context, unary(context, _ALONG[type(op)](-1), flat, part="flat_value"), shape, part="shape")
    if order == sorted(order):
        return value
    back = [order.index(axis) for axis in range(operand.rank)]
    made: Value = transposed(context, value, back, part="back")
    return made
