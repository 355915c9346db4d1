"""Sums of products against PyTorch and loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError
from tests.reference.single import single, value

RNG = np.random.default_rng(6)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
        ("bhid,bhjd->bihj", [(2, 2, 3, 4), (2, 2, 5, 4)]),
        ("bij->bj", [(2, 3, 4)]),
        ("bij->bji", [(2, 3, 4)]),
        ("bi,bij,bj->b", [(2, 3), (2, 3, 4), (2, 4)]),
    ],
)
def test_einsum(equation: str, shapes: list[tuple[int, ...]]) -> None:
    torch = pytest.importorskip("torch")
    inputs = [RNG.normal(size=shape) for shape in shapes]
    expected = torch.einsum(equation, *map(torch.from_numpy, inputs)).numpy()
    spec = nn.Einsum(equation)
    found = value(spec, *inputs)
    assert found.shape == expected.shape == spec.output_shape(*shapes)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert spec.takes() == len(shapes)


def test_outer() -> None:
    x1, x2 = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 1, 5))
    found = value(nn.Outer(), x1, x2)
    assert found.shape == nn.Outer().output_shape(x1.shape, x2.shape) == (2, 3, 4, 5)
    for b, n, i, j in np.ndindex(found.shape):
        assert found[b, n, i, j] == x1[b, n, i] * x2[b, 0, j]


def test_work_and_types() -> None:
    assert nn.Einsum("bij,bjk->bik").flops((2, 3, 4), (2, 4, 5)) == nn.Matmul().flops((2, 3, 4), (2, 4, 5))
    assert nn.Einsum("bij->bj").flops((2, 3, 4)) == 16 and nn.Outer().flops((2, 3), (2, 4)) == 24
    given = RNG.normal(size=(2, 3, 4)).astype("bfloat16")
    assert single(nn.Einsum("bij->bj"), given, dtype="bfloat16").outputs["node"].dtype == np.dtype("bfloat16")
    assert nn.Einsum("bij,bjk->bik").output_shape((None, None, 4), (None, 4, 5)) == (None, None, 5)


@pytest.mark.parametrize(
    ("spec", "shapes", "words"),
    [
        (nn.Outer(), [(None, 3)], "outer needs 2 inputs, got 1"),
        (nn.Outer(), [(None,), (None, 3)], "outer needs inputs of at least 2 axes"),
        (nn.Outer(), [(None, 2, 3), (None, 3, 3)], "outer cannot combine inputs of shapes"),
    ],
)
def test_shapes_that_do_not_fit(spec: Any, shapes: Any, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        spec.output_shape(*shapes)
