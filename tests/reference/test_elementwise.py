"""Elementwise operations against PyTorch and Python's own functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from tests.reference.single import single, value

RNG = np.random.default_rng(6)
X = RNG.normal(size=(3, 5))
FORMULAS: list[tuple[Any, Any, Any]] = [
    (nn.Abs(), X, abs),
    (nn.Exp(), X, math.exp),
    (nn.Log(), X**2 + 0.1, math.log),
    (nn.Sqrt(), X**2, math.sqrt),
    (nn.Square(), X, lambda x: x**2),
    (nn.Sin(), X, math.sin),
    (nn.Cos(), X, math.cos),
    (nn.Negative(), X, lambda x: -x),
    (nn.Sign(), X, lambda x: math.copysign(1, x)),
    (nn.Floor(), 3 * X, math.floor),
    (nn.Ceil(), 3 * X, math.ceil),
    (nn.Round(), 3 * X, round),
    (nn.Trunc(), 3 * X, math.trunc),
    (nn.Reciprocal(), X, lambda x: 1 / x),
    (nn.Rsqrt(), X**2, lambda x: 1 / math.sqrt(x)),
    (nn.Expm1(), 1e-6 * X, math.expm1),
    (nn.Log1p(), 1e-6 * X, math.log1p),
    (nn.Log2(), X**2 + 0.1, math.log2),
    (nn.Log10(), X**2 + 0.1, math.log10),
    (nn.Tan(), X, math.tan),
    (nn.Asin(), X / 4, math.asin),
    (nn.Acos(), X / 4, math.acos),
    (nn.Atan(), X, math.atan),
    (nn.Sinh(), X, math.sinh),
    (nn.Cosh(), X, math.cosh),
    (nn.Asinh(), X, math.asinh),
    (nn.Acosh(), X**2 + 1.1, math.acosh),
    (nn.Atanh(), X / 4, math.atanh),
    (nn.Erf(), X, math.erf),
    (nn.Clamp(-0.2, 0.6), X, lambda x: min(max(x, -0.2), 0.6)),
    (nn.Clamp(upper=0.1), X, lambda x: min(x, 0.1)),
    (nn.Clamp(0.1), X, lambda x: max(x, 0.1)),
    (nn.Clamp(), X, lambda x: x),
]


@pytest.mark.parametrize(("spec", "x", "formula"), FORMULAS, ids=lambda v: type(v).__name__)
def test_formula(spec: Any, x: Any, formula: Any) -> None:
    found = value(spec, x)
    for index in np.ndindex(x.shape):
        assert found[index] == pytest.approx(formula(float(x[index])), rel=1e-14, abs=0)
    assert spec.output_shape((None, 5)) == (None, 5) and spec.flops((3, 5)) == 15


@pytest.mark.parametrize(("spec", "x", "formula"), FORMULAS, ids=lambda v: type(v).__name__)
def test_nan_stays_and_types_do(spec: Any, x: Any, formula: Any) -> None:
    assert np.isnan(value(spec, np.array([[np.nan]]))).all()
    for dtype in ("float32", "bfloat16"):
        assert single(spec, x.astype(dtype), dtype=dtype).outputs["node"].dtype == np.dtype(dtype)


def test_beyond_the_domain() -> None:
    with np.errstate(all="ignore"):
        assert value(nn.Log(), np.array([[0.0]])).tolist() == [[-np.inf]]
        assert np.isnan(value(nn.Log(), np.array([[-1.0]]))).all()
        assert np.isnan(value(nn.Sqrt(), np.array([[-1.0]]))).all()
    assert value(nn.Sign(), np.array([[0.0, -0.0]])).tolist() == [[0, 0]]


def test_power() -> None:
    torch = pytest.importorskip("torch")
    x1, x2 = np.abs(RNG.normal(size=(2, 3, 4))), RNG.normal(size=(2, 1, 4))
    np.testing.assert_allclose(value(nn.Power(), x1, x2), torch.pow(torch.from_numpy(x1), torch.from_numpy(x2)), 1e-14)
    with np.errstate(invalid="ignore"):
        found = value(nn.Power(), np.array([[-2.0, -2.0, 0.0]]), np.array([[3.0, 0.5, 0.0]]))
    assert found[0, 0] == -8 and np.isnan(found[0, 1]) and found[0, 2] == 1


def test_halves_go_to_the_even_neighbor() -> None:
    assert value(nn.Round(), np.array([[-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]])).tolist() == [[-2, -2, 0, 0, 2, 2]]


PAIRS: list[tuple[Any, Any]] = [
    (nn.Atan2(), math.atan2),
    (nn.FloorDivide(), lambda a, b: a // b),
    (nn.Remainder(), lambda a, b: a % b),
    (nn.Remainder("dividend"), math.fmod),
    (nn.LogAddExp(), lambda a, b: math.log(math.exp(a) + math.exp(b))),
]


@pytest.mark.parametrize(("spec", "formula"), PAIRS, ids=lambda v: type(v).__name__)
def test_of_two_inputs(spec: Any, formula: Any) -> None:
    x1, x2 = 3 * RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 1, 4))
    found = value(spec, x1, x2)
    for index in np.ndindex(found.shape):
        a, b = (float(np.broadcast_to(x, found.shape)[index]) for x in (x1, x2))
        assert found[index] == pytest.approx(formula(a, b), rel=1e-14, abs=0)
    assert spec.output_shape((None, 3, 4), (None, 1, 4)) == (None, 3, 4) and spec.flops((2, 3), (2, 3)) == 6


def test_quotients_are_exact() -> None:
    """1/0.1 is 10 in floats, but 0.1 is a little more than a tenth."""
    one, tenth = np.array([[1.0]]), np.array([[0.1]])
    assert value(nn.FloorDivide(), one, tenth) == 1.0 // 0.1 == 9
    assert value(nn.Remainder(), one, tenth) == 1.0 % 0.1
    with np.errstate(all="ignore"):
        found = value(nn.FloorDivide(), np.array([[1.0, -1.0, 0.0]]), np.zeros((1, 3)))
        assert found[0, :2].tolist() == [np.inf, -np.inf] and np.isnan(found[0, 2])
        assert np.isnan(value(nn.Remainder(), one, 0 * one))


def test_large_sums_of_exponentials() -> None:
    found = value(nn.LogAddExp(), np.array([[1e3, -np.inf, -np.inf]]), np.array([[1e3, 2.0, -np.inf]]))
    assert found[0, 0] == pytest.approx(1e3 + math.log(2)) and found[0, 1:].tolist() == [2, -np.inf]


def test_errors() -> None:
    with pytest.raises(ShapeError, match="floor_divide needs 2 inputs, got 1"):
        nn.FloorDivide().output_shape((None, 3))
    with pytest.raises(SpecError, match="upper: expected more than the lower bound 1"):
        nn.Clamp(1.0, 1.0)
    with pytest.raises(ShapeError, match="pow needs 2 inputs, got 1"):
        nn.Power().output_shape((None, 3))
    with pytest.raises(ShapeError, match="pow cannot combine inputs of shapes"):
        nn.Power().output_shape((None, 3), (None, 4))
