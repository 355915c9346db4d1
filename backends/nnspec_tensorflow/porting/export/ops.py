"""Operations that join branches or rearrange: merging layers of Keras, ``keras.ops`` where there are none."""

from __future__ import annotations

from typing import Any

from nnspec import ops as specs
from nnspec.contraction import Outer
from nnspec_tensorflow.porting.export.convert import Apart, Context, Tensor, apart, native
from nnspec_tensorflow.startup import keras

_MERGING: dict[type[Any], Any] = {
    specs.Add: keras.layers.Add,
    specs.Maximum: keras.layers.Maximum,
    specs.Minimum: keras.layers.Minimum,
    specs.Multiply: keras.layers.Multiply,
    specs.Subtract: keras.layers.Subtract,
}


@native.register(specs.Add)
@native.register(specs.Maximum)
@native.register(specs.Minimum)
@native.register(specs.Multiply)
@native.register(specs.Subtract)
def merged(spec: Any, context: Context, *inputs: Tensor) -> Tensor:
    return context.own(_MERGING[type(spec)])(list(inputs))


@native.register
def divide(spec: specs.Divide, context: Context, one: Tensor, other: Tensor) -> Tensor:
    return keras.ops.divide(one, other)


@native.register
def concat(spec: specs.Concat, context: Context, *inputs: Tensor) -> Tensor:
    if len(inputs) > 1 and "float" in inputs[0].dtype:
        return context.own(keras.layers.Concatenate, axis=spec.axis)(list(inputs))
    return keras.ops.concatenate(list(inputs), axis=spec.axis)


@native.register
def matmul(spec: specs.Matmul, context: Context, one: Tensor, other: Tensor) -> Tensor:
    return keras.ops.matmul(one, other)


@native.register
def einsum(spec: specs.Einsum, context: Context, *inputs: Tensor) -> Tensor:
    return keras.ops.einsum(str(spec.spelled(*context.shapes)), *inputs)


@native.register
def outer(spec: Outer, context: Context, one: Tensor, other: Tensor) -> Tensor:
    ops = keras.ops
    return ops.multiply(ops.expand_dims(one, -1), ops.expand_dims(other, -2))


@native.register
def stack(spec: specs.Stack, context: Context, *inputs: Tensor) -> Tensor:
    return keras.ops.stack(list(inputs), axis=spec.axis)


@native.register(specs.Slice)
def sliced(spec: specs.Slice, context: Context, x: Tensor | Apart) -> Tensor:
    if isinstance(x, Apart):
        return _of_states(spec, context, x)
    return x[spec.index(len(context.shapes[0]))]


def _of_states(spec: specs.Slice, context: Context, states: Apart) -> Tensor:
    rank, features = len(context.shapes[0]), states.first.shape[-1]
    axis = spec.axis % rank
    if axis == rank - 1 and 0 < (spec.stop or 0) <= features and (spec.start or 0) >= 0:
        return states.first[spec.index(rank)]
    if axis == 1 and spec.start == -1 and spec.stop is None and abs(spec.step) == 1:
        return keras.ops.expand_dims(states.last, 1)
    raise apart(states)


@native.register
def expand_dims(spec: specs.ExpandDims, context: Context, x: Tensor) -> Tensor:
    return keras.ops.expand_dims(x, spec.axis)


@native.register
def squeeze(spec: specs.Squeeze, context: Context, x: Tensor) -> Tensor:
    return keras.ops.squeeze(x, spec.axis)
