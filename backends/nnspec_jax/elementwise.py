"""Elementwise operations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from nnspec import elementwise as specs
from nnspec.layers.base import Operation
from nnspec_jax.activation import magnitude
from nnspec_jax.realize import Context, build, rounded_once, widened

Function = Callable[..., jax.Array]
_FUNCTIONS: dict[type[Operation], Function] = {
    specs.Abs: magnitude,
    specs.Exp: jnp.exp,
    specs.Log: jnp.log,
    specs.Sqrt: jnp.sqrt,
    specs.Square: jnp.square,
    specs.Sin: jnp.sin,
    specs.Cos: jnp.cos,
    specs.Negative: jnp.negative,
    specs.Sign: jnp.sign,
    specs.Floor: jnp.floor,
    specs.Ceil: jnp.ceil,
    specs.Round: jnp.rint,
    specs.Trunc: jnp.trunc,
    specs.Reciprocal: jnp.reciprocal,
    specs.Rsqrt: jax.lax.rsqrt,
    specs.Expm1: jnp.expm1,
    specs.Log1p: jnp.log1p,
    specs.Log2: jnp.log2,
    specs.Log10: jnp.log10,
    specs.Tan: jnp.tan,
    specs.Asin: jnp.asin,
    specs.Acos: jnp.acos,
    specs.Atan: jnp.atan,
    specs.Sinh: jnp.sinh,
    specs.Cosh: jnp.cosh,
    specs.Asinh: jnp.asinh,
    specs.Acosh: jnp.acosh,
    specs.Atanh: jnp.atanh,
    specs.Erf: jax.lax.erf,
}


def unary(spec: Operation, context: Context) -> Function:
    return rounded_once(_FUNCTIONS[type(spec)])


for _cls in _FUNCTIONS:
    build.register(_cls, unary)


@build.register
def clamp(spec: specs.Clamp, context: Context) -> Function:
    def clamped(x: jax.Array) -> jax.Array:  # jnp.clip has derivative 1/2 at its bounds
        y = x if spec.lower is None else jnp.where(x <= spec.lower, spec.lower, x)
        return y if spec.upper is None else jnp.where(x >= spec.upper, spec.upper, y)

    return rounded_once(clamped)


@jax.custom_jvp
def _power(x1: jax.Array, x2: jax.Array) -> jax.Array:
    return jnp.power(x1, x2)


def _power_jvp(primals: tuple[jax.Array, ...], tangents: tuple[Any, ...]) -> tuple[jax.Array, jax.Array]:
    (x1, x2), y = primals, _power(*primals)
    flat, zero = x2 == 0, x1 == 0  # JAX's own rule has NaN where both are
    along = jnp.zeros_like(y)
    # The derivative by a constant exponent, NaN for bases below 0, would be NaN times a tangent of zeros, too.
    if not isinstance(tangents[0], SymbolicZero):
        along += jnp.where(flat, 0.0, x2 * jnp.power(x1, jnp.where(flat, 1.0, x2) - 1.0)) * tangents[0]
    if not isinstance(tangents[1], SymbolicZero):
        along += jnp.where(zero, 0.0, y * jnp.log(jnp.where(zero, 1.0, x1))) * tangents[1]
    return y, along


_power.defjvp(_power_jvp, symbolic_zeros=True)


def _of_two(function: Function) -> Function:
    """The function of two inputs in float32 at least, rounded at the end."""
    return lambda x1, x2: function(widened(x1), widened(x2)).astype(x1.dtype)


@build.register
def power(spec: specs.Power, context: Context) -> Function:
    return _of_two(_power)


@build.register
def atan2(spec: specs.Atan2, context: Context) -> Function:
    return _of_two(jnp.atan2)


@build.register
def log_add_exp(spec: specs.LogAddExp, context: Context) -> Function:
    return _of_two(jnp.logaddexp)


def _divided(x1: jax.Array, x2: jax.Array, sign: str) -> tuple[jax.Array, jax.Array]:
    """The whole part of the exact quotient, which x₁/x₂ may miss by a rounding, and the remainder; no gradients."""
    x1, x2 = jax.lax.stop_gradient(jnp.broadcast_arrays(x1, x2))
    rest = jax.lax.rem(x1, x2)
    whole = jnp.rint((x1 - rest) / x2)
    if sign == "dividend":
        return whole, rest
    across = (rest != 0) & ((rest < 0) != (x2 < 0))
    return jnp.where(across, whole - 1, whole), jnp.where(across, rest + x2, rest)


@build.register
def floor_divide(spec: specs.FloorDivide, context: Context) -> Function:
    def divided(x1: jax.Array, x2: jax.Array) -> jax.Array:
        return jnp.where(x2 == 0, jax.lax.stop_gradient(x1 / x2), _divided(x1, x2, "divisor")[0])

    return _of_two(divided)


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _remainder(x1: jax.Array, x2: jax.Array, sign: str) -> jax.Array:
    return _divided(x1, x2, sign)[1]


@_remainder.defjvp
def _remainder_jvp(sign: str, primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    x1, x2 = primals
    whole, y = _divided(x1, x2, sign)
    return y, tangents[0] - whole * tangents[1]


@build.register
def remainder(spec: specs.Remainder, context: Context) -> Function:
    return _of_two(lambda x1, x2: _remainder(x1, x2, spec.sign))
