"""Operations on each element by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnspec.errors import SpecError
from nnspec.reference.base import Array
from nnspec.reference.stablehlo.evaluate import Call, rule
from nnspec.stablehlo.module import FLOATS

Function = Callable[..., Any]


def kind(dtype: str) -> str:
    """Whether a type is of booleans, signed or unsigned integers, floats or complex numbers: b, i, u, f or c."""
    return "f" if dtype in FLOATS else "b" if dtype == "i1" else dtype[0]


def _same(call: Call) -> None:
    """Operands and the result are of one shape, operands of one type."""
    if any(of.shape != call.result.shape or of.dtype != call.given[0].dtype for of in call.given):
        raise SpecError(f"expected operands of one type, got {', '.join(map(str, call.given))} for {call.result}")


def _elementwise(name: str, kinds: str, function: Function) -> None:
    """An operation on numbers of these kinds; the other kinds it does not have."""

    @rule(name)
    def compute(call: Call, *operands: Array) -> Array:
        _same(call)
        if kind(call.given[0].dtype) not in kinds:
            raise SpecError(f"this operation is none on numbers of the type {call.given[0].dtype}")
        if kind(call.result.dtype) == kind(call.given[0].dtype) and call.result.dtype != call.given[0].dtype:
            raise SpecError(f"the result of {call.given[0]} is not {call.result}")
        return np.asarray(function(*operands))


def _unsigned(x: Array) -> Array:
    """The same bits as unsigned numbers."""
    return x.view(f"uint{x.itemsize * 8}")


# Numbers


def _sign(x: Array) -> Any:
    """−1 or 1, of floats also ±0 and NaN for themselves; x / |x| of complex numbers, and 0 of 0, NaN of NaN."""
    if x.dtype.kind == "c":
        unit = np.where(x == 0, 0, x / np.abs(x))
        return np.where(np.isnan(x), complex(np.nan, np.nan), unit).astype(x.dtype)
    return np.sign(x) if x.dtype.kind == "i" else np.where((x == 0) | np.isnan(x), x, np.sign(x))


def _divide(x: Array, y: Array) -> Any:
    """The quotient, of integers without what is behind the point; as XLA has it, x / 0 has all bits set."""
    if x.dtype.kind not in "iu":
        return x / y
    # −1 is set aside with 0: the smallest number has no counterpart, and negation wraps around.
    apart = (y == 0) | (y == -1) if x.dtype.kind == "i" else y == 0
    safe = np.where(apart, 1, y).astype(x.dtype)
    quotient = (x - np.fmod(x, safe)) // safe
    quotient = np.where(apart, np.negative(x), quotient)
    return np.where(y == 0, np.invert(np.zeros_like(x)), quotient)


def _remainder(x: Array, y: Array) -> Any:
    """x − y·trunc(x / y): the sign is that of x; of integers x where y is 0, as XLA has it."""
    if x.dtype.kind not in "iu":
        return np.fmod(x, y)
    apart = (y == 0) | (y == -1) if x.dtype.kind == "i" else y == 0
    rest = np.fmod(x, np.where(apart, 1, y).astype(x.dtype))
    return np.where(y == 0, x, rest)


def _power(x: Array, y: Array) -> Any:
    """x to the power of y. Of integers the exact power, wrapped around; for y < 0 the inverse without its fraction."""
    if x.dtype.kind not in "iu":
        return np.power(x, y)
    left, base, result = np.where(y < 0, 0, y).astype(y.dtype), x, np.ones_like(x)
    while (left > 0).any():
        result = np.where(left & 1 == 1, result * base, result)
        base, left = base * base, left >> 1
    inverse = np.where(x == 1, 1, np.where(x == -1, np.where(y & 1 == 1, -1, 1), 0)) if x.dtype.kind == "i" else result
    return np.where(y < 0, inverse, result).astype(x.dtype)


def _larger(x: Array, y: Array) -> Any:
    """The larger one; NaN if either is NaN; 0 is larger than −0; complex numbers by the real part, then the other."""
    if x.dtype.kind == "c":
        return np.where(_compared("GE", x, y), x, y)
    return _zeros(np.maximum(x, y), x, y, True)


def _smaller(x: Array, y: Array) -> Any:
    if x.dtype.kind == "c":
        return np.where(_compared("LE", x, y), x, y)
    return _zeros(np.minimum(x, y), x, y, False)


def _zeros(found: Any, x: Array, y: Array, positive: bool) -> Any:
    """Of two zeros the positive one, or the negative one."""
    if x.dtype.kind != "f":
        return found
    return np.where((x == 0) & (y == 0), np.where(np.signbit(x) == positive, y, x), found)


def _from_zero(x: Array) -> Any:
    """The nearest whole number; of two as near the one farther from zero."""
    whole = np.trunc(x)
    return np.copysign(np.where(np.abs(x - whole) >= 0.5, whole + np.sign(x), whole), x)


def _logistic(x: Array) -> Any:
    return 1 / (1 + np.exp(-x))


def _cube_root(x: Array) -> Any:
    """The real cube root; of complex numbers exp(log(x) / 3)."""
    return np.where(x == 0, 0, np.exp(np.log(x) / 3)).astype(x.dtype) if x.dtype.kind == "c" else np.cbrt(x)


def _angle(y: Array, x: Array) -> Any:
    """The angle of the point (x, y); of complex numbers −i log((x + iy) / √(x² + y²))."""
    if x.dtype.kind != "c":
        return np.arctan2(y, x)
    i = x.dtype.type(1j)
    return -i * np.log((x + i * y) / np.sqrt(x * x + y * y))


_NUMBERS: tuple[tuple[str, str, Function], ...] = (
    ("abs", "ifc", np.abs),
    ("add", "biufc", np.add),  # of booleans: or
    ("subtract", "iufc", np.subtract),
    ("multiply", "biufc", np.multiply),  # of booleans: and
    ("divide", "iufc", _divide),
    ("remainder", "iuf", _remainder),
    ("power", "iufc", _power),
    ("maximum", "biufc", _larger),
    ("minimum", "biufc", _smaller),
    ("negate", "iufc", np.negative),
    ("sign", "ifc", _sign),
    ("atan2", "fc", _angle),
    ("cbrt", "fc", _cube_root),
    ("ceil", "f", np.ceil),
    ("floor", "f", np.floor),
    ("round_nearest_afz", "f", _from_zero),
    ("round_nearest_even", "f", np.rint),
    ("cosine", "fc", np.cos),
    ("sine", "fc", np.sin),
    ("tan", "fc", np.tan),
    ("tanh", "fc", np.tanh),
    ("exponential", "fc", np.exp),
    ("exponential_minus_one", "fc", np.expm1),
    ("log", "fc", np.log),
    ("log_plus_one", "fc", np.log1p),
    ("logistic", "fc", _logistic),
    ("sqrt", "fc", np.sqrt),
    ("rsqrt", "fc", lambda x: 1 / np.sqrt(x)),
    ("is_finite", "f", np.isfinite),
    ("real", "fc", np.real),
    ("imag", "fc", np.imag),
)


# Bits


def _leading_zeros(x: Array) -> Any:
    """How many zeros stand before the first one: the width, less as many halvings as there are until 0."""
    left, count = _unsigned(x), np.full(x.shape, x.itemsize * 8, x.dtype)
    for _ in range(x.itemsize * 8):
        count = count - (left > 0)
        left = left >> 1
    return count.astype(x.dtype)


def _shifted(function: Function, view: Callable[[Array], Array], beyond: Function) -> Function:
    """A shift; one by the width or more, or by less than 0, which counts as more, shifts all bits out."""

    def compute(x: Array, by: Array) -> Any:
        fits = _unsigned(by) < x.itemsize * 8
        moved = function(view(x), view(np.where(fits, by, 0).astype(x.dtype))).view(x.dtype)
        return np.where(fits, moved, beyond(x)).astype(x.dtype)

    return compute


def _of_sign(x: Array) -> Any:
    """All bits as the sign's, of any type."""
    signed = x.view(f"int{x.itemsize * 8}")
    return np.where(signed < 0, -1, 0).astype(signed.dtype).view(x.dtype)


def _signed(x: Array) -> Array:
    return x.view(f"int{x.itemsize * 8}")


_BITS: tuple[tuple[str, str, Function], ...] = (
    ("and", "biu", np.bitwise_and),
    ("or", "biu", np.bitwise_or),
    ("xor", "biu", np.bitwise_xor),
    ("not", "biu", np.invert),
    ("popcnt", "iu", lambda x: np.bitwise_count(_unsigned(x)).astype(x.dtype)),
    ("count_leading_zeros", "iu", _leading_zeros),
    ("shift_left", "iu", _shifted(np.left_shift, _unsigned, np.zeros_like)),
    ("shift_right_logical", "iu", _shifted(np.right_shift, _unsigned, np.zeros_like)),
    ("shift_right_arithmetic", "iu", _shifted(np.right_shift, _signed, _of_sign)),
)
for _name, _kinds, _function in _NUMBERS + _BITS:
    _elementwise(_name, _kinds, _function)


# Choices

_DIRECTIONS: dict[str, Function] = {
    "EQ": np.equal,
    "NE": np.not_equal,
    "GE": np.greater_equal,
    "GT": np.greater,
    "LE": np.less_equal,
    "LT": np.less,
}


def total_order(x: Array) -> Array:
    """Whole numbers in the order −NaN < −∞ < … < −0 < 0 < … < ∞ < NaN that IEEE 754 calls totalOrder."""
    bits = x.view(f"int{x.itemsize * 8}")
    return np.where(bits < 0, np.iinfo(bits.dtype).max ^ bits, bits)


def _compared(direction: str, x: Array, y: Array) -> Any:
    """A comparison; of complex numbers the order is that of the real parts, then that of the imaginary ones."""
    if x.dtype.kind != "c" or direction in ("EQ", "NE"):
        return _DIRECTIONS[direction](x, y)
    first = _DIRECTIONS[direction[0] + "T"](x.real, y.real)
    return first | ((x.real == y.real) & _DIRECTIONS[direction](x.imag, y.imag))


@rule("compare")
def compare(call: Call, x: Array, y: Array) -> Array:
    _same(call)
    direction = call.attribute("comparison_direction")
    if direction not in _DIRECTIONS:
        raise SpecError(f"comparison_direction is {direction!r}: expected one of {', '.join(_DIRECTIONS)}")
    if kind(call.given[0].dtype) == "f" and call.attribute("compare_type", "FLOAT") == "TOTALORDER":
        x, y = total_order(x), total_order(y)
    return np.asarray(_compared(direction, x, y))


@rule("select")
def select(call: Call, which: Array, true: Array, false: Array) -> Array:
    """The second operand where the first is true, else the third; the first may be one for all."""
    first, *others = call.given
    if first.dtype != "i1" or any(of != call.result for of in others) or first.shape not in ((), call.result.shape):
        raise SpecError(f"expected a choice of {call.result}, got {', '.join(map(str, call.given))}")
    return np.where(which, true, false)


@rule("clamp")
def clamp(call: Call, low: Array, x: Array, high: Array) -> Array:
    """min(max(x, low), high); the bounds may be one for all."""
    for of in call.given:
        if of.dtype != call.result.dtype or of.shape not in ((), call.result.shape):
            raise SpecError(f"expected bounds of {call.result}, got {', '.join(map(str, call.given))}")
    bounded = _smaller(*np.broadcast_arrays(_larger(*np.broadcast_arrays(x, low)), high))
    return np.asarray(bounded)
