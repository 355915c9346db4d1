"""Positions against published formulas, complex numbers, and at their edges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from tests.reference.single import value

RNG = np.random.default_rng(41)


@pytest.mark.parametrize("pairs", ["interleaved", "halves"])
@pytest.mark.parametrize("base", [10000.0, 30.0])
def test_sines_and_cosines_one_by_one(pairs: Any, base: float) -> None:
    x, features = RNG.normal(size=(2, 7, 6)), 6
    found = value(nn.SinusoidalPositions(base, pairs), x) - x
    for t in range(7):
        for i in range(features // 2):
            angle = t / base ** (2 * i / features)
            places = (2 * i, 2 * i + 1) if pairs == "interleaved" else (i, 3 + i)
            np.testing.assert_allclose(found[:, t, places], [[math.sin(angle), math.cos(angle)]] * 2, atol=1e-14)
    alone = value(nn.SinusoidalPositions(base, pairs, add=False), x)
    np.testing.assert_allclose(alone, found, atol=1e-14)
    assert alone.shape == x.shape


def test_waves_far_out_are_rounded_once() -> None:
    """In float32 the angle itself, 60,000, would be off by a thousandth."""
    x = np.zeros((1, 60_001, 2), np.float32)
    found = value(nn.SinusoidalPositions(), x, dtype="float32")
    np.testing.assert_array_equal(found[0, -1], np.array([math.sin(60_000), math.cos(60_000)], np.float32))


def test_learned_positions() -> None:
    x, table = RNG.normal(size=(2, 4, 3)), RNG.normal(size=(6, 3))
    torch = pytest.importorskip("torch")
    expected = torch.nn.functional.embedding(torch.arange(4), torch.from_numpy(table)).numpy()
    found = value(nn.LearnedPositions(6), x, variables={"embedding": table})
    np.testing.assert_array_equal(found, x + expected)
    alone = value(nn.LearnedPositions(6, add=False), x, variables={"embedding": table})
    np.testing.assert_array_equal(alone, np.stack([expected, expected]))


def rotated(x: Any, base: float, pairs: str, count: int) -> Any:
    """Pairs as complex numbers, times e^(iθ): the formula of the paper in its own words."""
    y = x.copy()
    every = np.arange(count)
    places = (every[::2], every[1::2]) if pairs == "interleaved" else np.split(every, 2)
    for t in range(x.shape[1]):
        theta = t * base ** (-2 * np.arange(count // 2) / count)
        before, after = x[:, t], y[:, t]
        turned = (before[..., places[0]] + 1j * before[..., places[1]]) * np.exp(1j * theta)
        after[..., places[0]], after[..., places[1]] = turned.real, turned.imag
    return y


@pytest.mark.parametrize("pairs", ["interleaved", "halves"])
@pytest.mark.parametrize("shape", [(2, 5, 6), (2, 5, 3, 6)])
@pytest.mark.parametrize(("fraction", "count"), [(1.0, 6), (0.7, 4), (0.34, 2)])
def test_rotations_by_complex_numbers(shape: tuple[int, ...], pairs: Any, fraction: float, count: int) -> None:
    x = RNG.normal(size=shape)
    found = value(nn.RotaryPositions(20.0, pairs, fraction), x)
    np.testing.assert_allclose(found, rotated(x, 20.0, pairs, count), atol=1e-14)
    np.testing.assert_array_equal(found[..., count:], x[..., count:])


@pytest.mark.parametrize("pairs", ["interleaved", "halves"])
def test_products_of_rotated_vectors_depend_on_their_distance(pairs: Any) -> None:
    # All pairs of elements point the same way, so that their products go from one extreme to the other.
    q, k = (np.broadcast_to(RNG.uniform(1, 2, size=8), (1, 9, 8)) for _ in "qk")
    q, k = (value(nn.RotaryPositions(pairs=pairs), x)[0] for x in (q, k))
    products = q @ k.T
    for distance in range(-8, 9):
        diagonal = np.diagonal(products, distance)
        np.testing.assert_allclose(diagonal, diagonal[0], atol=1e-13)
    assert np.ptp(products) > 1


def bucket(distance: int, bidirectional: bool, num_buckets: int, max_distance: int) -> int:
    """T5's function, for one key that is so far after the query, in float32 as there."""
    found, n = 0, -distance
    if bidirectional:
        num_buckets //= 2
        found += (n < 0) * num_buckets
        n = abs(n)
    else:
        n = max(n, 0)
    exact = num_buckets // 2
    if n < exact:
        return found + n
    grown = np.log(np.float32(n) / np.float32(exact)) / np.float32(math.log(max_distance / exact))
    return found + min(exact + int(grown * np.float32(num_buckets - exact)), num_buckets - 1)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("num_buckets", "max_distance"), [(32, 128), (8, 20), (4, 5)])
def test_buckets_of_distances(bidirectional: bool, num_buckets: int, max_distance: int) -> None:
    layer = nn.RelativePositionBias(2, num_buckets, max_distance, bidirectional)
    table = RNG.normal(size=(num_buckets, 2))
    queries, keys = 150, 170
    found = value(layer, np.zeros((2, queries, 1)), np.zeros((2, keys, 1)), variables={"embedding": table})
    assert found.shape == (2, 2, queries, keys)
    of = {d: bucket(d, bidirectional, num_buckets, max_distance) for d in range(-queries, keys)}
    expected = [[[table[of[j - i], h] for j in range(keys)] for i in range(queries)] for h in (0, 1)]
    np.testing.assert_array_equal(found, np.stack([expected, expected]))


def slopes(count: int) -> list[float]:
    """Those of the authors' code: for other numbers than powers of 2 every other one of the next power's is added."""
    if math.log2(count).is_integer():
        start = 2 ** (-(2 ** -(math.log2(count) - 3)))
        return [start * start**i for i in range(count)]
    closest = 2 ** math.floor(math.log2(count))
    return slopes(closest) + slopes(2 * closest)[0::2][: count - closest]


@pytest.mark.parametrize("heads", [1, 2, 3, 6, 8, 12])
def test_slopes_of_heads(heads: int) -> None:
    found = value(nn.ALiBi(heads), np.zeros((2, 3, 1)), np.zeros((2, 5, 1)))
    distance = np.abs(np.arange(5) - np.arange(3)[:, None])
    expected = -np.array(slopes(heads))[:, None, None] * distance
    np.testing.assert_allclose(found, np.stack([expected, expected]), rtol=1e-14)


def test_biases_count_positions_of_inputs_of_any_type() -> None:
    ids = nn.symbol([4], "ids", "int32")
    model = nn.Model(inputs=ids, outputs=nn.ALiBi(2)(ids))
    assert model.infer()["alibi"].output == (None, 2, 4, 4)


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (nn.LearnedPositions(4), [(None, 5, 2)], r"has 4 vectors, for input \(batch, 5, 2\)"),
        (nn.LearnedPositions(4), [(None, 3)], "needs inputs of 3 axes"),
        (nn.SinusoidalPositions(), [(None, 3, 5)], "needs an even number of features"),
        (nn.SinusoidalPositions(), [(None, 3, None)], "must have a known size"),
        (nn.RotaryPositions(), [(None, 4)], "needs inputs of at least 3 axes"),
        (nn.RotaryPositions(), [(None, 4, 5)], "rotates pairs, which 5 of 5 features"),
        (nn.RotaryPositions(fraction=0.1), [(None, 4, 4)], "rotates pairs, which 0 of 4 features"),
        (nn.ALiBi(2), [(None, 4), (None, 4), (None, 4)], "takes one or two sequences, got 3"),
        (nn.ALiBi(2), [(None,)], "needs inputs of at least 2 axes"),
    ],
)
def test_refused(layer: Any, shapes: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        layer.output_shape(*shapes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_buckets": 5}, "expected an even number of buckets for both directions, got 5"),
        ({"num_buckets": 2}, "expected two buckets at least for each direction"),
        ({"max_distance": 8}, "expected a distance beyond 8"),
    ],
)
def test_buckets_that_are_none(options: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        nn.RelativePositionBias(2, **options)


def test_a_part_of_the_features_is_that_of_the_decimal_fraction() -> None:
    """0.58 · 100 is 57.99… in binary."""
    wrong = [
        (percent, features)
        for percent in range(1, 101)
        for features in range(2, 200)
        if percent * features // 100 and not percent * features // 100 % 2
        if nn.RotaryPositions(fraction=percent / 100).rotated(features) != percent * features // 100
    ]
    assert not wrong
