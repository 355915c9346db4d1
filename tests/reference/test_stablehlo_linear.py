"""StableHLO's sums of products and linear algebra in the reference, against XLA."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest

from nnspec.errors import SpecError
from nnspec.reference.stablehlo import run
from nnspec.stablehlo.module import Type, numpy_dtype
from nnspec.stablehlo.parser import parsed
from tests.reference.stablehlo_programs import agrees, by_xla, one, several

pytest.importorskip("jax", reason="the jax backend is not installed")
pytestmark = pytest.mark.jax
RNG = np.random.default_rng(33)


def drawn(of: Type) -> np.ndarray[Any, Any]:
    """Random numbers of a type, whole ones small."""
    dtype = numpy_dtype(of.dtype)
    if dtype.kind in "biu":
        return RNG.integers(0 if dtype.kind != "i" else -100, 100, size=of.shape).astype(dtype)
    x = RNG.normal(size=of.shape) + (1j * RNG.normal(size=of.shape) if dtype.kind == "c" else 0)
    return np.asarray(x).astype(dtype)


def agrees_on_random_numbers(text: str, tolerance: float = 1e-11) -> None:
    agrees(text, *map(drawn, parsed(text).main.types), tolerance=tolerance)


# Types of the operands and the result; axes.
DOTS = {
    "matrices": ("3x4xf64", "4x5xf64", "3x5xf64", "lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]"),
    "batches": ("4x2x3xf64", "5x3x2xf64", "2x4x5xf64", "lhs_batching_dimensions = [1], rhs_batching_dimensions = [2], "
                "lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [1]"),
    "two of each": ("2x3x4x5x6xf64", "5x3x4x2x7xf64", "3x2x6x7xf64", "lhs_batching_dimensions = [1, 0], "
                    "rhs_batching_dimensions = [1, 3], lhs_contracting_dimensions = [3, 2], "
                    "rhs_contracting_dimensions = [0, 2]"),
    "nothing is summed": ("2x3xf64", "4xf64", "2x3x4xf64", ""),
    "all is summed": ("2x3xf64", "3x2xf64", "f64", "lhs_contracting_dimensions = [0, 1], rhs_contracting_dimensions = "
                      "[1, 0]"),
    "a sum of nothing": ("2x0xf64", "0x3xf64", "2x3xf64", "lhs_contracting_dimensions = [1], "
                         "rhs_contracting_dimensions = [0]"),
    "complex": ("3x4xcomplex<f64>", "5x4xcomplex<f64>", "3x5xcomplex<f64>", "lhs_contracting_dimensions = [1], "
                "rhs_contracting_dimensions = [1]"),
    "integers that wrap around": ("3x9xi8", "9x2xi8", "3x2xi8", "lhs_contracting_dimensions = [1], "
                                  "rhs_contracting_dimensions = [0]"),
    "a wider result": ("3x9xi8", "9x2xi8", "3x2xi32", "lhs_contracting_dimensions = [1], rhs_contracting_dimensions = "
                       "[0]"),
}  # fmt: skip


@pytest.mark.parametrize("name", DOTS)
def test_dot_general(name: str) -> None:
    left, right, result, axes = DOTS[name]
    agrees_on_random_numbers(
        one("dot_general", [left, right], result, f"dot_dimension_numbers = #stablehlo.dot<{axes}>")
    )


def convolution(
    numbers: str, stride: Any = None, pad: Any = None, inner: Any = None, dilation: Any = None, turned: Any = None,
    features: int = 1, batch: int = 1,
) -> str:  # fmt: skip
    parts = [f"dimension_numbers = #stablehlo.conv<{numbers}>, feature_group_count = {features} : i64",
             f"batch_group_count = {batch} : i64"]  # fmt: skip
    for name, given in (("window_strides", stride), ("lhs_dilation", inner), ("rhs_dilation", dilation)):
        if given:
            parts.append(f"{name} = array<i64: {', '.join(map(str, given))}>")
    if pad:
        parts.append(f"padding = dense<{[list(one) for one in pad]}> : tensor<{len(pad)}x2xi64>")
    if turned:
        parts.append(f"window_reversal = array<i1: {', '.join(str(one).lower() for one in turned)}>")
    return ", ".join(parts)


CONVOLUTIONS = {
    "plain": ("2x7x3xf64", "4x3x5xf64", "2x4x5xf64", convolution("[b, 0, f]x[0, i, o]->[b, 0, f]")),
    "strides and padding": ("2x9x8x3xf64", "2x3x3x5xf64", "2x5x3x5xf64", convolution(
        "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]", (2, 3), ((1, 0), (0, 2)))),
    "padding that cuts": ("2x9x3xf64", "3x3x2xf64", "2x6x2xf64", convolution(
        "[b, 0, f]x[0, i, o]->[b, 0, f]", None, ((-2, 1),))),
    "dilations": ("2x5x4x3xf64", "2x3x3x2xf64", "2x7x8x2xf64", convolution(
        "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]", None, ((1, 0), (3, 1)), (2, 3), (3, 3))),
    "other orders": ("3x8x2x6xf64", "5x3x2x4xf64", "5x7x2x3xf64", convolution(
        "[f, 0, b, 1]x[o, i, 0, 1]->[o, 0, b, 1]".replace("->[o", "->[f"))),
    "turned over": ("2x7x6x3xf64", "2x3x3x5xf64", "2x6x4x5xf64", convolution(
        "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]", turned=(True, False))),
    "groups of features": ("2x7x6xf64", "3x2x9xf64", "2x5x9xf64", convolution(
        "[b, 0, f]x[0, i, o]->[b, 0, f]", features=3)),
    "groups of the batch": ("6x7x2xf64", "3x2x9xf64", "2x5x9xf64", convolution(
        "[b, 0, f]x[0, i, o]->[b, 0, f]", batch=3)),
    "everything": ("4x7x5x6xf64", "3x2x9x2xf64", "4x3x9x4xf64", convolution(
        "[b, 0, 1, f]x[0, 1, o, i]->[b, 1, f, 0]", (3, 2), ((2, -1), (1, 1)), (2, 1), (2, 2), (True, False), 3)),
    "no axes of space": ("3x4xf64", "4x5xf64", "3x5xf64", convolution("[b, f]x[i, o]->[b, f]")),
    "no windows": ("2x2x3xf64", "4x3x5xf64", "2x0x5xf64", convolution("[b, 0, f]x[0, i, o]->[b, 0, f]")),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution(name: str) -> None:
    left, right, result, attributes = CONVOLUTIONS[name]
    agrees_on_random_numbers(one("convolution", [left, right], result, attributes))


@pytest.mark.parametrize(
    ("kind", "given", "result", "length"),
    [("FFT", "2x5x4xcomplex<f64>", "2x5x4xcomplex<f64>", (4,)), ("FFT", "2x5x4xcomplex<f64>", "2x5x4xcomplex<f64>",
      (2, 5, 4)), ("IFFT", "3x5xcomplex<f64>", "3x5xcomplex<f64>", (5,)), ("IFFT", "3x5x2xcomplex<f64>",
      "3x5x2xcomplex<f64>", (5, 2)), ("RFFT", "2x7xf64", "2x4xcomplex<f64>", (7,)), ("RFFT", "2x3x6xf64",
      "2x3x4xcomplex<f64>", (3, 6)), ("IRFFT", "2x4xcomplex<f64>", "2x7xf64", (7,)), ("IRFFT", "2x3x4xcomplex<f64>",
      "2x3x6xf64", (2, 3, 6))],
)  # fmt: skip
def test_fft(kind: str, given: str, result: str, length: tuple[int, ...]) -> None:
    attributes = f"fft_length = array<i64: {', '.join(map(str, length))}>, fft_type = #stablehlo<fft_type {kind}>"
    agrees_on_random_numbers(one("fft", [given], result, attributes))


@pytest.mark.parametrize("kind", ["f64", "complex<f64>"])
@pytest.mark.parametrize("lower", [False, True])
def test_cholesky(kind: str, lower: bool) -> None:
    of = f"2x4x4x{kind}"
    text = one("cholesky", [of], of, f"lower = {str(lower).lower()}")
    (type_,) = parsed(text).main.types
    a = drawn(type_)
    a = a @ a.conj().swapaxes(-1, -2) + np.eye(4)
    # The other triangle is not read, and what is left there is open.
    kept = np.tril if lower else np.triu
    (found,) = run(parsed(text), [kept(a)])
    np.testing.assert_allclose(found, kept(by_xla(text, a)[0]), 1e-11)
    product = found @ found.conj().swapaxes(-1, -2) if lower else found.conj().swapaxes(-1, -2) @ found
    np.testing.assert_allclose(product, a, 1e-11)
    a[1, 2, 2] = -1
    (found,) = run(parsed(text), [a])
    assert np.isfinite(found[0]).all() and np.isnan(found[1]).any()


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("kind", [pytest.param("f64", marks=pytest.mark.slow), "complex<f64>"])
def test_triangular_solve(kind: str, left: bool) -> None:
    given, lines = [f"2x3x3x{kind}", f"2x{'3x4' if left else '4x3'}x{kind}"], []
    for lower, unit, turned in itertools.product(
        ("true", "false"), ("true", "false"), ("NO_TRANSPOSE", "TRANSPOSE", "ADJOINT")
    ):
        attributes = f"left_side = {str(left).lower()}, lower = {lower}, unit_diagonal = {unit}, "
        attributes += f"transpose_a = #stablehlo<transpose {turned}>"
        lines.append(("triangular_solve", (0, 1), given[1], attributes))
    text = several(lines, given)
    a, b = map(drawn, parsed(text).main.types)
    agrees(text, a + 3 * np.eye(3), b, names=[attributes for *_, attributes in lines])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_batch_norm_inference(axis: int) -> None:
    sizes = ["2x3x4xf64", *[f"{(2, 3, 4)[axis]}xf64"] * 4]
    text = one("batch_norm_inference", sizes, sizes[0], f"epsilon = 1.250000e-01 : f32, feature_index = {axis} : i64")
    x, scale, offset, mean, variance = map(drawn, parsed(text).main.types)
    agrees(text, x, scale, offset, mean, np.abs(variance))


MATRICES = "dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>"
LINE = "[b, 0, f]x[0, i, o]->[b, 0, f]"
SOLVE = "left_side = true, lower = true, unit_diagonal = false, transpose_a = #stablehlo<transpose NO_TRANSPOSE>"
ILL = [
    ("dot_general", ["2x3xf32", "4x2xf32"], "2x2xf32", MATRICES, "meet those"),
    ("dot_general", ["2x3xf32", "3x2xf32"], "2x3xf32", MATRICES, "is declared"),
    ("dot_general", ["3xf32", "3x2xf32"], "2xf32", MATRICES, "each once"),
    ("dot_general", ["2x3xf32", "3x2xf32"], "2x2xf32", "", "is missing"),
    ("convolution", ["2x7x3xf32", "4x2x5xf32"], "2x4x5xf32", convolution(LINE), "a kernel of 2 features for 3"),
    ("convolution", ["2x7x3xf32", "4x3x5xf32"], "2x3x5xf32", convolution(LINE), "is declared"),
    ("convolution", ["2x7x3xf32", "4x3x5xf32"], "2x4x5xf32", convolution(LINE, features=2), "do not fit"),
    ("convolution", ["2x7x3xf32", "4x3x5xf32"], "2x4x5xf32", convolution(LINE, (0,)), "from 1 up"),
    ("convolution", ["2x7x3xf32", "4x3x5xf32"], "2x4x5xf32", convolution(LINE, (1, 1)), "expected 1"),
    ("convolution", ["2x7x3xf32", "4x3x5xf32"], "2x4x5xf32", convolution(LINE, None, ((-9, 1),)), "cannot be padded"),
    ("convolution", ["7x3xf32", "4x3x5xf32"], "2x4x5xf32", convolution(LINE), "convolution"),
    ("fft", ["5xcomplex<f32>"], "5xcomplex<f32>", "fft_length = array<i64: 4>, fft_type = #stablehlo<fft_type FFT>",
     "the last axes are [5]"),
    ("fft", ["5xf32"], "5xcomplex<f32>", "fft_length = array<i64: 5>, fft_type = #stablehlo<fft_type FFT>",
     "there is no FFT"),
    ("cholesky", ["3x4xf32"], "3x4xf32", "lower = true", "is not of square"),
    ("triangular_solve", ["3x3xf32", "4x3xf32"], "4x3xf32", SOLVE, "have no right sides"),
    ("triangular_solve", ["3x3xf32", "3x3xf32"], "3x3xf32", "", "is missing"),
    ("batch_norm_inference", ["2x3xf32"] + ["2xf32"] * 4, "2x3xf32", "epsilon = 1.0e-1 : f32, feature_index = 1 : i64",
     "expected 3 numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given", "result", "attributes", "why"), ILL)
def test_what_is_ill_typed_is_told(name: str, given: list[str], result: str, attributes: str, why: str) -> None:
    module = parsed(one(name, given, result, attributes))
    with pytest.raises(SpecError, match=f"{name}.*{re.escape(why)}|{re.escape(why)}"):
        run(module, [np.ones(of.shape, numpy_dtype(of.dtype)) for of in module.main.types])
