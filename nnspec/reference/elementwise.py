"""Elementwise operations."""

from __future__ import annotations

import numpy as np
from scipy import special

from nnspec import elementwise as specs
from nnspec.reference.base import Array, Scope, apply


@apply.register(specs.Abs)
def absolute(spec: specs.Abs, scope: Scope, x: Array) -> Array:
    return np.abs(x)


@apply.register(specs.Exp)
def exp(spec: specs.Exp, scope: Scope, x: Array) -> Array:
    return np.exp(x)


@apply.register(specs.Log)
def log(spec: specs.Log, scope: Scope, x: Array) -> Array:
    return np.log(x)


@apply.register(specs.Sqrt)
def sqrt(spec: specs.Sqrt, scope: Scope, x: Array) -> Array:
    return np.sqrt(x)


@apply.register(specs.Square)
def square(spec: specs.Square, scope: Scope, x: Array) -> Array:
    return x * x


@apply.register(specs.Sin)
def sin(spec: specs.Sin, scope: Scope, x: Array) -> Array:
    return np.sin(x)


@apply.register(specs.Cos)
def cos(spec: specs.Cos, scope: Scope, x: Array) -> Array:
    return np.cos(x)


@apply.register(specs.Negative)
def negative(spec: specs.Negative, scope: Scope, x: Array) -> Array:
    return -x


@apply.register(specs.Sign)
def sign(spec: specs.Sign, scope: Scope, x: Array) -> Array:
    return np.sign(x)


@apply.register(specs.Floor)
def floor(spec: specs.Floor, scope: Scope, x: Array) -> Array:
    return np.floor(x)


@apply.register(specs.Ceil)
def ceil(spec: specs.Ceil, scope: Scope, x: Array) -> Array:
    return np.ceil(x)


@apply.register(specs.Round)
def rounded(spec: specs.Round, scope: Scope, x: Array) -> Array:
    return np.rint(x)


@apply.register(specs.Trunc)
def trunc(spec: specs.Trunc, scope: Scope, x: Array) -> Array:
    return np.trunc(x)


@apply.register(specs.Expm1)
def expm1(spec: specs.Expm1, scope: Scope, x: Array) -> Array:
    return np.expm1(x)


@apply.register(specs.Log1p)
def log1p(spec: specs.Log1p, scope: Scope, x: Array) -> Array:
    return np.log1p(x)


@apply.register(specs.Log2)
def log2(spec: specs.Log2, scope: Scope, x: Array) -> Array:
    return np.log2(x)


@apply.register(specs.Log10)
def log10(spec: specs.Log10, scope: Scope, x: Array) -> Array:
    return np.log10(x)


@apply.register(specs.Tan)
def tan(spec: specs.Tan, scope: Scope, x: Array) -> Array:
    return np.tan(x)


@apply.register(specs.Asin)
def asin(spec: specs.Asin, scope: Scope, x: Array) -> Array:
    return np.arcsin(x)


@apply.register(specs.Acos)
def acos(spec: specs.Acos, scope: Scope, x: Array) -> Array:
    return np.arccos(x)


@apply.register(specs.Atan)
def atan(spec: specs.Atan, scope: Scope, x: Array) -> Array:
    return np.arctan(x)


@apply.register(specs.Sinh)
def sinh(spec: specs.Sinh, scope: Scope, x: Array) -> Array:
    return np.sinh(x)


@apply.register(specs.Cosh)
def cosh(spec: specs.Cosh, scope: Scope, x: Array) -> Array:
    return np.cosh(x)


@apply.register(specs.Asinh)
def asinh(spec: specs.Asinh, scope: Scope, x: Array) -> Array:
    return np.arcsinh(x)


@apply.register(specs.Acosh)
def acosh(spec: specs.Acosh, scope: Scope, x: Array) -> Array:
    return np.arccosh(x)


@apply.register(specs.Atanh)
def atanh(spec: specs.Atanh, scope: Scope, x: Array) -> Array:
    return np.arctanh(x)


@apply.register(specs.Reciprocal)
def reciprocal(spec: specs.Reciprocal, scope: Scope, x: Array) -> Array:
    return 1 / x


@apply.register(specs.Rsqrt)
def rsqrt(spec: specs.Rsqrt, scope: Scope, x: Array) -> Array:
    return 1 / np.sqrt(x)


@apply.register(specs.Erf)
def erf(spec: specs.Erf, scope: Scope, x: Array) -> Array:
    y: Array = special.erf(x)
    return y


@apply.register(specs.Clamp)
def clamp(spec: specs.Clamp, scope: Scope, x: Array) -> Array:
    x = x if spec.lower is None else np.maximum(x, x.dtype.type(spec.lower))
    return x if spec.upper is None else np.minimum(x, x.dtype.type(spec.upper))


@apply.register(specs.Power)
def power(spec: specs.Power, scope: Scope, x1: Array, x2: Array) -> Array:
    return np.power(x1, x2)


@apply.register(specs.Atan2)
def atan2(spec: specs.Atan2, scope: Scope, x1: Array, x2: Array) -> Array:
    return np.arctan2(x1, x2)


@apply.register(specs.LogAddExp)
def log_add_exp(spec: specs.LogAddExp, scope: Scope, x1: Array, x2: Array) -> Array:
    return np.logaddexp(x1, x2)


@apply.register(specs.FloorDivide)
def floor_divide(spec: specs.FloorDivide, scope: Scope, x1: Array, x2: Array) -> Array:
    return np.floor_divide(x1, x2)


@apply.register(specs.Remainder)
def remainder(spec: specs.Remainder, scope: Scope, x1: Array, x2: Array) -> Array:
    return np.remainder(x1, x2) if spec.sign == "divisor" else np.fmod(x1, x2)
