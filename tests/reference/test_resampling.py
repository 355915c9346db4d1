"""Layers that change how densely axes are sampled, against PyTorch and element by element."""

from __future__ import annotations

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from tests.reference.single import value

RNG = np.random.default_rng(4)


@pytest.mark.parametrize("factors", [(3,), (2, 3), (1, 3, 2)])
def test_upsample(factors: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    x = RNG.normal(size=(2, *(4, 3, 2)[: len(factors)], 3))
    given = torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))
    expected = torch.nn.functional.interpolate(given, scale_factor=factors, mode="nearest").numpy()
    assert nn.Upsample(factors).output_shape(x.shape) == (2, *expected.shape[2:], 3)
    np.testing.assert_array_equal(value(nn.Upsample(factors), x), np.moveaxis(expected, 1, -1))


def test_upsample_by_hand() -> None:
    assert value(nn.Upsample((3,)), np.array([[[1.0], [2.0]]])).ravel().tolist() == [1, 1, 1, 2, 2, 2]
    assert nn.Upsample((3, 2)).output_shape((None, None, 2, 4)) == (None, None, 4, 4)


def test_upsample_errors() -> None:
    with pytest.raises(SpecError, match="factors"):
        nn.Upsample((0,))
    with pytest.raises(ShapeError, match="Upsample with 1 factors needs inputs of 3 axes"):
        nn.Upsample((2,)).output_shape((None, 4, 4, 2))
