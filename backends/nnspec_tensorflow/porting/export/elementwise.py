"""Elementwise operations."""

from __future__ import annotations

from typing import Any

from nnspec import elementwise as specs
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.startup import keras

_OPS: dict[type[Any], str] = {
    specs.Abs: "abs",
    specs.Acos: "arccos",
    specs.Acosh: "arccosh",
    specs.Asin: "arcsin",
    specs.Asinh: "arcsinh",
    specs.Atan: "arctan",
    specs.Atan2: "arctan2",
    specs.Atanh: "arctanh",
    specs.Ceil: "ceil",
    specs.Cos: "cos",
    specs.Cosh: "cosh",
    specs.Erf: "erf",
    specs.Exp: "exp",
    specs.Expm1: "expm1",
    specs.Floor: "floor",
    specs.Log: "log",
    specs.Log10: "log10",
    specs.Log1p: "log1p",
    specs.Log2: "log2",
    specs.LogAddExp: "logaddexp",
    specs.Negative: "negative",
    specs.Power: "power",
    specs.Reciprocal: "reciprocal",
    specs.Round: "round",
    specs.Rsqrt: "rsqrt",
    specs.Sign: "sign",
    specs.Sin: "sin",
    specs.Sinh: "sinh",
    specs.Sqrt: "sqrt",
    specs.Square: "square",
    specs.Tan: "tan",
    specs.Trunc: "trunc",
}


def elementwise(spec: Any, context: Context, *inputs: Tensor) -> Tensor:
    return getattr(keras.ops, _OPS[type(spec)])(*inputs)


for kind in _OPS:
    native.register(kind, elementwise)


@native.register
def clamp(spec: specs.Clamp, context: Context, x: Tensor) -> Tensor:
    if spec.lower is not None and spec.upper is not None:
        return keras.ops.clip(x, spec.lower, spec.upper)
    if spec.lower is not None:
        return keras.ops.maximum(x, spec.lower)
    return x if spec.upper is None else keras.ops.minimum(x, spec.upper)


@native.register
def floor_divide(spec: specs.FloorDivide, context: Context, one: Tensor, other: Tensor) -> Tensor:
    """Of the remainder: ``keras.ops.floor_divide`` takes the floor of the rounded quotient."""
    ops = keras.ops
    whole = ops.round(ops.divide(ops.subtract(one, ops.mod(one, other)), other))
    return ops.where(ops.equal(other, 0.0), ops.divide(one, other), whole)


@native.register
def remainder(spec: specs.Remainder, context: Context, one: Tensor, other: Tensor) -> Tensor:
    return (keras.ops.mod if spec.sign == "divisor" else keras.ops.fmod)(one, other)
