"""Arithmetic and functions of single elements.

``abs`` and ``sign`` alone have another derivative at 0 than JAX (0, where JAX has 1 for ``abs``). Whole numbers are
computed with as floats, exactly as long as they stay below 2^24.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import nnspec
from nnspec.layers.base import Layer
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, primitive
from nnspec_jax.porting.primitives.alignment import aligned, as_value
from nnspec_jax.porting.primitives.operands import (
    Constant,
    Operand,
    as_type,
    call,
    dtype,
    layout,
    rank,
    refuse,
    same,
    shape,
    step,
)
from nnspec_jax.porting.primitives.patterns import averages, gated, logsumexp_of, mean_of, pooled, softmax_of

_UNARY: dict[str, type[Layer]] = {
    "abs": nnspec.Abs,
    "acos": nnspec.Acos,
    "acosh": nnspec.Acosh,
    "asin": nnspec.Asin,
    "asinh": nnspec.Asinh,
    "atan": nnspec.Atan,
    "atanh": nnspec.Atanh,
    "ceil": nnspec.Ceil,
    "cos": nnspec.Cos,
    "cosh": nnspec.Cosh,
    "erf": nnspec.Erf,
    "exp": nnspec.Exp,
    "expm1": nnspec.Expm1,
    "floor": nnspec.Floor,
    "log": nnspec.Log,
    "log1p": nnspec.Log1p,
    "log2": nnspec.Log2,
    "logistic": nnspec.Sigmoid,
    "neg": nnspec.Negative,
    "rsqrt": nnspec.Rsqrt,
    "sign": nnspec.Sign,
    "sin": nnspec.Sin,
    "sinh": nnspec.Sinh,
    "sqrt": nnspec.Sqrt,
    "square": nnspec.Square,
    "tan": nnspec.Tan,
    "tanh": nnspec.Tanh,
}
# Beyond so many numbers, one for each channel, a constant is a variable and no field.
_CHANNELS = 16


def through_floats(context: Context, layer: Layer, *values: Value) -> Value:
    """A layer that computes on floats, of values of any dtype: whole numbers and booleans there and back."""
    of = dtype(context, values[0])
    if of == "float":
        return call(context, layer, *values)
    if of == "int32":
        context.note(
            "It computes with whole numbers, here as floats, which hold them exactly below 2^24 in float32 and below "
            "2^8 in bfloat16."
        )
    made = step(context, layer, *(as_type(context, value, "float") for value in values))
    return call(context, nnspec.AsType(of), made)


def _unary(name: str, cls: type[Layer]) -> None:
    @primitive(name)
    def convert_it(context: Context, params: Any, x: Value) -> Value:
        return through_floats(context, cls(), x)


for _name, _class in _UNARY.items():
    _unary(_name, _class)


def _scaled(context: Context, x: Value, scale: Any, offset: Any = 0.0) -> Value:
    """x · scale + offset, with numbers, or a number for each channel."""
    return through_floats(context, nnspec.Rescaling(scale, offset), x)


def meets(context: Context, x: Value, other: Operand) -> bool:
    """Whether a constant that meets x leaves its shape as it is."""
    if isinstance(other, Value):
        return False
    given = shape(context, x)
    return not other.ndim or all(b is None or a in (1, b) for a, b in zip(other.shape, given, strict=True))


def numbers(context: Context, x: Value, other: Operand) -> Any:
    """A constant that meets x as fields can say it: one number, or a few, one for each channel; else None."""
    if isinstance(other, Value) or (other.dtype.kind not in "fiu" and other.dtype.name != "bfloat16"):
        return None
    if not meets(context, x, other):
        return None
    one = same(other)
    if one is not None:
        return float(one) if math.isfinite(one) else None
    channels = other.reshape(-1)
    if other.shape[-1] != other.size or other.size > _CHANNELS or not np.isfinite(channels.astype(float)).all():
        return None
    how = layout(context, x)
    last = rank(context, x) - 1
    return tuple(map(float, channels)) if how.axis != last and dtype(context, x) == "float" else None


def _each(number: Any, function: Any) -> Any:
    return tuple(map(function, number)) if isinstance(number, tuple) else function(number)


def joined(context: Context, layer: Layer, *operands: Operand) -> Value:
    """An elementwise operation of operands whose shapes broadcast."""
    values, how = aligned(context, operands)
    if dtype(context, values[0]) == "float":
        return call(context, layer, *values, like=how)
    return through_floats(context, layer, *values)


@primitive("add")
def add(context: Context, params: Any, x: Operand, y: Operand) -> Value:
    for one, other in ((x, y), (y, x)):
        if isinstance(one, Value) and (c := numbers(context, one, other)) is not None:
            return _scaled(context, one, 1.0, c)
    for one, other in ((x, y), (y, x)):
        if isinstance(one, Value) and isinstance(other, Value) and (known := logsumexp_of(context, one, other)):
            return known
    return joined(context, nnspec.Add(), x, y)


@primitive("sub")
def sub(context: Context, params: Any, x: Operand, y: Operand) -> Value:
    if isinstance(x, Value) and (c := numbers(context, x, y)) is not None:
        return _scaled(context, x, 1.0, _each(c, lambda number: -number))
    if isinstance(y, Value) and (c := numbers(context, y, x)) is not None:
        return _scaled(context, y, -1.0, c)
    return joined(context, nnspec.Subtract(), x, y)


@primitive("mul")
def mul(context: Context, params: Any, x: Operand, y: Operand) -> Value:
    for one, other in ((x, y), (y, x)):
        if isinstance(one, Value) and (c := numbers(context, one, other)) is not None:
            return mean_of(context, one, c) or pooled(context, one, c) or _scaled(context, one, c)
    if isinstance(x, Value) and isinstance(y, Value) and (known := gated(context, x, y)):
        return known
    return joined(context, nnspec.Multiply(), x, y)


@primitive("div")
def div(context: Context, params: Any, x: Operand, y: Operand) -> Value:
    whole = dtype(context, x) == "int32"
    if isinstance(x, Value) and not whole and (c := numbers(context, x, y)) is not None and np.all(np.asarray(c) != 0):
        inverse = _each(c, lambda number: 1 / number)
        if np.isfinite(np.asarray(inverse)).all():
            return mean_of(context, x, inverse) or pooled(context, x, inverse) or _scaled(context, x, inverse)
    if isinstance(y, Value) and not whole and not isinstance(x, Value) and same(x) == 1 and x.ndim == 0:
        return call(context, nnspec.Reciprocal(), y)
    if isinstance(x, Value) and (
        known := softmax_of(context, x, y) if isinstance(y, Value) else averages(context, x, y)
    ):
        return known
    return joined(context, nnspec.Divide(), x, y)


def _extreme(name: str, cls: type[Layer], logical: type[Layer], nothing: float) -> None:
    @primitive(name)
    def convert_it(context: Context, params: Any, x: Operand, y: Operand) -> Value:
        for one, other in ((x, y), (y, x)):
            if isinstance(one, Value) and not isinstance(other, Value) and same(other) == nothing and other.ndim == 0:
                return one
        if dtype(context, x) == "bool":
            values, how = aligned(context, (x, y))
            return call(context, logical(), *values, like=how)
        return joined(context, cls(), x, y)


_extreme("max", nnspec.Maximum, nnspec.LogicalOr, -math.inf)
_extreme("min", nnspec.Minimum, nnspec.LogicalAnd, math.inf)


@primitive("rem")
def rem(context: Context, params: Any, x: Operand, y: Operand) -> Value:
    return joined(context, nnspec.Remainder("dividend"), x, y)


@primitive("atan2")
def atan2(context: Context, params: Any, x: Operand, y: Operand) -> Value:
    return joined(context, nnspec.Atan2(), x, y)


@primitive("integer_pow")
def integer_pow(context: Context, params: Any, x: Value) -> Value:
    return _to_the(context, x, int(params["y"]))


def _to_the(context: Context, x: Value, n: int) -> Value:
    """A whole power by squares and products, as JAX computes it."""
    if n == 0:
        return _scaled(context, x, 0.0, 1.0)  # JAX itself makes ones of it
    if n < 0:
        positive = x if n == -1 else _to_the(context, x, -n)
        return through_floats(context, nnspec.Reciprocal(), positive)
    if n == 1:
        return x
    half = through_floats(context, nnspec.Square(), x if n < 4 else _to_the(context, x, n // 2))
    return through_floats(context, nnspec.Multiply(), x, half) if n % 2 else half


@primitive("pow")
def power(context: Context, params: Any, x: Operand, y: Operand) -> Value:
    if isinstance(x, Value) and not isinstance(y, Value) and y.size == 1:
        n = float(y.reshape(-1)[0])
        if n in (0.5, -0.5):
            return call(context, nnspec.Sqrt() if n > 0 else nnspec.Rsqrt(), as_type(context, x, "float"))
        if n.is_integer() and abs(n) <= 64:
            return _to_the(context, x, int(n))
    (base, exponent), how = aligned(context, (x, y))
    of = dtype(context, base)
    if of == "float":
        return call(context, nnspec.Power(), base, as_type(context, exponent, "float"), like=how)
    return through_floats(context, nnspec.Power(), base, exponent)


@primitive("exp2")
def exp2(context: Context, params: Any, x: Value) -> Value:
    return call(context, nnspec.Exp(), step(context, nnspec.Rescaling(math.log(2)), x))


@primitive("cbrt")
def cbrt(context: Context, params: Any, x: Value) -> Value:
    size, exponent = aligned(context, (step(context, nnspec.Abs(), x), np.asarray(1 / 3)))[0]
    root = step(context, nnspec.Power(), size, exponent)
    return call(context, nnspec.Multiply(), step(context, nnspec.Sign(), x), root)


@primitive("erfc")
def erfc(context: Context, params: Any, x: Value) -> Value:
    return call(context, nnspec.Rescaling(-1.0, 1.0), step(context, nnspec.Erf(), x))


@primitive("round")
def rounded(context: Context, params: Any, x: Value) -> Value:
    if int(params["rounding_method"]) == 1:
        return call(context, nnspec.Round(), x)
    size = step(context, nnspec.Floor(), step(context, nnspec.Rescaling(1.0, 0.5), step(context, nnspec.Abs(), x)))
    return call(context, nnspec.Multiply(), step(context, nnspec.Sign(), x), size)


@primitive("clamp")
def clamp(context: Context, params: Any, low: Operand, x: Operand, high: Operand) -> Value:
    if isinstance(x, Value) and not isinstance(low, Value) and not isinstance(high, Value):
        lower, upper = _bound(low), _bound(high)
        if lower is not None and upper is not None and lower < upper:
            bounds = [bound if math.isfinite(bound) else None for bound in (lower, upper)]
            return through_floats(context, nnspec.Clamp(*bounds), x)
    at_least = joined(context, nnspec.Maximum(), as_value(context, x), low)
    return joined(context, nnspec.Minimum(), at_least, high)


def _bound(array: Constant) -> float | None:
    """The one number that a bound is."""
    number = same(array)
    return None if number is None else float(number)


@primitive("copy", "copy_p", "stage", "tie", "reduce_precision", "optimization_barrier", "sharding_constraint")
def unchanged(context: Context, params: Any, *values: Value) -> Any:
    if "exponent_bits" in params and (params["exponent_bits"], params["mantissa_bits"]) not in {(8, 23), (11, 52)}:
        refuse(
            context, "reduce_precision rounds to a dtype that is not the net's: leave it out, or build the net in it"
        )
    return values[0] if len(values) == 1 else list(values)
