"""StableHLO's operations on each element by itself in the reference, against XLA."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from nnspec.errors import SpecError
from nnspec.reference.stablehlo import run
from nnspec.stablehlo.module import numpy_dtype
from nnspec.stablehlo.operations import ELEMENTWISE
from nnspec.stablehlo.parser import parsed
from tests.reference.stablehlo_answers import comparison
from tests.reference.stablehlo_programs import agrees, array, one, several

pytest.importorskip("jax", reason="the jax backend is not installed")
pytestmark = pytest.mark.jax
RNG = np.random.default_rng(31)

UNARY = (
    *("abs", "ceil", "cbrt", "cosine", "exponential", "exponential_minus_one", "floor", "log", "log_plus_one"),
    *("logistic", "negate", "round_nearest_afz", "round_nearest_even", "rsqrt", "sign", "sine", "sqrt", "tan", "tanh"),
)
BINARY = ("add", "atan2", "divide", "maximum", "minimum", "multiply", "power", "remainder", "subtract")
COMPLEX_UNARY = tuple(n for n in UNARY if n not in ("ceil", "cbrt", "floor", "round_nearest_afz", "round_nearest_even"))
COMPLEX_BINARY = ("add", "atan2", "divide", "multiply", "power", "subtract")
INTEGER_BINARY = (
    *("add", "and", "divide", "maximum", "minimum", "multiply", "or", "remainder", "shift_left"),
    *("shift_right_arithmetic", "shift_right_logical", "subtract", "xor"),
)
INTEGER_UNARY = ("count_leading_zeros", "negate", "not", "popcnt")
DIRECTIONS = ("EQ", "NE", "GE", "GT", "LE", "LT")
# No denormal ones: XLA takes those for zero on CPUs.
_BELOW = 0.49999999999999994
NUMBERS = (0.0, -0.0, np.nan, np.inf, -np.inf, 2.5, -2.5, 3.5, _BELOW, -_BELOW, 1e30, -1.0, 1.0)
INTEGERS = [f"{sign}{bits}" for sign in ("i", "ui") for bits in (8, 16, 32, 64)]
TYPES = ("i1", *INTEGERS, "f32", "f64", "complex<f64>")
# The narrowest and the widest in every run, those between when all is asked for.
BETWEEN = ("i16", "i32", "ui16", "ui32")


def marked(kinds: Sequence[str]) -> list[Any]:
    return [pytest.param(kind, marks=pytest.mark.slow) if kind in BETWEEN else kind for kind in kinds]


def pairs(values: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Each value with each."""
    x, y = np.meshgrid(values, values)
    return x.ravel().copy(), y.ravel().copy()


def corners(kind: str) -> np.ndarray[Any, Any]:
    """The least and largest numbers of a type of integers, and those by which shifts are too wide."""
    dtype = numpy_dtype(kind)
    least, most, bits = np.iinfo(dtype).min, np.iinfo(dtype).max, dtype.itemsize * 8
    return np.array([least, least + 1, 0, 1, 2, 3, 7, bits - 1, bits, bits + 1, most // 3, most - 1, most], dtype)


def test_floats_one_by_one() -> None:
    x = np.array([*NUMBERS, *RNG.normal(size=7)])
    of = f"{x.size}xf64"
    lines = [(name, (0,), of, "") for name in UNARY]
    lines += [("is_finite", (0,), f"{x.size}xi1", ""), ("real", (0,), of, ""), ("imag", (0,), of, "")]
    agrees(several(lines, [of]), x, names=[name for name, *_ in lines])


def test_floats_with_floats() -> None:
    x, y = pairs([*NUMBERS, *RNG.normal(size=3)])
    of = f"{x.size}xf64"
    lines = [(name, (0, 1), of, "") for name in BINARY]
    names = [*BINARY]
    for kind, direction in itertools.product(("FLOAT", "TOTALORDER"), DIRECTIONS):
        lines.append(("compare", (0, 1), f"{x.size}xi1", comparison(direction, kind)))
        names.append(f"{direction} {kind}")
    agrees(several(lines, [of, of]), x, y, names=names)


def test_complex_numbers() -> None:
    x, y = (RNG.normal(size=10) + 1j * RNG.normal(size=10) for _ in range(2))
    x[0], y[1] = 0.5, 2j
    of = "10xcomplex<f64>"
    lines = [(name, (0,), "10xf64" if name == "abs" else of, "") for name in COMPLEX_UNARY]
    lines += [(name, (0,), "10xf64", "") for name in ("real", "imag")]
    lines += [(name, (0, 1), of, "") for name in COMPLEX_BINARY]
    lines += [("compare", (0, k), "10xi1", comparison(d, "FLOAT")) for d in ("EQ", "NE") for k in (0, 1)]
    agrees(several(lines, [of, of]), x, y, names=[name for name, *_ in lines])


def test_complex_numbers_from_parts() -> None:
    x = np.array([1.0, np.inf, -np.inf, np.nan, -0.0])
    agrees(one("complex", ["5xf64", "5xf64"], "5xcomplex<f64>"), x, x[::-1].copy())


@pytest.mark.parametrize("kind", marked(INTEGERS))
def test_integers(kind: str) -> None:
    """Wrapped around; division by zero and shifts that are too wide as XLA has them."""
    x, y = pairs(corners(kind))
    of = f"{x.size}x{kind}"
    unary = (*INTEGER_UNARY, *(("abs", "sign") if kind[0] == "i" else ()))
    order = "SIGNED" if kind[0] == "i" else "UNSIGNED"
    lines = [(name, (0, 1), of, "") for name in INTEGER_BINARY] + [(name, (0,), of, "") for name in unary]
    names = [*INTEGER_BINARY, *unary, *DIRECTIONS]
    lines += [("compare", (0, 1), f"{x.size}xi1", comparison(direction, order)) for direction in DIRECTIONS]
    agrees(several(lines, [of, of]), x, y, names=names)


@pytest.mark.parametrize("kind", marked(INTEGERS))
def test_powers_of_integers(kind: str) -> None:
    """XLA's are right for exponents of six bits."""
    x, y = pairs(corners(kind))
    small = np.abs(y.astype(float)) < 64
    x, y = x[small], y[small]
    of = f"{x.size}x{kind}"
    agrees(one("power", [of, of], of), x, y)


def test_powers_of_integers_wrap_around() -> None:
    of = "3xi64"
    (found,) = run(parsed(one("power", [of, of], of)), [np.array([3, 5, -7]), np.array([101, 64, 99])])
    exact = [pow(3, 101), pow(5, 64), pow(-7, 99)]
    assert found.tolist() == [(value + 2**63) % 2**64 - 2**63 for value in exact]


def test_booleans() -> None:
    x, y = pairs([False, True])
    names = ["add", "and", "maximum", "minimum", "multiply", "or", "xor"]
    lines = [(name, (0, 1), "4xi1", "") for name in names]
    lines += [("compare", (0, 1), "4xi1", comparison(direction, "UNSIGNED")) for direction in DIRECTIONS]
    lines.append(("not", (0,), "4xi1", ""))
    agrees(several(lines, ["4xi1", "4xi1"]), x, y)


@pytest.mark.parametrize("source", marked(TYPES))
def test_conversions(source: str) -> None:
    """Floats toward zero, to the nearest number that there is; integers by their last bits."""
    if source == "i1":
        x = np.array([False, True])
    elif source in INTEGERS:
        x = corners(source)
    else:
        x = array("9xf64", [0.0, -0.0, 1.9, -1.9, 254.5, -3e9, 2.0**40, 0.25, -129.0])
        x = x.astype(numpy_dtype(source)) + (1j if source[0] == "c" else 0)
        if source[0] == "f":
            x = np.concatenate([x, np.array([np.nan, np.inf, -np.inf, 1e20, -1e20], x.dtype)])
    lines = [("convert", (0,), f"{x.size}x{target}", "") for target in TYPES]
    # A float32 that is computed in float64 has more digits than XLA's.
    agrees(several(lines, [f"{x.size}x{source}"]), x, tolerance=1e-7, names=TYPES)


@pytest.mark.parametrize(
    ("given", "result"),
    [("3xf64", "3xi64"), ("3xi64", "3xf64"), ("2x3xf32", "2x3xui32"), ("2x3xi32", "2x3xf32"), ("3xbf16", "3xi16"),
     ("3xf16", "3xui16"), ("2x4xi8", "2xf32"), ("2x3xf64", "2x3x2xi32"), ("3x2xf16", "3xi32"), ("2xi32", "2x2xbf16"),
     ("2x2xf32", "2xf64"), ("3xf64", "3x8xui8"), ("2xi1", "2xi1")],
)  # fmt: skip
def test_bits(given: str, result: str) -> None:
    """Those of the type in the program, whatever floats are computed in; numbers that every type has."""
    x = array(given, np.arange(1, 1 + np.prod([int(n) for n in given.split("x")[:-1]])).reshape(
        [int(n) for n in given.split("x")[:-1]]) * 1.5)  # fmt: skip
    agrees(one("bitcast_convert", [given], result), x)


@pytest.mark.parametrize(
    ("exponent", "mantissa"), [(5, 10), (8, 7), (8, 23), (3, 2), (11, 20), (11, 52), (5, 0), (2, 30)]
)
def test_precisions(exponent: int, mantissa: int) -> None:
    x = np.array([*NUMBERS, *RNG.normal(size=40) * 10.0 ** RNG.integers(-9, 9, size=40), 65504, 65519.9, 65520, 6.1e-5,
                  6.0e-5, 1 + 2.0**-11, 1 + 3 * 2.0**-11, 0.25, 0.2499, 15.9, 3.99])  # fmt: skip
    of = f"{x.size}xf64"
    agrees(one("reduce_precision", [of], of, f"exponent_bits = {exponent} : i32, mantissa_bits = {mantissa} : i32"), x)
    half = x.astype(np.float32)
    (found,) = run(parsed(one("reduce_precision", [f"{x.size}xf32"], f"{x.size}xf32",
                              f"exponent_bits = {exponent} : i32, mantissa_bits = {mantissa} : i32")), [half],
                   np.float32)  # fmt: skip
    assert found.dtype == np.float32
    finite = np.abs(half) < 1e30
    wide = run(parsed(one("reduce_precision", [of], of,
                          f"exponent_bits = {min(exponent, 8)} : i32, mantissa_bits = {min(mantissa, 23)} : i32")),
               [half.astype(np.float64)])[0]  # fmt: skip
    np.testing.assert_array_equal(found[finite], wide[finite])


def test_choices() -> None:
    x, y = RNG.normal(size=(2, 3, 4))
    x[0, 0] = np.nan
    mask, low, high = x > 0, np.float64(-0.5), np.float64(0.25)
    types = ["3x4xf64", "3x4xf64", "3x4xi1", "f64", "f64", "i1"]
    lines = [("select", (2, 0, 1), "3x4xf64", ""), ("select", (5, 0, 1), "3x4xf64", ""),
             ("clamp", (3, 0, 4), "3x4xf64", ""), ("clamp", (1, 0, 4), "3x4xf64", ""),
             ("clamp", (3, 0, 1), "3x4xf64", "")]  # fmt: skip
    agrees(several(lines, types), x, y, mask, low, high, np.bool_(False))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (one("add", ["3xf32", "3xf64"], "3xf32"), r"add: expected operands of one type"),
        (one("add", ["3xf32", "1xf32"], "3xf32"), r"add: expected operands of one type"),
        (one("add", ["3xf32", "3xf32"], "4xf32"), r"add: expected operands of one type"),
        (one("add", ["3xf32", "3xf32"], "3xbf16"), r"add: the result of tensor<3xf32> is not tensor<3xbf16>"),
        (one("negate", ["3xi1"], "3xi1"), r"negate: this operation is none on numbers of the type i1"),
        (one("abs", ["3xui8"], "3xui8"), r"abs: this operation is none"),
        (one("ceil", ["3xi32"], "3xi32"), r"ceil: this operation is none"),
        (one("and", ["3xf32", "3xf32"], "3xf32"), r"and: this operation is none"),
        (one("tanh", ["3xf32"], "3xi32"), r"tanh: the result is of the type float64"),
        (one("compare", ["3xf32", "3xf32"], "3xi1"), r"compare: the attribute comparison_direction is missing"),
        (one("compare", ["3xf32", "3xf32"], "3xi1", 'comparison_direction = "XX"'), r"compare: .* expected one of"),
        (one("select", ["2xi1", "3xf32", "3xf32"], "3xf32"), r"select: expected a choice"),
        (one("clamp", ["2xf32", "3xf32", "f32"], "3xf32"), r"clamp: expected bounds"),
        (one("convert", ["3xf32"], "2xi32"), r"convert: .* cannot be converted"),
        (one("bitcast_convert", ["3xf32"], "3xi64"), r"bitcast_convert: the bits"),
        (one("bitcast_convert", ["f32"], "i64"), r"bitcast_convert"),
        (one("bitcast_convert", ["2xi1"], "2xi8"), r"bitcast_convert"),
        (one("complex", ["2xi32", "2xi32"], "2xcomplex<f32>"), r"complex: expected two parts"),
        (one("reduce_precision", ["2xf32"], "2xf32", "exponent_bits = 5 : i32"), r"mantissa_bits is missing"),
        (one("reduce_precision", ["2xf32"], "2xf32", "exponent_bits = 0 : i32, mantissa_bits = 3 : i32"), r"no type"),
        (one("add", ["2xf32"], "2xf32"), r"add .*cannot be computed"),
    ],
)  # fmt: skip
def test_what_is_ill_typed_is_told(text: str, why: str) -> None:
    module = parsed(text)
    with pytest.raises(SpecError, match=why):
        run(module, [np.ones(of.shape, numpy_dtype(of.dtype)) for of in module.main.types])


def test_each_is_tried() -> None:
    tried = {*UNARY, *BINARY, *INTEGER_BINARY, *INTEGER_UNARY, "is_finite", "real", "imag", "complex", "compare"}
    assert tried | {"convert", "reduce_precision", "select", "clamp"} == ELEMENTWISE
