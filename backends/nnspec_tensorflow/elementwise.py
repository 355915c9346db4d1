"""Elementwise operations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from nnspec import elementwise as specs
from nnspec.layers.base import Operation
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.realize import Context, build
from nnspec_tensorflow.startup import keras, tf
from nnspec_tensorflow.stateless import SpecFunction, formula

Tensor = Any
_FUNCTIONS: dict[type[Operation], Callable[[Tensor], Tensor]] = {
    specs.Abs: tf.abs,
    specs.Exp: tf.exp,
    specs.Log: tf.math.log,
    specs.Sqrt: tf.sqrt,
    specs.Square: tf.square,
    specs.Sin: tf.sin,
    specs.Cos: tf.cos,
    specs.Negative: tf.negative,
    specs.Sign: tf.sign,
    specs.Floor: tf.floor,
    specs.Ceil: tf.math.ceil,
    specs.Round: tf.round,
    specs.Trunc: lambda x: tf.where(x < 0, tf.math.ceil(x), tf.floor(x)),
    specs.Reciprocal: tf.math.reciprocal,
    specs.Rsqrt: tf.math.rsqrt,
    specs.Expm1: tf.math.expm1,
    specs.Log1p: tf.math.log1p,
    specs.Log2: lambda x: tf.math.log(x) / constant(math.log(2), x),
    specs.Log10: lambda x: tf.math.log(x) / constant(math.log(10), x),
    specs.Tan: tf.tan,
    specs.Asin: tf.asin,
    specs.Acos: tf.acos,
    specs.Atan: tf.atan,
    specs.Sinh: tf.sinh,
    specs.Cosh: tf.cosh,
    specs.Asinh: tf.asinh,
    specs.Acosh: tf.acosh,
    specs.Atanh: tf.atanh,
    specs.Erf: tf.math.erf,
}
_BINARY = (specs.Power, specs.Atan2, specs.FloorDivide, specs.LogAddExp, specs.Remainder)


def operation(spec: Operation, context: Context) -> keras.layers.Layer:
    return SpecFunction(spec, **context.options)


def unary(spec: Operation, x: Tensor) -> Tensor:
    return _FUNCTIONS[type(spec)](x)


for _cls in (*_FUNCTIONS, specs.Clamp, *_BINARY):
    build.register(_cls, operation)
for _cls in _FUNCTIONS:
    formula.register(_cls, unary)


@formula.register
def clamp(spec: specs.Clamp, x: Tensor) -> Tensor:
    y = x  # tf.clip_by_value has derivative 1 at its bounds
    if spec.lower is not None:
        y = tf.where(x <= constant(spec.lower, x), constant(spec.lower, x), y)
    if spec.upper is not None:
        y = tf.where(x >= constant(spec.upper, x), constant(spec.upper, x), y)
    return y


@tf.custom_gradient
def _power(x1: Tensor, x2: Tensor) -> Any:
    y = tf.pow(x1, x2)

    def slopes(upstream: Tensor) -> tuple[Tensor, Tensor]:
        flat, zero = x2 == 0, x1 == 0
        by_base = tf.where(flat, tf.zeros_like(y), x2 * tf.pow(x1, tf.where(flat, tf.ones_like(x2), x2) - 1))
        by_exponent = tf.where(zero, tf.zeros_like(y), y * tf.math.log(tf.where(zero, tf.ones_like(x1), x1)))
        return upstream * by_base, upstream * by_exponent

    return y, slopes


def _of_one_shape(x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
    shape = tf.broadcast_dynamic_shape(tf.shape(x1), tf.shape(x2))
    return tf.broadcast_to(x1, shape), tf.broadcast_to(x2, shape)


@formula.register
def power(spec: specs.Power, x1: Tensor, x2: Tensor) -> Tensor:
    return _power(*_of_one_shape(x1, x2))


@formula.register
def atan2(spec: specs.Atan2, x1: Tensor, x2: Tensor) -> Tensor:
    return tf.atan2(x1, x2)


@formula.register
def log_add_exp(spec: specs.LogAddExp, x1: Tensor, x2: Tensor) -> Tensor:
    return tf.reduce_logsumexp(tf.stack(_of_one_shape(x1, x2)), 0)


def _divided(x1: Tensor, x2: Tensor, sign: str) -> tuple[Tensor, Tensor]:
    """The whole part of the exact quotient, which x₁/x₂ may miss by a rounding, and the remainder; no gradients."""
    x1, x2 = _of_one_shape(tf.stop_gradient(x1), tf.stop_gradient(x2))
    rest = tf.stop_gradient(tf.truncatemod(x1, x2))
    whole = tf.stop_gradient(tf.round((x1 - rest) / x2))
    if sign == "dividend":
        return whole, rest
    across = (rest != 0) & ((rest < 0) != (x2 < 0))
    return tf.where(across, whole - 1, whole), tf.where(across, rest + x2, rest)


@formula.register
def floor_divide(spec: specs.FloorDivide, x1: Tensor, x2: Tensor) -> Tensor:
    whole, _ = _divided(x1, x2, "divisor")
    return tf.where(x2 == 0, tf.stop_gradient(x1 / x2), whole)


@formula.register
def remainder(spec: specs.Remainder, x1: Tensor, x2: Tensor) -> Tensor:
    @tf.custom_gradient
    def rest(x1: Tensor, x2: Tensor) -> Any:
        whole, y = _divided(x1, x2, spec.sign)
        return y, lambda upstream: (upstream, -whole * upstream)

    return rest(*_of_one_shape(x1, x2))
