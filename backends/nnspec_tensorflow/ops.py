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
from nnspec.ops import Add, Concat, Divide, Maximum, Minimum, Multiply, Subtract
from nnspec.spec import dump, parse
from nnspec_tensorflow.realize import Context, build, serializable, working
from nnspec_tensorflow.startup import keras, tf

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


@serializable
class SpecOperation(keras.layers.Layer):
    """An elementwise operation of the spec as a layer on a list of inputs."""

    def __init__(self, spec: Any, **options: Any) -> None:
        super().__init__(**options)
        self.spec: Operation = parse("operation", spec)

    def call(self, inputs: list[Tensor]) -> Tensor:
        wide = [tf.cast(x, working(self.compute_dtype)) for x in inputs]
        return tf.cast(_FORMULAS[type(self.spec)](*wide), self.compute_dtype)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return self.spec.output_shape(*map(tuple, input_shape))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spec": dump(self.spec)}


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
    return SpecOperation(spec, **context.options)


@build.register
def concat(spec: Concat, context: Context) -> keras.layers.Layer:
    return keras.layers.Concatenate(axis=spec.axis, **context.options)
