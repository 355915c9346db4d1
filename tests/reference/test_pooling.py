"""Pooling against PyTorch and against windows written out by hand."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from tests.reference.single import single, value

RNG = np.random.default_rng(4)
SIZES = {1: (9,), 2: (7, 8), 3: (5, 4, 6)}


def by_loops(x: Any, window: Any, strides: Any, before: Any, positions: Any, reduce: Any) -> Any:
    """Each window's elements that lie in x, reduced."""
    y = np.empty((len(x), *positions, x.shape[-1]))
    for b, *p, c in np.ndindex(*y.shape):
        inside = []
        for q in itertools.product(*map(range, window)):
            at = [pi * s + qi - f for pi, s, qi, f in zip(p, strides, q, before, strict=True)]
            if all(0 <= i < n for i, n in zip(at, x.shape[1:-1], strict=True)):
                inside.append(x[(b, *at, c)])
        y[(b, *p, c)] = reduce(inside)
    return y


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("strides", [None, 1, 2])
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_valid(rank: int, strides: int | None, kind: str) -> None:
    torch = pytest.importorskip("torch")
    x, window = RNG.normal(size=(2, *SIZES[rank], 3)), (3, 2, 2)[:rank]
    function = getattr(torch.nn.functional, f"{kind}_pool{rank}d")
    given = torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))
    expected = np.moveaxis(function(given, window, strides).numpy(), 1, -1)
    spec = (nn.MaxPool if kind == "max" else nn.AvgPool)(window, strides)
    found = value(spec, x)
    assert found.shape == expected.shape == spec.output_shape(x.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


# (size, window, stride, zeros before, positions) of "same", by hand: the odd one stands at the end.
SAME = [(5, 2, 1, 0, 5), (6, 3, 2, 0, 3), (5, 3, 2, 1, 3), (6, 4, 1, 1, 6), (7, 2, 3, 0, 3), (2, 5, 2, 1, 1)]


@pytest.mark.parametrize("rows", SAME)
@pytest.mark.parametrize("columns", SAME[1:3])
def test_same(rows: Any, columns: Any) -> None:
    sizes, window, strides, before, positions = zip(rows, columns, strict=True)
    x = RNG.normal(size=(2, *sizes, 2)) - 3  # zeros would be the maximum
    options: Any = {"window": window, "strides": strides, "padding": "same"}
    where = (window, strides, before, positions)
    np.testing.assert_allclose(value(nn.MaxPool(**options), x), by_loops(x, *where, max), rtol=1e-14)
    np.testing.assert_allclose(value(nn.AvgPool(**options), x), by_loops(x, *where, np.mean), rtol=1e-13)
    whole = value(nn.AvgPool(**options, count_include_pad=True), x)
    np.testing.assert_allclose(whole, by_loops(x, *where, sum) / np.prod(window), rtol=1e-13)


def test_by_hand() -> None:
    x = np.array([1.0, 6, 2, 3, -9]).reshape(1, 5, 1)
    assert value(nn.MaxPool((2,)), x).ravel().tolist() == [6, 3]
    assert value(nn.MaxPool((2,), padding="same"), x).ravel().tolist() == [6, 3, -9]
    assert value(nn.AvgPool((2,), padding="same"), x).ravel().tolist() == [3.5, 2.5, -9]
    padded = nn.AvgPool((2,), padding="same", count_include_pad=True)
    assert value(padded, x).ravel().tolist() == [3.5, 2.5, -4.5]
    assert value(nn.MaxPool((3,), 1), x).ravel().tolist() == [6, 6, 3]
    assert value(nn.GlobalMaxPool(), x).tolist() == [[6.0]]
    assert value(nn.GlobalAvgPool(), x).tolist() == [[pytest.approx(0.6)]]


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_global(rank: int) -> None:
    x = RNG.normal(size=(3, *(2, 3, 4, 2)[:rank], 5))
    flat = x.reshape(3, -1, 5)
    np.testing.assert_allclose(value(nn.GlobalAvgPool(), x), np.einsum("bpc->bc", flat) / flat.shape[1], rtol=1e-12)
    np.testing.assert_array_equal(value(nn.GlobalMaxPool(), x), np.sort(flat, 1)[:, -1])


@pytest.mark.parametrize("sizes", [(9,), (4, 1), (3, 5), (2, 3, 7), (8, 6, 4)])
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_adaptive(sizes: tuple[int, ...], kind: str) -> None:
    torch = pytest.importorskip("torch")
    rank = len(sizes)
    x = RNG.normal(size=(2, *SIZES[rank], 3))
    function = getattr(torch.nn.functional, f"adaptive_{kind}_pool{rank}d")
    given = torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))
    expected = np.moveaxis(function(given, sizes).numpy(), 1, -1)
    spec = (nn.AdaptiveMaxPool if kind == "max" else nn.AdaptiveAvgPool)(sizes)
    found = value(spec, x)
    assert found.shape == expected.shape == spec.output_shape(x.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


def test_nan_goes_through() -> None:
    x = np.array([1.0, np.nan, 2, 3]).reshape(1, 4, 1)
    for spec in (nn.MaxPool((2,)), nn.AvgPool((2,))):
        assert np.isnan(value(spec, x)).ravel().tolist() == [True, False]
    assert np.isnan(value(nn.GlobalMaxPool(), x)) and np.isnan(value(nn.GlobalAvgPool(), x))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("spec", [nn.MaxPool((2, 3)), nn.AvgPool((2, 3)), nn.GlobalAvgPool(), nn.GlobalMaxPool()])
def test_in_other_types(spec: nn.Layer, dtype: str) -> None:
    """Small types are summed in float32 and rounded once."""
    x = RNG.normal(size=(2, 4, 6, 3)).astype(dtype)
    found = single(spec, x, dtype=dtype).outputs["node"]
    wide = value(spec, x.astype(np.float64))
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_allclose(found.astype(float), wide.astype(dtype).astype(float), rtol=1e-6, atol=1e-7)


def test_operations() -> None:
    assert nn.MaxPool((2, 2)).flops((1, 4, 4, 3)) == 4 * 3 * 4
    assert nn.AvgPool((2,), 1).flops((1, 4, 3)) == 3 * 3 * 2
    assert nn.AdaptiveAvgPool((2,)).flops((1, 5, 3)) == (3 + 3) * 3
    assert nn.GlobalAvgPool().flops((1, 4, 4, 3)) == nn.GlobalMaxPool().flops((1, 4, 4, 3)) == 48


def test_axes_of_any_length() -> None:
    assert nn.MaxPool((2, 2)).output_shape((None, None, 9, 2)) == (None, None, 4, 2)
    assert nn.GlobalAvgPool().output_shape((None, None, 9, 2)) == (None, 2)
    assert nn.AdaptiveAvgPool((3, 1)).output_shape((None, None, 9, 2)) == (None, 3, 1, 2)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.MaxPool((2, 2, 2, 2)), "window"),
        (
            lambda: nn.AvgPool((2, 2), strides=(1,)),
            "strides: expected 2 values, one for each axis of the window, got 1",
        ),
        (lambda: nn.MaxPool((2,), padding="causal"), "padding"),
        (lambda: nn.MaxPool((0,)), "window"),
        (lambda: nn.AdaptiveMaxPool((2, 2, 2, 2)), "output_size"),
    ],
)
def test_options_that_do_not_go_together(make: Any, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        make()


@pytest.mark.parametrize(
    ("spec", "shape", "words"),
    [
        (nn.MaxPool((2,)), (None, 4, 4, 2), "MaxPool with a window of 1 axes needs inputs of 3 axes"),
        (nn.AvgPool((3,)), (None, 2, 2), "AvgPool's window reaches over 3 elements of axis 1"),
        (nn.AdaptiveAvgPool((2,)), (None, 4, 4, 2), "AdaptiveAvgPool to 1 sizes needs inputs of 3 axes"),
        (nn.AdaptiveMaxPool((2,)), (None, 0, 2), "AdaptiveMaxPool has nothing to pool"),
        (nn.GlobalMaxPool(), (None, 2), "GlobalMaxPool needs inputs of at least 3 axes"),
        (nn.GlobalAvgPool(), (None, 0, 2), "GlobalAvgPool has nothing to pool"),
    ],
)
def test_shapes_that_do_not_fit(spec: nn.Layer, shape: Any, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        spec.output_shape(shape)
