"""Linear layers."""

from __future__ import annotations

from math import prod
from typing import Any

from nnspec.layers.linear import Bilinear, Dense, DenseGeneral, EinsumDense
from nnspec_tensorflow.porting.export.activation import activated, taken
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.startup import keras

# What every layer with a kernel and a bias is made with: initial weights come with the file.
PLAIN: dict[str, Any] = {
    "kernel_initializer": "zeros",
    "bias_initializer": "zeros",
    "kernel_regularizer": None,
    "bias_regularizer": None,
    "kernel_constraint": None,
    "bias_constraint": None,
}


@native.register
def dense(spec: Dense, context: Context, x: Tensor) -> Tensor:
    name = taken(spec.activation, context)
    layer = context.layer(
        keras.layers.Dense, spec.features, activation=name or "linear", use_bias=spec.use_bias, **PLAIN
    )
    y = context.call(layer, x, kernel="kernel", bias="bias")
    return y if name else activated(spec.activation, context, y)


@native.register(DenseGeneral)
@native.register(EinsumDense)
def contraction(spec: DenseGeneral | EinsumDense, context: Context, x: Tensor) -> Tensor:
    shape = context.shapes[0]
    equation, name = spec.spelled(shape), taken(spec.activation, context)
    sizes = equation.sizes(shape, spec.kernel(shape))
    letters = equation.result[1:]
    if isinstance(spec, DenseGeneral):
        biased = letters[len(letters) - len(spec.outputs) :] if spec.use_bias else None
    else:
        biased = spec.bias_axes or None
    layer = context.layer(
        keras.layers.EinsumDense,
        str(equation),
        output_shape=tuple(sizes[letter] for letter in letters),
        activation=name or "linear",
        bias_axes=biased,
        **PLAIN,
    )
    y = context.call(layer, x, kernel="kernel", bias="bias")
    return y if name else activated(spec.activation, context, y)


@native.register
def bilinear(spec: Bilinear, context: Context, one: Tensor, other: Tensor) -> Tensor:
    """A Dense of all products of two elements: its kernel lies as ours."""
    ops = keras.ops
    pairs = ops.multiply(ops.expand_dims(one, -1), ops.expand_dims(other, -2))
    sizes = [shape[-1] for shape in context.shapes]
    rest = context.shapes[0][1:-1]
    flat = context.own(
        keras.layers.Reshape, (*(-1 if size is None else size for size in rest), prod(sizes)), part="pairs"
    )
    layer = context.layer(keras.layers.Dense, spec.features, activation="linear", use_bias=spec.use_bias, **PLAIN)
    return context.call(layer, flat(pairs), kernel="kernel", bias="bias")
