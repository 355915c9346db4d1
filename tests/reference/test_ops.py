"""Operations, element by element in Python's floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnspec import ops
from tests.reference.single import value

RNG = np.random.default_rng(6)
A, B, C = RNG.normal(size=(2, 3)), RNG.normal(size=(2, 3)), RNG.normal(size=(2, 1))


@pytest.mark.parametrize(
    ("spec", "inputs", "formula"),
    [
        (ops.Add(), (A, B), lambda a, b: a + b),
        (ops.Add(), (A, B, C), lambda a, b, c: (a + b) + c),
        (ops.Subtract(), (A, B), lambda a, b: a - b),
        (ops.Multiply(), (A, B), lambda a, b: a * b),
        (ops.Multiply(), (A, B, C), lambda a, b, c: (a * b) * c),
        (ops.Divide(), (A, B), lambda a, b: a / b),
        (ops.Maximum(), (A, B), max),
        (ops.Minimum(), (A, B), min),
    ],
    ids=lambda v: type(v).__name__ if hasattr(v, "kind") else "",
)
def test_elementwise(spec: Any, inputs: tuple[Any, ...], formula: Any) -> None:
    found = value(spec, *inputs)
    for index in np.ndindex(2, 3):
        scalars = (float(np.broadcast_to(x, (2, 3))[index]) for x in inputs)
        assert found[index] == formula(*scalars)


def test_broadcasting() -> None:
    column, row = RNG.normal(size=(2, 3, 1)), RNG.normal(size=(2, 1, 4))
    found = value(ops.Multiply(), column, row)
    for b, i, j in np.ndindex(2, 3, 4):
        assert found[b, i, j] == column[b, i, 0] * row[b, 0, j]


@pytest.mark.parametrize("axis", [1, -1])
def test_concat(axis: int) -> None:
    shapes = [(2, 1, 3), (2, 4, 3)] if axis == 1 else [(2, 4, 1), (2, 4, 5)]
    x1, x2 = (RNG.normal(size=s) for s in shapes)
    found = value(ops.Concat(axis), x1, x2)
    first, second = np.split(found, [1], axis)
    np.testing.assert_array_equal(first, x1)
    np.testing.assert_array_equal(second, x2)


def test_nan_spreads_through_maximum_and_minimum() -> None:
    nan = np.array([[np.nan, 1.0]])
    for spec in (ops.Maximum(), ops.Minimum()):
        assert np.isnan(value(spec, nan, np.zeros((1, 2)))[0, 0])
        assert np.isnan(value(spec, np.zeros((1, 2)), nan)[0, 0])
