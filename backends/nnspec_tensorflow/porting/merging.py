"""Layers that join several inputs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import nnspec
from nnspec.layers.base import Layer
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context, convert
from nnspec_tensorflow.startup import keras

_of = keras.layers


def _of_one_rank(context: Context, inputs: Sequence[Value]) -> list[Value]:
    """Inputs of fewer axes get axes of size 1 after the batch's, as Keras has it."""
    ranks = [len(context.shapes[x]) for x in inputs]
    made = []
    for i, (x, rank) in enumerate(zip(inputs, ranks, strict=True)):
        for _ in range(max(ranks) - rank):
            x = context.call(nnspec.ExpandDims(1), x, part=f"wide_{i}")
        made.append(x)
    return made


def _merged(spec: Layer, context: Context, inputs: Sequence[Value]) -> Value:
    if len(inputs) == 1:
        return context.call(nnspec.Identity(), inputs[0])
    return context.call(spec, *_of_one_rank(context, inputs))


@convert.register(_of.Add)
def add(layer: Any, context: Context, inputs: Sequence[Value]) -> Value:
    return _merged(nnspec.Add(), context, inputs)


@convert.register(_of.Multiply)
def multiply(layer: Any, context: Context, inputs: Sequence[Value]) -> Value:
    return _merged(nnspec.Multiply(), context, inputs)


@convert.register(_of.Subtract)
def subtract(layer: Any, context: Context, inputs: Sequence[Value]) -> Value:
    return _merged(nnspec.Subtract(), context, inputs)


@convert.register(_of.Average)
def average(layer: Any, context: Context, inputs: Sequence[Value]) -> Value:
    if len(inputs) == 1:
        return context.call(nnspec.Identity(), inputs[0])
    total = context.call(nnspec.Add(), *_of_one_rank(context, inputs), part="sum")
    return context.call(nnspec.Rescaling(1 / len(inputs)), total)


def _in_turn(spec: Layer, context: Context, inputs: Sequence[Value]) -> Value:
    """Two at a time."""
    if len(inputs) == 1:
        return context.call(nnspec.Identity(), inputs[0])
    first, *others, last = _of_one_rank(context, inputs)
    joined = reduce(lambda x, y: context.call(spec, x, y, part="part"), others, first)
    return context.call(spec, joined, last)


@convert.register(_of.Maximum)
def maximum(layer: Any, context: Context, inputs: Sequence[Value]) -> Value:
    return _in_turn(nnspec.Maximum(), context, inputs)


@convert.register(_of.Minimum)
def minimum(layer: Any, context: Context, inputs: Sequence[Value]) -> Value:
    return _in_turn(nnspec.Minimum(), context, inputs)


@convert.register(_of.Concatenate)
def concatenate(layer: Any, context: Context, inputs: Sequence[Value]) -> Value:
    if len(inputs) == 1:
        return context.call(nnspec.Identity(), inputs[0])
    return context.call(nnspec.Concat(int(layer.axis)), *inputs)


@convert.register(_of.Dot)
def dot(layer: Any, context: Context, inputs: Sequence[Value]) -> Value:
    """The product over one axis of each: the axes that are left of the first, then those of the second."""
    shapes = [context.shapes[x] for x in inputs]
    axes = [layer.axes] * 2 if isinstance(layer.axes, int) else list(layer.axes)
    axes = [axis % len(shape) for axis, shape in zip(axes, shapes, strict=True)]
    given = list(inputs)
    if layer.normalize:
        given = [
            context.call(nnspec.UnitNorm(axis, float(keras.config.epsilon())), x, part=f"unit_{i}")
            for i, (x, axis) in enumerate(zip(given, axes, strict=True))
        ]
    letters = iter("cdefghijklmnopqrstuvwxyz")
    terms = ["".join("b" if i == 0 else "a" if i == axis else next(letters) for i in range(len(shape)))
             for shape, axis in zip(shapes, axes, strict=True)]  # fmt: skip
    left = "".join(letter for term in terms for letter in term if letter not in "ab")
    if not left:
        y = context.call(nnspec.Einsum(f"{terms[0]},{terms[1]}->b"), *given, part="product")
        return context.call(nnspec.Reshape((1,)), y)
    return context.call(nnspec.Einsum(f"{terms[0]},{terms[1]}->b{left}"), *given)
