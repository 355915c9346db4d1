"""Operations that join branches of a graph.

Keras's merging layers stand for inputs of one shape. They line up inputs of other ranks by rules of their own, where
the spec broadcasts as NumPy does.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

from nnspec.layers.base import Operation
from nnspec.ops import (
    Add,
    Concat,
    Divide,
    Einsum,
    ExpandDims,
    Matmul,
    Maximum,
    Minimum,
    Multiply,
    Slice,
    Squeeze,
    Stack,
    Subtract,
)
from nnspec_tensorflow.realize import Context, build
from nnspec_tensorflow.startup import keras, tf
from nnspec_tensorflow.stateless import SpecFunction, formula

Tensor = Any
_STOCK: dict[type[Operation], Any] = {
    Add: keras.layers.Add,
    Subtract: keras.layers.Subtract,
    Multiply: keras.layers.Multiply,
}


def _half_each(x1: Tensor, x2: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """x1 where ``first``, x2 where ``second``, and half of each elsewhere: at ties, and NaN if one is NaN."""
    return tf.where(first, x1, tf.where(second, x2, x1 / 2 + x2 / 2))


_FORMULAS: dict[type[Operation], Callable[..., Tensor]] = {
    Add: lambda *inputs: functools.reduce(operator.add, inputs),
    Subtract: operator.sub,
    Multiply: lambda *inputs: functools.reduce(operator.mul, inputs),
    Divide: operator.truediv,
    Maximum: lambda x1, x2: _half_each(x1, x2, x1 > x2, x2 > x1),
    Minimum: lambda x1, x2: _half_each(x1, x2, x1 < x2, x2 < x1),
}


@formula.register(Add)
@formula.register(Subtract)
@formula.register(Multiply)
@formula.register(Divide)
@formula.register(Maximum)
@formula.register(Minimum)
def combined(spec: Operation, *inputs: Tensor) -> Tensor:
    return _FORMULAS[type(spec)](*inputs)


@build.register(Add)
@build.register(Subtract)
@build.register(Multiply)
@build.register(Divide)
@build.register(Maximum)
@build.register(Minimum)
def elementwise(spec: Operation, context: Context) -> keras.layers.Layer:
    stock = _STOCK.get(type(spec))
    if stock is not None and len(set(context.shapes)) == 1 and context.dtype in ("float32", "float64"):
        return stock(**context.options)
    return SpecFunction(spec, **context.options)


@build.register
def concat(spec: Concat, context: Context) -> keras.layers.Layer:
    return keras.layers.Concatenate(axis=spec.axis, **context.options)


@build.register(Matmul)
@build.register(Einsum)
@build.register(Stack)
@build.register(Slice)
@build.register(ExpandDims)
@build.register(Squeeze)
def operation(spec: Operation, context: Context) -> keras.layers.Layer:
    return SpecFunction(spec, **context.options)


@formula.register
def matmul(spec: Matmul, x1: Tensor, x2: Tensor) -> Tensor:
    return tf.matmul(x1, x2)


@formula.register
def einsum(spec: Einsum, *inputs: Tensor) -> Tensor:
    return tf.einsum(str(spec.spelled(*(x.shape for x in inputs))), *inputs)


@formula.register
def stack(spec: Stack, *inputs: Tensor) -> Tensor:
    return tf.stack(inputs, spec.axis)


@formula.register
def sliced(spec: Slice, x: Tensor) -> Tensor:
    return x[spec.index(x.shape.rank)]


@formula.register
def expand_dims(spec: ExpandDims, x: Tensor) -> Tensor:
    return tf.expand_dims(x, spec.axis)


@formula.register
def squeeze(spec: Squeeze, x: Tensor) -> Tensor:
    return tf.squeeze(x, spec.axis)
