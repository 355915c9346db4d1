"""Layers that only rearrange, element by element."""

from __future__ import annotations

import numpy as np
import pytest

import nnspec as nn
from tests.reference.single import value

X = np.random.default_rng(4).normal(size=(2, 3, 4))


def test_flatten() -> None:
    found = value(nn.Flatten(), X)
    assert found.shape == (2, 12)
    for b, i, j in np.ndindex(X.shape):
        assert found[b, 4 * i + j] == X[b, i, j]


@pytest.mark.parametrize(
    ("shape", "expected"), [((6, 2), (6, 2)), ((-1, 6), (2, 6)), ((12,), (12,)), ((1, -1, 2), (1, 6, 2))]
)
def test_reshape(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    found = value(nn.Reshape(shape), X)
    assert found.shape == (2, *expected)
    assert found[1].ravel().tolist() == X[1].ravel().tolist()


def test_no_features_and_no_examples() -> None:
    assert value(nn.Flatten(), np.arange(3.0)).tolist() == [[0.0], [1.0], [2.0]]
    assert value(nn.Flatten(), np.zeros((0, 3, 4))).shape == (0, 12)
    assert value(nn.Reshape((4, -1)), np.zeros((0, 3, 4))).shape == (0, 4, 3)
    assert value(nn.Reshape(()), np.arange(3.0)[:, None]).tolist() == [0.0, 1.0, 2.0]
