"""Running sums, products and extremes against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError
from tests.reference.single import single, value

RNG = np.random.default_rng(6)
X = RNG.normal(size=(2, 3, 6))
NAMES: dict[Any, tuple[str, float]] = {
    nn.CumulativeSum: ("cumsum", 0.0),
    nn.CumulativeProd: ("cumprod", 1.0),
    nn.CumulativeMax: ("cummax", -np.inf),
    nn.CumulativeMin: ("cummin", np.inf),
}


@pytest.mark.parametrize("cls", NAMES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("axis", [1, -1])
def test_along_axes(cls: Any, axis: int) -> None:
    torch = pytest.importorskip("torch")
    name, start = NAMES[cls]

    def running(x: Any) -> Any:
        found = getattr(torch, name)(torch.from_numpy(x.copy()), axis)
        return (found if name in ("cumsum", "cumprod") else found.values).numpy()

    forward, backward = running(X), np.flip(running(np.flip(X, axis)), axis)
    np.testing.assert_allclose(value(cls(axis), X), forward, rtol=1e-12)
    np.testing.assert_allclose(value(cls(axis, reverse=True), X), backward, rtol=1e-12)
    # Exclusive ones are one place later, and begin with what joins to nothing.
    first = np.full_like(np.take(X, [0], axis), start)
    later = np.concatenate([first, np.delete(forward, -1, axis)], axis)
    earlier = np.concatenate([np.delete(backward, 0, axis), first], axis)
    np.testing.assert_allclose(value(cls(axis, True), X), later, rtol=1e-12)
    np.testing.assert_allclose(value(cls(axis, True, True), X), earlier, rtol=1e-12)
    assert cls(axis).output_shape(X.shape) == X.shape and cls(axis).flops(X.shape) == X.size


@pytest.mark.parametrize("cls", NAMES, ids=lambda cls: cls.__name__)
def test_nan_stays_and_types_do(cls: Any) -> None:
    x = np.array([[1.0, np.nan, 3.0]])
    assert np.isnan(value(cls(), x)).tolist() == [[False, True, True]]
    assert np.isnan(value(cls(reverse=True), x)).tolist() == [[True, True, False]]
    for dtype in ("float32", "bfloat16"):
        assert single(cls(), X.astype(dtype), dtype=dtype).outputs["node"].dtype == np.dtype(dtype)


def test_errors() -> None:
    with pytest.raises(ShapeError, match="cumulative_sum: axis 0 is the batch axis"):
        nn.CumulativeSum(0).output_shape((None, 3))
    with pytest.raises(ShapeError, match="cumulative_max: axis 2 does not exist"):
        nn.CumulativeMax(2).output_shape((None, 3))
    with pytest.raises(ShapeError, match="CumulativeProd computes on floats, got int32 input"):
        nn.CumulativeProd().output_dtype("int32")
