"""Elements chosen by ids, element by element, and reductions of segments against PyTorch and Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError
from tests.reference.single import value

RNG = np.random.default_rng(6)
X = RNG.normal(size=(2, 3, 4, 5))


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_take_of_all_examples(axis: int) -> None:
    torch = pytest.importorskip("torch")
    expected = torch.index_select(torch.from_numpy(X), axis, torch.tensor([2, 0, 2])).numpy()
    spec = nn.Take((2, 0, 2), axis)
    assert value(spec, X).tolist() == expected.tolist() and spec.output_shape(X.shape) == expected.shape
    size = X.shape[axis]
    assert value(nn.Take((2 - size, 0, -size + 2), axis), X).tolist() == expected.tolist()


@pytest.mark.parametrize("axis", [1, 2, -1])
@pytest.mark.parametrize("shape", [(), (6,), (2, 3)])
def test_take_of_each_example(axis: int, shape: tuple[int, ...]) -> None:
    ids = RNG.integers(-3, 3, (2, *shape), dtype=np.int32)
    spec = nn.Take(axis=axis)
    expected = np.stack([np.take(X[b], ids[b], axis - 1 if axis > 0 else axis) for b in range(2)])
    found = value(spec, X, ids)
    assert found.shape == expected.shape == spec.output_shape(X.shape, ids.shape)
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("axis", [1, -1])
def test_take_along_axis(axis: int) -> None:
    torch = pytest.importorskip("torch")
    ids = RNG.integers(0, 3, (*X.shape[:axis], 6, *X.shape[axis:][1:]), dtype=np.int32)
    expected = torch.take_along_dim(torch.from_numpy(X), torch.from_numpy(ids).long(), axis)
    found = value(nn.TakeAlongAxis(axis), X, ids)
    assert found.tolist() == expected.tolist() and nn.TakeAlongAxis(axis).output_shape(X.shape, ids.shape) == ids.shape
    assert value(nn.TakeAlongAxis(axis), X, ids - X.shape[axis]).tolist() == expected.tolist()


@pytest.mark.parametrize("spec", [nn.Take(), nn.TakeAlongAxis()], ids=lambda spec: type(spec).__name__)
def test_ids_beyond_the_end(spec: Any) -> None:
    ids = np.array([[-4, -3, 2, 3]], np.int32)
    found = value(spec, np.array([[1.0, 2.0, 3.0]]), ids)
    assert np.isnan(found).tolist() == [[True, False, False, True]] and found[0, 1:3].tolist() == [1, 3]
    assert value(spec, np.array([[1, 2, 3]], np.int32), ids).tolist() == [[0, 1, 3, 0]]
    assert value(spec, np.array([[True, True, True]]), ids).tolist() == [[False, True, True, False]]


@pytest.mark.parametrize("axis", [1, 2, -1, -2])
def test_one_hot(axis: int) -> None:
    torch = pytest.importorskip("torch")
    ids = RNG.integers(0, 4, (2, 3), dtype=np.int32)
    expected = np.moveaxis(torch.nn.functional.one_hot(torch.from_numpy(ids).long(), 4).numpy(), -1, axis)
    spec = nn.OneHot(4, axis)
    found = value(spec, ids)
    assert found.dtype == np.float64 and found.shape == spec.output_shape(ids.shape)
    assert found.tolist() == expected.tolist()
    assert not value(spec, np.array([[-1, 4]], np.int32)).any()


@pytest.mark.parametrize(
    ("cls", "reduce", "empty"),
    [(nn.SegmentSum, "sum", 0.0), (nn.SegmentMean, "mean", 0.0), (nn.SegmentMax, "amax", -np.inf)],
)
@pytest.mark.parametrize("rest", [(), (2, 3)])
def test_segments(cls: Any, reduce: str, empty: float, rest: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    x, ids = RNG.normal(size=(2, 9, *rest)), RNG.integers(0, 4, (2, 9), dtype=np.int32)
    expected = []
    for row, each in zip(x, ids, strict=True):
        places = torch.from_numpy(each).long().reshape(-1, *[1] * len(rest)).expand(row.shape)
        start = torch.full((5, *rest), empty, dtype=torch.float64)
        expected.append(start.scatter_reduce(0, places, torch.from_numpy(row), reduce, include_self=False).numpy())
    spec = cls(5)
    found = value(spec, x, ids)
    assert found.shape == spec.output_shape(x.shape, ids.shape) == (2, 5, *rest)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    outside = np.where(ids == 0, -1, np.where(ids == 1, 7, ids)).astype(np.int32)
    assert value(spec, x, outside)[:, :2].tolist() == np.full((2, 2, *rest), empty).tolist()
    np.testing.assert_array_equal(value(spec, x, outside)[:, 2:], found[:, 2:])


def test_nan_in_a_segment() -> None:
    x, ids = np.array([[np.nan, 5.0, 1.0]]), np.array([[0, 0, 1]], np.int32)
    for cls in (nn.SegmentSum, nn.SegmentMean, nn.SegmentMax):
        assert np.isnan(value(cls(2), x, ids)).tolist() == [[True, False]]


@pytest.mark.parametrize(
    ("spec", "shapes", "words"),
    [
        (nn.Take(), [(None, 3)], "take needs 2 inputs, got 1"),
        (nn.Take((0,)), [(None, 3), (None, 3)], "take needs 1 input, got 2"),
        (nn.Take((3,)), [(None, 3)], r"take: index 3 is not in axis -1 of input \(batch, 3\)"),
        (nn.Take((0,), 0), [(None, 3)], "take: axis 0 is the batch axis"),
        (nn.TakeAlongAxis(), [(None, 3)], "take_along_axis needs 2 inputs, got 1"),
        (nn.TakeAlongAxis(), [(None, 2, 3), (None, 3, 3)], r"ids \(batch, 3, 3\) do not fit input \(batch, 2, 3\)"),
        (nn.TakeAlongAxis(), [(None, 2, 3), (None, 3)], "do not fit input"),
        (nn.OneHot(3, 3), [(None, 3)], "one_hot: axis 3 does not exist"),
        (nn.SegmentSum(3), [(None, 3)], "segment_sum needs 2 inputs, got 1"),
        (nn.SegmentMax(3), [(None, 3, 2), (None, 2)], r"segment_max: ids \(batch, 2\) are not one for each element"),
    ],
)
def test_shapes_that_do_not_fit(spec: Any, shapes: Any, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        spec.output_shape(*shapes)


@pytest.mark.parametrize(
    ("spec", "dtypes", "words"),
    [
        (nn.Take(), ("float", "float"), "take takes int32 ids, got float input"),
        (nn.TakeAlongAxis(), ("float",), "take_along_axis needs 2 inputs, got 1"),
        (nn.OneHot(3), ("float",), "one_hot takes int32 ids, got float input"),
        (nn.SegmentMean(3), ("int32", "int32"), "segment_mean computes on floats, got int32 input"),
    ],
)
def test_dtypes_that_do_not_fit(spec: Any, dtypes: Any, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        spec.output_dtype(*dtypes)


def test_work() -> None:
    assert nn.Take((0,)).flops((2, 3)) == nn.TakeAlongAxis().flops((2, 3), (2, 3)) == 0
    assert nn.SegmentSum(4).flops((2, 3), (2, 3)) == 6 and nn.OneHot(4).flops((2, 3)) == 24
