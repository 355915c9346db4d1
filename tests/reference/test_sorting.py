"""Order along an axis against PyTorch and Python's stable sort."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError
from tests.reference.single import single, value

RNG = np.random.default_rng(6)
X = RNG.normal(size=(2, 3, 4))
TIED = RNG.integers(-2, 3, (2, 3, 7)).astype(np.int32)


def _in_order(row: list[Any], descending: bool) -> list[int]:
    """Python sorts stably, and of falling order too keeps equal elements as they come."""
    return sorted(range(len(row)), key=row.__getitem__, reverse=descending)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("axis", [1, -1])
def test_sort(axis: int, descending: bool) -> None:
    for x in (X, TIED, TIED.astype(np.float64)):
        wanted = np.apply_along_axis(lambda row: _in_order(row.tolist(), descending), axis, x)
        found = value(nn.ArgSort(axis, descending), x)
        assert found.dtype == np.int32 and found.tolist() == wanted.tolist()
        assert value(nn.Sort(axis, descending), x).tolist() == np.take_along_axis(x, wanted, axis).tolist()


@pytest.mark.parametrize("largest", [True, False])
def test_top_k(largest: bool) -> None:
    torch = pytest.importorskip("torch")
    expected, places = torch.topk(torch.from_numpy(X), 2, 1, largest)
    spec = nn.TopK(2, 1, largest)
    assert value(spec, X).tolist() == expected.tolist() and spec.output_shape(X.shape) == (2, 2, 4)
    assert value(nn.TopK(2, 1, largest, "indices"), X).tolist() == places.tolist()
    for row in TIED.reshape(-1, 7):
        found = value(nn.TopK(3, largest=largest, output="indices"), row[None])
        assert found.tolist() == [_in_order(row.tolist(), largest)[:3]]


@pytest.mark.parametrize("axis", [1, -1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_extremes(axis: int, keepdims: bool) -> None:
    torch = pytest.importorskip("torch")
    for spec, function in ((nn.ArgMax(axis, keepdims), torch.argmax), (nn.ArgMin(axis, keepdims), torch.argmin)):
        expected = function(torch.from_numpy(X), axis, keepdim=keepdims).numpy()
        found = value(spec, X)
        assert found.dtype == np.int32 and found.shape == expected.shape == spec.output_shape(X.shape)
        assert found.tolist() == expected.tolist()


def test_ties() -> None:
    row = np.array([[3, -1, 3, -1, 0]], np.int32)
    assert [value(cls(ties=t), row)[0] for cls in (nn.ArgMax, nn.ArgMin) for t in ("first", "last")] == [0, 2, 1, 3]


def test_nan_is_behind_all_numbers_and_an_extreme() -> None:
    x = np.array([[np.nan, 1.0, -np.inf, np.nan, np.inf]])
    assert value(nn.ArgSort(), x).tolist() == [[2, 1, 4, 0, 3]]
    assert value(nn.ArgSort(descending=True), x).tolist() == [[4, 1, 2, 0, 3]]
    assert [value(cls(ties=t), x)[0] for cls in (nn.ArgMax, nn.ArgMin) for t in ("first", "last")] == [0, 3, 0, 3]
    ends = np.array([[0, -(2**31), 2**31 - 1]], np.int32)
    assert value(nn.Sort(descending=True), ends).tolist() == [[2**31 - 1, 0, -(2**31)]]


@pytest.mark.parametrize("spec", [nn.Sort(), nn.TopK(2)], ids=lambda spec: type(spec).__name__)
def test_types_stay(spec: Any) -> None:
    for dtype in ("float32", "bfloat16"):
        assert single(spec, X.astype(dtype), dtype=dtype).outputs["node"].dtype == np.dtype(dtype)
    assert spec.output_dtype("int32") == "int32" and spec.flops((2, 3)) == 6


@pytest.mark.parametrize(
    ("spec", "shape", "words"),
    [
        (nn.ArgMax(0), (None, 3), "argmax: axis 0 is the batch axis"),
        (nn.ArgMin(), (None, 0), r"argmin has nothing to choose from in input \(batch, 0\)"),
        (nn.Sort(2), (None, 3), "sort: axis 2 does not exist"),
        (nn.ArgSort(-2), (None, 3), "argsort: axis -2 is the batch axis"),
        (nn.TopK(4), (None, 3), r"top_k: axis -1 of input \(batch, 3\) has less than 4 elements"),
    ],
)
def test_shapes_that_do_not_fit(spec: Any, shape: Any, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        spec.output_shape(shape)


def test_booleans_have_no_order() -> None:
    with pytest.raises(ShapeError, match="argsort orders numbers, got bool input"):
        nn.ArgSort().output_dtype("bool")
    with pytest.raises(ShapeError, match="top_k orders numbers, got bool input"):
        nn.TopK(1).output_dtype("bool")
