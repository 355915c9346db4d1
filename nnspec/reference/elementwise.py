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
