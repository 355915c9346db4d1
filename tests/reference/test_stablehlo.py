"""StableHLO programs in the reference: StableHLO's own numbers, and the layer that holds a program."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import SpecError
from nnspec.reference.stablehlo import run
from nnspec.reference.stablehlo.evaluate import RULES
from nnspec.stablehlo.operations import OPERATIONS
from nnspec.stablehlo.parser import parsed
from tests.reference.single import single, value
from tests.reference.stablehlo_answers import ANSWERS, Answer
from tests.reference.stablehlo_programs import array, body, line, main, one

RNG = np.random.default_rng(30)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: f"{answer.source}: {answer.name}")
def test_as_stablehlos_interpreter_has_it(answer: Answer) -> None:
    found = run(parsed(answer.text), [array(of, x) for of, x in answer.given])
    for y, (of, expected) in zip(found, answer.expected, strict=True):
        wanted = array(of, expected)
        if y.dtype.kind in "biu":
            assert y.dtype == wanted.dtype
            np.testing.assert_array_equal(y, wanted)
        else:
            np.testing.assert_allclose(y, wanted.astype(y.dtype), answer.near, answer.near)
            if y.dtype.kind == "f":  # which zero it is, too
                np.testing.assert_array_equal(np.signbit(y[wanted == 0]), np.signbit(wanted[wanted == 0]))


def test_all_is_computed_in_float32_where_that_is_asked_for() -> None:
    """The same numbers with fewer digits; those on the bits of float64 apart."""
    for answer in ANSWERS:
        if answer.name in ("bitcast_convert", "compare"):
            continue
        module = parsed(answer.text)
        given = [array(of, x) for of, x in answer.given]
        for y, wide in zip(run(module, given, np.float32), run(module, given), strict=True):
            assert y.dtype == {np.dtype(np.float64): np.float32, np.dtype(np.complex128): np.complex64}.get(
                wide.dtype, wide.dtype
            )
            with np.errstate(over="ignore"):
                np.testing.assert_allclose(y, wide.astype(y.dtype), 1e-5, 1e-5)


def test_zeros_of_both_signs() -> None:
    """IEEE 754-2019, maximum and minimum: 0 is larger than −0, and NaN is given on."""
    x, y = np.array([0.0, -0.0, -0.0, np.nan, 1.0]), np.array([-0.0, 0.0, -0.0, 1.0, np.nan])
    (larger,) = run(parsed(one("maximum", ["5xf64", "5xf64"], "5xf64")), [x, y])
    (smaller,) = run(parsed(one("minimum", ["5xf64", "5xf64"], "5xf64")), [x, y])
    assert np.signbit(larger[:3]).tolist() == [False, False, True] and np.isnan(larger[3:]).all()
    assert np.signbit(smaller[:3]).tolist() == [True, True, True] and np.isnan(smaller[3:]).all()


def test_every_operation_has_a_meaning() -> None:
    assert set(RULES) == OPERATIONS | {"custom_call"}


# Floats of several widths


def test_constants_keep_the_value_that_they_have() -> None:
    text = main('%c = "stablehlo.constant"() <{value = dense<1.000000e-01> : tensor<bf16>}> : () -> tensor<bf16>\n'
                '%r = "stablehlo.convert"(%c) : (tensor<bf16>) -> tensor<f64>\n'
                '"func.return"(%r) : (tensor<f64>) -> ()', [], ["f64"])  # fmt: skip
    (found,) = run(parsed(text), [])
    assert found == float(ml_dtypes.bfloat16(0.1)) != 0.1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("declared", ["f16", "bf16", "f32", "f64"])
def test_floats_are_computed_in_one_type(declared: str, dtype: Any) -> None:
    """Nothing is rounded between, and nothing is too large for the type that is declared."""
    of = f"3x{declared}"
    text = main("\n".join((line("multiply", [("%a0", of)] * 2, ("%b", of)), line("sqrt", [("%b", of)], ("%r", of)),
                           f'"func.return"(%r) : (tensor<{of}>) -> ()')), [of], [of])  # fmt: skip
    x = np.array([300.1, 1e-3, 7.0], dtype)
    (found,) = run(parsed(text), [x], dtype)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.sqrt(x * x))


def test_bits_are_those_of_the_type_that_is_declared() -> None:
    (found,) = run(parsed(one("bitcast_convert", ["2xbf16"], "2xui16")), [np.array([1.0, 1.00390625])])
    assert found.tolist() == [0x3F80, 0x3F80]
    (back,) = run(parsed(one("bitcast_convert", ["2xui16"], "2xbf16")), [np.array([0x3F80, 0x4049], np.uint16)])
    assert back.dtype == np.float64 and back.tolist() == [1.0, 3.140625]


# The layer

_SQUARE = (
    '%s = "stablehlo.dot_general"(%a0, %a1) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = \
[1], rhs_contracting_dimensions = [0]>}> : (tensor<1x3xf32>, tensor<3x2xf32>) -> tensor<1x2xf32>\n'
)
TWO = main(
    _SQUARE + '%z = "stablehlo.constant"() <{value = dense<0.000000e+00> : tensor<f32>}> : () -> tensor<f32>\n'
    '%i = "stablehlo.constant"() <{value = dense<0> : tensor<i64>}> : () -> tensor<i64>\n'
    '%o = "stablehlo.constant"() <{value = dense<4294967297> : tensor<1xi64>}> : () -> tensor<1xi64>\n'
    '%m = "stablehlo.compare"(%s, %s) <{comparison_direction = #stablehlo<comparison_direction EQ>}> : '
    "(tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xi1>\n"
    '"func.return"(%s, %o, %m) : (tensor<1x2xf32>, tensor<1xi64>, tensor<1x2xi1>) -> ()',
    ["1x3xf32", "3x2xf32"],
    ["1x2xf32", "1xi64", "1x2xi1"],
)


def test_each_example_by_itself() -> None:
    x, w = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2))
    found = value(nn.StableHLO(TWO, variables=("w",)), x, variables={"w": w})
    np.testing.assert_allclose(found, x @ w, 1e-14)
    assert value(nn.StableHLO(TWO, variables=("w",)), x[:0], variables={"w": w}).shape == (0, 2)
    half = single(nn.StableHLO(TWO, variables=("w",)), x, variables={"w": w}, dtype=ml_dtypes.bfloat16)
    rounded = x.astype(ml_dtypes.bfloat16).astype(np.float32) @ w.astype(ml_dtypes.bfloat16).astype(np.float32)
    np.testing.assert_array_equal(half.outputs["node"], rounded.astype(ml_dtypes.bfloat16))


def test_what_leaves_the_program() -> None:
    """Floats, booleans, and else int32, whatever width the program has."""
    x, w = RNG.normal(size=(2, 3)), RNG.normal(size=(3, 2))
    whole, mask = (value(nn.StableHLO(TWO, variables=("w",), output=i), x, variables={"w": w}) for i in (1, 2))
    assert (whole.dtype, whole.tolist()) == (np.int32, [1, 1])
    assert (mask.dtype, mask.tolist()) == (np.bool_, [[True, True]] * 2)
    assert value(nn.StableHLO(TWO, variables=("w",), output=1), x[:0], variables={"w": w}).dtype == np.int32


def test_whole_numbers_that_are_too_large_wrap_around() -> None:
    text = one("not", ["1x2xui64"], "1x2xui64")
    assert value(nn.StableHLO(text), np.array([[5, -3]], np.int32)).tolist() == [[-6, 2]]


@pytest.mark.parametrize("kind", ["ui8", "i64"])
def test_whole_numbers_have_the_width_of_the_program(kind: str) -> None:
    text = one("add", [f"1x2x{kind}", f"1x2x{kind}"], f"1x2x{kind}")
    x = np.array([[200, 3]], np.int32)
    found = value(nn.StableHLO(text, inputs=2), x, x)
    assert found.dtype == np.int32 and found.tolist() == [[144 if kind == "ui8" else 400, 6]]


def test_an_error_names_the_operation() -> None:
    text = one("reshape", ["1x3xf32"], "1x4xf32")
    with pytest.raises(SpecError, match=r"reshape of \(tensor<1x3xf32>\) cannot be computed"):
        value(nn.StableHLO(text), np.ones((2, 3)))


def test_arguments_are_as_declared() -> None:
    module = parsed(one("add", ["2xf32", "2xf32"], "2xf32"))
    with pytest.raises(SpecError, match="2 arguments is given 1"):
        run(module, [np.ones(2)])
    with pytest.raises(SpecError, match=r"tensor<2xf32> is given an array of the shape \(3,\)"):
        run(module, [np.ones(3), np.ones(3)])


def test_an_error_within_a_body_names_both() -> None:
    text = one("reduce", ["3x2xf32", "f32"], "3xf32", "dimensions = array<i64: 1>", [body("shift_left", "f32")])
    with pytest.raises(SpecError, match="reduce: shift_left: this operation is none on numbers of the type f32"):
        run(parsed(text), [np.ones((3, 2)), np.float64(0)])
