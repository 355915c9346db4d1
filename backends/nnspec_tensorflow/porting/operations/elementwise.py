"""Arithmetic and functions of single elements.

Python's numbers become fields, arrays and variables values. The spec computes on floats: whole numbers are computed as
such, exactly up to 2²⁴ in float32, and made whole again.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import nnspec
from nnspec.layers.base import Layer
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context
from nnspec_tensorflow.porting.operations.broadcasting import aligned
from nnspec_tensorflow.porting.operations.operand import array, dtype_of, is_fixed, is_variable, number, refusal
from nnspec_tensorflow.porting.operations.operation import operation
from nnspec_tensorflow.porting.operations.variables import cast, done, owning, read
from nnspec_tensorflow.startup import keras

_NP, _MATH = keras.src.ops.numpy, keras.src.ops.math

# Functions of one element: their class in the spec, and whether whole numbers stay whole.
_UNARY: dict[Any, tuple[Layer, bool]] = {
    _NP.Absolute: (nnspec.Abs(), True),
    _NP.Arccos: (nnspec.Acos(), False),
    _NP.Arccosh: (nnspec.Acosh(), False),
    _NP.Arcsin: (nnspec.Asin(), False),
    _NP.Arcsinh: (nnspec.Asinh(), False),
    _NP.Arctan: (nnspec.Atan(), False),
    _NP.Arctanh: (nnspec.Atanh(), False),
    _NP.Ceil: (nnspec.Ceil(), False),
    _NP.Cos: (nnspec.Cos(), False),
    _NP.Cosh: (nnspec.Cosh(), False),
    _NP.Deg2rad: (nnspec.Rescaling(math.pi / 180), False),
    _NP.Exp: (nnspec.Exp(), False),
    _NP.Expm1: (nnspec.Expm1(), False),
    _NP.Fabs: (nnspec.Abs(), False),
    _NP.Floor: (nnspec.Floor(), False),
    _NP.Log: (nnspec.Log(), False),
    _NP.Log10: (nnspec.Log10(), False),
    _NP.Log1p: (nnspec.Log1p(), False),
    _NP.Log2: (nnspec.Log2(), False),
    _NP.Negative: (nnspec.Negative(), True),
    _NP.Rad2deg: (nnspec.Rescaling(180 / math.pi), False),
    _NP.Reciprocal: (nnspec.Reciprocal(), False),
    _NP.Sign: (nnspec.Sign(), True),
    _NP.Sin: (nnspec.Sin(), False),
    _NP.Sinh: (nnspec.Sinh(), False),
    _NP.Sqrt: (nnspec.Sqrt(), False),
    _NP.Square: (nnspec.Square(), True),
    _NP.Tan: (nnspec.Tan(), False),
    _NP.Tanh: (nnspec.Tanh(), False),
    _NP.Trunc: (nnspec.Trunc(), True),
    _MATH.Erf: (nnspec.Erf(), False),
    _MATH.Rsqrt: (nnspec.Rsqrt(), False),
}
_BINARY: dict[Any, tuple[Layer, bool]] = {
    _NP.Arctan2: (nnspec.Atan2(), False),
    _NP.FloorDivide: (nnspec.FloorDivide(), True),
    _NP.Fmod: (nnspec.Remainder("dividend"), True),
    _NP.Logaddexp: (nnspec.LogAddExp(), False),
    _NP.Mod: (nnspec.Remainder(), True),
}
_POWERS: dict[float, Layer] = {
    2.0: nnspec.Square(),
    1.0: nnspec.Identity(),
    0.5: nnspec.Sqrt(),
    -0.5: nnspec.Rsqrt(),
    -1.0: nnspec.Reciprocal(),
}


# So many numbers of channels are a field; more of them are a variable.
_MOST = 4


def unary(context: Context, layer: Layer, x: Any, *, whole: bool = False, part: str | None = None) -> Value:
    """A function of one element; with ``whole`` whole numbers stay such."""
    operand = read(context, x)
    keep = whole and operand.dtype == "int32"
    given = cast(context, operand.value, "float", _within(part, "float"))
    value = done(context, layer, given, view=operand.view, part=_within(part, "value") if keep else part)
    return cast(context, value, "int32", part) if keep else value


def binary(context: Context, layer: Layer, *xs: Any, whole: bool = False, part: str | None = None) -> Value:
    """A function of elements that broadcast; with ``whole`` what is computed of whole numbers stays whole."""
    keep = whole and all(dtype_of(context, x) != "float" for x in xs)
    given = [_floating(x) if is_fixed(x) else cast(context, x, "float", "float") if _is_value(x) else x for x in xs]
    values, view = aligned(context, *given)
    value = done(context, layer, *values, view=view, part=_within(part, "value") if keep else part)
    return cast(context, value, "int32", part) if keep else value


def scaled(context: Context, x: Any, scale: Any, offset: Any = 0.0, *, whole: bool = False, **options: Any) -> Value:
    """x · scale + offset, both of which are numbers, or one for each channel."""
    return unary(context, nnspec.Rescaling(scale, offset), x, whole=whole, **options)


def _is_value(x: Any) -> bool:
    return isinstance(x, Value)


def _within(part: str | None, more: str) -> str:
    return more if part is None else f"{part}_{more}"


def _floating(x: Any) -> Any:
    """A constant as floats, which hold whole numbers exactly."""
    given = array(x)
    if given.dtype.kind not in "iub":
        return given
    return given.astype(np.float64 if np.abs(given.astype(np.int64)).max(initial=0) > 2**24 else np.float32)


def _numbers(context: Context, x: Any, other: Any) -> tuple[Any, bool] | None:
    """A constant that is a field beside x: one finite number, or a few for its channels; and whether it is whole."""
    found = number(other)
    if found is not None:
        return (float(found), not isinstance(found, float)) if math.isfinite(found) else None
    if not is_fixed(other) or not _is_value(x):
        return None
    given, operand = array(other), read(context, x)
    last = operand.rank - 1
    fits = 1 < given.size <= _MOST and given.shape[-1:] == (given.size,) and given.ndim <= operand.rank
    if not fits or operand.view.axis == last or operand.shape[-1] != given.size or not np.isfinite(given).all():
        return None
    return tuple(map(float, given.reshape(-1))), given.dtype.kind in "iub"


def _negated(scale: Any) -> Any:
    return tuple(-x for x in scale) if isinstance(scale, tuple) else -scale


@operation(*_UNARY)
def function_of_one(op: Any, context: Context, x: Any) -> Value:
    layer, whole = _UNARY[type(op)]
    return unary(context, layer, x, whole=whole)


@operation(_NP.Add)
def add(op: Any, context: Context, x1: Any, x2: Any) -> Value:
    for x, other in ((x1, x2), (x2, x1)):
        found = _numbers(context, x, other)
        if found is not None:
            return scaled(context, x, 1.0, found[0], whole=found[1])
    return binary(context, nnspec.Add(), x1, x2, whole=True)


@operation(_NP.Subtract)
def subtract(op: Any, context: Context, x1: Any, x2: Any) -> Value:
    found = _numbers(context, x1, x2)
    if found is not None:
        return scaled(context, x1, 1.0, _negated(found[0]), whole=found[1])
    found = _numbers(context, x2, x1)
    if found is not None:
        return scaled(context, x2, -1.0, found[0], whole=found[1])
    return binary(context, nnspec.Subtract(), x1, x2, whole=True)


@operation(_NP.Multiply)
def multiply(op: Any, context: Context, x1: Any, x2: Any) -> Value:
    for x, other in ((x1, x2), (x2, x1)):
        found = _numbers(context, x, other)
        if found is not None:
            return scaled(context, x, found[0], whole=found[1])
        if is_variable(other) and other.trainable and _is_value(x) and _by_channel(context, x, other):
            return _channels_scaled(context, x, other)
    return binary(context, nnspec.Multiply(), x1, x2, whole=True)


def _by_channel(context: Context, x: Value, variable: Any) -> bool:
    operand = read(context, x)
    channels = operand.view.axis != operand.rank - 1 and len(operand.rest) > 0 and operand.dtype == "float"
    return channels and tuple(variable.shape) == operand.rest[-1:]


def _channels_scaled(context: Context, x: Value, variable: Any) -> Value:
    """A learned factor for each channel."""
    operand = read(context, x)
    letters = "abcdefghijklmnopqrstuvwxyz"[: len(operand.spec)]
    otherwise = nnspec.Einsum(f"{letters},{letters[0]}{letters[-1]}->{letters}")
    return owning(
        context, nnspec.LayerScale(), "scale", variable, x, (otherwise, lambda value: (x, value)), view=operand.view
    )


@operation(_NP.Divide, _NP.TrueDivide)
def divide(op: Any, context: Context, x1: Any, x2: Any) -> Value:
    found = _numbers(context, x1, x2)
    if found is not None and np.all(found[0]):
        scale = tuple(1 / x for x in found[0]) if isinstance(found[0], tuple) else 1 / found[0]
        return scaled(context, x1, scale)
    numerator = number(x1)
    if numerator == 1:
        return unary(context, nnspec.Reciprocal(), x2)
    return binary(context, nnspec.Divide(), x1, x2)


@operation(_NP.DivideNoNan)
def divide_no_nan(op: Any, context: Context, x1: Any, x2: Any) -> Value:
    zero = unary_test(context, nnspec.Equal(0.0), x2, part="zero")
    denominator = read(context, x2 if is_fixed(x2) else cast(context, read(context, x2).value, "float", "float")).value
    values, view = aligned(context, zero, 1.0, denominator)
    safe = done(context, nnspec.Where(), *values, view=view, part="denominator")
    quotient = binary(context, nnspec.Divide(), x1, safe, part="quotient")
    values, view = aligned(context, zero, 0.0, quotient)
    return done(context, nnspec.Where(), *values, view=view)


def unary_test(context: Context, layer: Layer, x: Any, *, part: str | None = None) -> Value:
    """A question about single elements, of booleans as of floats."""
    operand = read(context, x)
    given = cast(context, operand.value, "float", _within(part, "float")) if operand.dtype == "bool" else operand.value
    return done(context, layer, given, view=operand.view, part=part)


@operation(_NP.Power)
def power(op: Any, context: Context, x1: Any, x2: Any) -> Value:
    exponent, base = number(x2), number(x1)
    if exponent is not None and float(exponent) in _POWERS:
        return unary(context, _POWERS[float(exponent)], x1, whole=not isinstance(exponent, float) and exponent > 0)
    if base is not None and 0 < base < math.inf:
        exponents = scaled(context, x2, math.log(base), part="exponent")
        return unary(context, nnspec.Exp(), exponents)
    return binary(context, nnspec.Power(), x1, x2, whole=True)


@operation(_NP.Exp2)
def exp2(op: Any, context: Context, x: Any) -> Value:
    return unary(context, nnspec.Exp(), scaled(context, x, math.log(2), part="exponent"))


@operation(_MATH.Erfc)
def erfc(op: Any, context: Context, x: Any) -> Value:
    return scaled(context, unary(context, nnspec.Erf(), x, part="erf"), -1.0, 1.0)


@operation(_NP.Hypot)
def hypot(op: Any, context: Context, x1: Any, x2: Any) -> Value:
    squares = [unary(context, nnspec.Square(), x, part="square") for x in (x1, x2)]
    return unary(context, nnspec.Sqrt(), binary(context, nnspec.Add(), *squares, part="sum"))


@operation(_NP.Maximum, _NP.Fmax)
def maximum(op: Any, context: Context, x1: Any, x2: Any) -> Value:
    return _bounded(context, nnspec.Maximum(), "lower", x1, x2)


@operation(_NP.Minimum, _NP.Fmin)
def minimum(op: Any, context: Context, x1: Any, x2: Any) -> Value:
    return _bounded(context, nnspec.Minimum(), "upper", x1, x2)


def _bounded(context: Context, layer: Layer, bound: str, x1: Any, x2: Any) -> Value:
    for x, other in ((x1, x2), (x2, x1)):
        found = number(other)
        if found is not None and math.isfinite(found):
            clamp = nnspec.Clamp(float(found)) if bound == "lower" else nnspec.Clamp(upper=float(found))
            return unary(context, clamp, x, whole=not isinstance(found, float))
    return binary(context, layer, x1, x2, whole=True)


@operation(_NP.Clip)
def clip(op: Any, context: Context, x: Any) -> Value:
    if isinstance(op.x_min, keras.KerasTensor) or isinstance(op.x_max, keras.KerasTensor):
        raise refusal(context, "bounds that are computed", "use ops.maximum and ops.minimum")
    lower, upper = number(op.x_min), number(op.x_max)
    if lower is None or upper is None:
        at_least = binary(context, nnspec.Maximum(), x, op.x_min, whole=True, part="lower")
        return binary(context, nnspec.Minimum(), at_least, op.x_max, whole=True)
    least, most = (float(bound) if math.isfinite(bound) else None for bound in (lower, upper))
    return unary(context, nnspec.Clamp(least, most), x, whole=True)


@operation(_NP.Round)
def round_(op: Any, context: Context, x: Any) -> Value:
    if not op.decimals:
        return unary(context, nnspec.Round(), x, whole=True)
    shifted = scaled(context, x, 10.0**op.decimals, part="shifted")
    return scaled(context, unary(context, nnspec.Round(), shifted, part="rounded"), 10.0**-op.decimals)


@operation(*_BINARY)
def function_of_two(op: Any, context: Context, x1: Any, x2: Any) -> Value:
    layer, whole = _BINARY[type(op)]
    return binary(context, layer, x1, x2, whole=whole)
