"""Elementwise operations."""

from __future__ import annotations

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
    specs.Erf: tf.math.erf,
}


def operation(spec: Operation, context: Context) -> keras.layers.Layer:
    return SpecFunction(spec, **context.options)


def unary(spec: Operation, x: Tensor) -> Tensor:
    return _FUNCTIONS[type(spec)](x)


for _cls in (*_FUNCTIONS, specs.Clamp, specs.Power):
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


@formula.register
def power(spec: specs.Power, x1: Tensor, x2: Tensor) -> Tensor:
    shape = tf.broadcast_dynamic_shape(tf.shape(x1), tf.shape(x2))
    return _power(tf.broadcast_to(x1, shape), tf.broadcast_to(x2, shape))
