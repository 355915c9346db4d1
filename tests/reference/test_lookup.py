"""Ids made of numbers, against NumPy, Keras's layers, TensorFlow's hashes and SipHash's published vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from nnspec.reference.lookup import farmhash, siphash
from tests.reference.single import value

RNG = np.random.default_rng(12)
# Texts of every length, with and without a sign, and both ends.
NUMBERS = np.array(
    [
        [s * (10**n - 1 - 37 % 10**n) for n in range(1, 10) for s in (1, -1)]
        + [0, 7, -8, 2**31 - 1, -(2**31), 2**31 - 9]
    ],
    np.int32,
)
MANY = RNG.integers(-(2**31), 2**31, (5, 60), dtype=np.int32)


@pytest.fixture
def startup() -> Any:
    return pytest.importorskip("nnspec_tensorflow.startup", reason="Keras is not installed")


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_bins_of_floats(dtype: Any) -> None:
    boundaries = np.array([-1.3, 0.0, 0.1, 0.7, 2.0])
    x = np.concatenate([RNG.normal(size=40), boundaries, [np.inf, -np.inf, np.nan, -0.0]])[None].astype(dtype)
    wide, rounded = x.astype(np.float64), boundaries.astype(dtype).astype(np.float64)
    found = value(nn.Discretization(tuple(boundaries.tolist())), x, dtype=dtype)
    np.testing.assert_array_equal(found, np.digitize(wide, rounded))
    assert found.dtype == np.int32 and found[0, 40:45].tolist() == [1, 2, 3, 4, 5]


def test_bins_of_whole_numbers() -> None:
    boundaries = (-3e9, -2.0, 0.3, 0.6, 1.0, 2.0**31 - 1.5, 1e12)
    x = np.concatenate([np.arange(-4, 5), [2**31 - 2, 2**31 - 1, -(2**31)]])[None].astype(np.int32)
    np.testing.assert_array_equal(value(nn.Discretization(boundaries), x), np.digitize(x.astype(float), boundaries))
    assert value(nn.Discretization((1e12,)), x).tolist() == [[0] * x.size]


def test_bins_against_keras(startup: Any) -> None:
    boundaries = [-0.5, 0.0, 1.5]
    x = RNG.normal(size=(6, 7)).astype(np.float32)
    theirs = startup.keras.layers.Discretization(bin_boundaries=boundaries)(x)
    np.testing.assert_array_equal(value(nn.Discretization(tuple(boundaries)), x, dtype="float32"), theirs)


@pytest.mark.parametrize(
    ("options", "keras"),
    [
        ({}, {}),
        ({"mask_token": 0}, {"mask_token": 0}),
        ({"num_oov_indices": 3, "mask_token": -9}, {"num_oov_indices": 3, "mask_token": -9}),
        ({"num_oov_indices": 5, "oov_method": "hash"}, {"num_oov_indices": 5, "oov_method": "farmhash"}),
        (
            {"num_oov_indices": 5, "oov_method": "hash", "salt": (3, -7)},
            {"num_oov_indices": 5, "oov_method": "farmhash", "salt": [3, -7]},
        ),
        ({"invert": True}, {"invert": True}),
        ({"invert": True, "mask_token": 0, "oov_token": -5}, {"invert": True, "mask_token": 0, "oov_token": -5}),
        ({"invert": True, "num_oov_indices": 2}, {"invert": True, "num_oov_indices": 2}),
    ],
)
def test_vocabulary_against_keras(startup: Any, options: dict[str, Any], keras: dict[str, Any]) -> None:
    vocabulary = (12, -36, 1138, 42, 7)
    x = np.concatenate([NUMBERS[0], vocabulary, np.arange(-12, 13)])[None].astype(np.int32)
    theirs = startup.keras.layers.IntegerLookup(vocabulary=list(vocabulary), **keras)(x)
    found = value(nn.IntegerLookup(vocabulary, **options), x)
    np.testing.assert_array_equal(found, theirs)
    assert found.dtype == np.int32


def test_there_and_back() -> None:
    vocabulary = tuple(RNG.permutation(np.arange(-50, 50)).tolist())
    x = np.array([vocabulary, vocabulary[::-1]], np.int32)
    for options in ({}, {"mask_token": 99}, {"num_oov_indices": 0}):
        ids = value(nn.IntegerLookup(vocabulary, **options), x)
        back = value(nn.IntegerLookup(vocabulary, oov_token=1000, invert=True, **options), ids)
        np.testing.assert_array_equal(back, x)


def test_without_an_id_for_others() -> None:
    layer = nn.IntegerLookup((5, 3), num_oov_indices=0)
    assert value(layer, np.array([[3, 4, 5, -1]], np.int32)).tolist() == [[1, -1, 0, -1]]


@pytest.mark.parametrize("salt", [None, 133, (133, 137), (-1, 2**63 - 1)])
@pytest.mark.parametrize("mask", [None, 7])
@pytest.mark.parametrize("bins", [1, 2, 1000, 2**31 - 1])
def test_hashes_against_keras(startup: Any, salt: Any, mask: int | None, bins: int) -> None:
    x = np.concatenate([NUMBERS.ravel(), MANY.ravel()])[None]
    theirs = startup.keras.layers.Hashing(bins, mask_value=mask, salt=salt)(x)
    np.testing.assert_array_equal(value(nn.Hashing(bins, mask, salt), x), theirs)


def test_fingerprints_of_texts_against_tensorflow(startup: Any) -> None:
    """All bits but one, of texts of 0 to 16 bytes."""
    texts = [RNG.integers(1, 256, n, dtype=np.uint8).tobytes() for n in range(17) for _ in range(3)]
    most = 2**63 - 1
    theirs = startup.tf.strings.to_hash_bucket_fast(texts, most).numpy()
    assert [farmhash(text) % most for text in texts] == theirs.tolist()


def test_hashes_that_keras_expects() -> None:
    """Literal values of ``hashing_test.py``."""
    letters = [bytes([c]) for c in b"ABCDE"]
    names = [b"omar", b"stringer", b"marlo", b"wire", b"skywalker"]
    assert [farmhash(text) % 3 for text in letters] == [1, 0, 1, 1, 2]
    assert [farmhash(text) % 2 for text in names] == [0, 0, 1, 0, 0]
    assert [siphash(text, (133, 137)) % 3 for text in letters] == [1, 2, 1, 0, 2]
    assert [siphash(text, (133, 133)) % 3 for text in letters] == [0, 0, 2, 1, 0]
    assert [siphash(text, (133, 137)) % 2 for text in names] == [0, 1, 0, 1, 0]


def test_siphash_of_known_texts() -> None:
    """The paper's example, of 15 bytes, and others of its authors' ``vectors.h``."""
    key = (0x0706050403020100, 0x0F0E0D0C0B0A0908)
    known = {0: "310e0edd47db6f72", 1: "fd67dc93c539f874", 8: "6224939a79f5f593", 15: "e545be4961ca29a1"}
    for length, digest in known.items():
        assert siphash(bytes(range(length)), key).to_bytes(8, "little").hex() == digest


@pytest.mark.parametrize("bins", [7, 2**31 - 1])
def test_crossing_against_keras(startup: Any, bins: int) -> None:
    columns = [RNG.integers(-(2**31), 2**31, (300,), dtype=np.int32) for _ in range(3)]
    for count in (2, 3):
        theirs = startup.keras.layers.HashedCrossing(bins)(columns[:count])
        np.testing.assert_array_equal(value(nn.HashedCrossing(bins), *columns[:count]), theirs)


def test_bins_are_equally_full() -> None:
    x = np.arange(-20000, 20000, dtype=np.int32)[None]
    for layer in (nn.Hashing(16), nn.Hashing(16, salt=5)):
        counts = np.bincount(value(layer, x)[0])
        assert len(counts) == 16 and np.abs(counts - 2500).max() < 5 * 50
    crossed = value(nn.HashedCrossing(16), x, x[:, ::-1].copy())
    assert np.abs(np.bincount(crossed[0]) - 2500).max() < 5 * 50


@pytest.mark.parametrize(
    ("make", "place", "reason"),
    [
        (lambda: nn.Discretization((0.0, 1.0, 1.0)), "bin_boundaries", "more than the boundary 1.0 before, got 1.0"),
        (lambda: nn.IntegerLookup((3, 4, 3)), "vocabulary", "3 stands in the vocabulary twice"),
        (lambda: nn.IntegerLookup((3, 4), mask_token=4), "mask_token", "4 stands in the vocabulary, too"),
        (lambda: nn.IntegerLookup((-1, 4), invert=True), "oov_token", "-1 stands in the vocabulary, too"),
        (lambda: nn.IntegerLookup((3, 4), salt=4), "salt", "belongs to oov_method: hash"),
        (lambda: nn.IntegerLookup((3, 4), 2**31 - 2), "num_oov_indices", "more than an int32 holds"),
        (lambda: nn.IntegerLookup((2**31,)), "vocabulary", "2147483647"),
        (lambda: nn.Hashing(0), "num_bins", "1"),
        (lambda: nn.Hashing(5, salt=2**64), "salt", "less than 18446744073709551616"),
    ],
)
def test_what_is_refused(make: Any, place: str, reason: str) -> None:
    with pytest.raises(SpecError, match=reason) as found:
        make()
    assert found.value.place[0] == place


def test_inputs_that_are_refused() -> None:
    with pytest.raises(ShapeError, match="Hashing takes int32 numbers, got float input"):
        nn.Hashing(5).output_dtype("float")
    with pytest.raises(ShapeError, match="Discretization finds bins of numbers, got bool input"):
        nn.Discretization((0.0,)).output_dtype("bool")
    with pytest.raises(ShapeError, match="needs at least 2 inputs"):
        nn.HashedCrossing(5).output_shape((None, 3))
    with pytest.raises(ShapeError, match=r"inputs of one shape, got \(batch, 3\) and \(batch, 4\)"):
        nn.HashedCrossing(5).output_shape((None, 3), (None, 4))
