"""Comparisons, logic and choices against Python's own operators."""

from __future__ import annotations

import math
import operator
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from nnspec.reference.model import run
from tests.reference.single import single, value

RNG = np.random.default_rng(6)
FLOATS = np.array([[1.0, 0.0, -0.0, np.nan, np.inf, -2.5]])
OTHERS = np.array([[1.0, -0.0, 1.0, np.nan, 3.0, np.nan]])
WHOLE, OTHER_WHOLE = (RNG.integers(-2, 3, (3, 4), dtype=np.int32) for _ in range(2))
BOOLS = np.array([[[a, b, c] for a in (False, True) for b in (False, True) for c in (False, True)]])
COMPARISONS: list[tuple[Any, Any]] = [
    (nn.Equal, operator.eq),
    (nn.NotEqual, operator.ne),
    (nn.Less, operator.lt),
    (nn.LessEqual, operator.le),
    (nn.Greater, operator.gt),
    (nn.GreaterEqual, operator.ge),
]


@pytest.mark.parametrize(("cls", "formula"), COMPARISONS, ids=lambda v: v.__name__)
@pytest.mark.parametrize(("x1", "x2"), [(FLOATS, OTHERS), (WHOLE, OTHER_WHOLE)], ids=["floats", "int32"])
def test_comparisons(cls: Any, formula: Any, x1: Any, x2: Any) -> None:
    found = value(cls(), x1, x2)
    assert found.dtype == bool
    assert found.tolist() == [[formula(a, b) for a, b in zip(*rows, strict=True)] for rows in zip(x1, x2, strict=True)]
    against_one = value(cls(1.0), x1)
    assert against_one.tolist() == [[formula(a, 1) for a in row] for row in x1.tolist()]


def test_the_number_is_in_the_dtype_of_the_input() -> None:
    """0.1 in float32 is another number, and in half precision again another."""
    x = np.array([[0.1]], np.float32)
    assert value(nn.Equal(0.1), x, dtype=np.float32).tolist() == [[True]]
    assert value(nn.Equal(0.1), x.astype(np.float64)).tolist() == [[False]]
    for half in (np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)):
        assert value(nn.Equal(0.1), x.astype(half), dtype=half).tolist() == [[True]]


@pytest.mark.parametrize(
    ("spec", "count", "formula"),
    [
        (nn.LogicalAnd(), 2, lambda a, b: a and b),
        (nn.LogicalAnd(), 3, lambda a, b, c: a and b and c),
        (nn.LogicalOr(), 2, lambda a, b: a or b),
        (nn.LogicalOr(), 3, lambda a, b, c: a or b or c),
        (nn.LogicalXor(), 2, operator.xor),
        (nn.LogicalNot(), 1, operator.not_),
    ],
    ids=lambda v: type(v).__name__ if hasattr(v, "kind") else "",
)
def test_logic(spec: Any, count: int, formula: Any) -> None:
    inputs = [BOOLS[..., i] for i in range(count)]
    assert value(spec, *inputs).tolist() == [[formula(*row) for row in BOOLS[0, :, :count].tolist()]]


def test_where() -> None:
    condition, x1, x2 = np.array([[[True], [False]]]), RNG.normal(size=(1, 2, 3)), RNG.normal(size=(1, 1, 3))
    found = value(nn.Where(), condition, x1, x2)
    assert found.tolist() == [[x1[0, 0].tolist(), x2[0, 0].tolist()]]
    assert value(nn.Where(), condition, np.full((1, 2, 1), 7, np.int32), np.zeros((1, 2, 1), np.int32)).dtype == "int32"


def test_casts() -> None:
    odd = np.array([[np.nan, np.inf, -np.inf, 3e9, -3e9, -2.75, 2.75, 2147483646.5]])
    assert value(nn.AsType("int32"), odd).tolist() == [[0, 2**31 - 1, -(2**31), 2**31 - 1, -(2**31), -2, 2, 2**31 - 2]]
    assert value(nn.AsType("bool"), odd).all() and not value(nn.AsType("bool"), np.array([[0.0, -0.0]])).any()
    assert value(nn.AsType("float"), np.array([[3, -2]], np.int32)).tolist() == [[3.0, -2.0]]
    assert single(nn.AsType("float"), np.array([[True]]), dtype="float16").outputs["node"].dtype == np.float16
    assert value(nn.AsType("int32"), np.array([[True, False]])).tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("spec", "formula"),
    [(nn.IsNaN(), math.isnan), (nn.IsInf(), math.isinf), (nn.IsFinite(), math.isfinite)],
    ids=lambda v: type(v).__name__ if hasattr(v, "kind") else "",
)
def test_questions(spec: Any, formula: Any) -> None:
    assert value(spec, FLOATS).tolist() == [[formula(x) for x in FLOATS[0].tolist()]]
    assert spec.output_dtype("float") == "bool"


@pytest.mark.parametrize(
    ("spec", "dtypes", "words"),
    [
        (nn.Equal(), ("float", "int32"), "equal compares inputs of one dtype, got float and int32"),
        (nn.LessEqual(), ("bool", "bool"), "less_equal compares numbers, got bool input"),
        (nn.Equal(1.0), ("bool",), "equal compares numbers, got bool input"),
        (nn.Less(0.5), ("int32",), "less compares int32 with whole numbers of 32 bits, not with 0.5"),
        (nn.Less(3e9), ("int32",), "less compares int32 with whole numbers of 32 bits"),
        (nn.LogicalAnd(), ("bool", "float"), "logical_and takes booleans, got float input"),
        (nn.Where(), ("float", "float", "float"), "the first input of where is boolean, got float input"),
        (nn.Where(), ("bool", "float", "int32"), "where chooses between inputs of one dtype, got float and int32"),
        (nn.IsNaN(), ("int32",), "IsNaN computes on floats, got int32 input"),
    ],
)
def test_dtypes_that_do_not_fit(spec: Any, dtypes: Any, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        spec.output_dtype(*dtypes)


def test_other_errors() -> None:
    with pytest.raises(ShapeError, match="less needs 2 inputs, got 1"):
        nn.Less().output_shape((None, 3))
    with pytest.raises(ShapeError, match="less needs 1 input, got 2"):
        nn.Less(0.5).output_shape((None, 3), (None, 3))
    with pytest.raises(ShapeError, match="logical_or needs at least 2 inputs, got 1"):
        nn.LogicalOr().output_shape((None, 3))
    with pytest.raises(ShapeError, match="where cannot combine inputs of shapes"):
        nn.Where().output_shape((None, 3), (None, 2), (None, 3))
    with pytest.raises(SpecError, match="dtype"):
        nn.AsType("int64")  # type: ignore[arg-type]


def test_booleans_between_nodes() -> None:
    """Numbers below a limit stay, the others change their sign: by a comparison and a choice."""
    x = nn.symbol((4,))
    chosen = nn.Where()(nn.Less(0.5)(x), x, nn.Negative()(x))
    model = nn.Model(inputs=x, outputs=chosen)
    assert model.infer()["less"].dtype == "bool"
    (found,) = run(model, {}, {"input": np.array([[0.0, 0.25, 0.75, 2.0]])}).outputs.values()
    assert found.tolist() == [[0.0, 0.25, -0.75, -2.0]]
