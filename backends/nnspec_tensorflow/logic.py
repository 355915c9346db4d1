"""Comparisons, logic and choices."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from nnspec import logic as specs
from nnspec.layers.base import Operation
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.realize import Context, build, serializable
from nnspec_tensorflow.startup import keras, tf
from nnspec_tensorflow.stateless import SpecFunction, formula

Tensor = Any
_COMPARISONS: dict[type[Operation], Callable[[Tensor, Tensor], Tensor]] = {
    specs.Equal: tf.equal,
    specs.NotEqual: tf.not_equal,
    specs.Less: tf.less,
    specs.LessEqual: tf.less_equal,
    specs.Greater: tf.greater,
    specs.GreaterEqual: tf.greater_equal,
}
_FUNCTIONS: dict[type[Operation], Callable[..., Tensor]] = {
    specs.IsNaN: tf.math.is_nan,
    specs.IsInf: tf.math.is_inf,
    specs.IsFinite: tf.math.is_finite,
    specs.LogicalNot: tf.logical_not,
    specs.LogicalXor: tf.math.logical_xor,
    specs.LogicalAnd: lambda *inputs: reduce(tf.logical_and, inputs),
    specs.LogicalOr: lambda *inputs: reduce(tf.logical_or, inputs),
    specs.Where: tf.where,
}


def operation(spec: Operation, context: Context) -> keras.layers.Layer:
    return SpecFunction(spec, **context.options)


@serializable
class SpecComparison(SpecFunction):
    """A comparison of two inputs, or of one with a number, which is rounded to the input's dtype."""

    def call(self, inputs: Any) -> Tensor:
        spec: Any = self.spec
        if spec.value is None:
            return super().call(inputs)
        (x,) = inputs
        return super().call([x, constant(spec.value if x.dtype.is_floating else int(spec.value), x)])


def comparison(spec: specs._Comparison, context: Context) -> keras.layers.Layer:
    return SpecComparison(spec, **context.options)


def compared(spec: specs._Comparison, x1: Tensor, x2: Tensor) -> Tensor:
    return _COMPARISONS[type(spec)](x1, x2)


def elementwise(spec: Operation, *inputs: Tensor) -> Tensor:
    return _FUNCTIONS[type(spec)](*inputs)


for _cls in _COMPARISONS:
    build.register(_cls, comparison)
    formula.register(_cls, compared)
for _cls in _FUNCTIONS:
    build.register(_cls, operation)
    formula.register(_cls, elementwise)
build.register(specs.AsType, operation)


def _whole(x: Tensor) -> Tensor:
    """Floats as int32: towards 0, the nearest int32 of what is too large, 0 of NaN."""
    low, high = np.iinfo(np.int32).min, np.iinfo(np.int32).max
    # −2³¹ is a float of every type, 2³¹ − 1 is none of float32.
    inside = (x > constant(low, x)) & (x < constant(-low, x))
    edge = tf.where(x < 0, low, tf.where(x > 0, high, 0))
    return tf.where(inside, tf.cast(tf.where(inside, x, tf.zeros_like(x)), tf.int32), edge)


@formula.register
def as_type(spec: specs.AsType, x: Tensor) -> Tensor:
    if spec.dtype == "bool":
        return x if x.dtype == tf.bool else tf.not_equal(x, tf.zeros_like(x))
    if spec.dtype == "float":  # rounded to the net's dtype afterwards
        return x if x.dtype.is_floating else tf.cast(x, tf.float64)
    return _whole(x) if x.dtype.is_floating else tf.cast(x, tf.int32)
