"""The generator against Random123's published vectors, and the properties that docs/randomness.md promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

import nnspec as nn
from nnspec import random
from nnspec.errors import SpecError
from nnspec.reference.random import streams

# kat_vectors of Random123: counter, key, output.
KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words_of(text: str) -> np.ndarray:
    return np.array([int(word, 16) for word in text.split()], np.uint32)


def philox_by_hand(counter: list[int], key: list[int]) -> list[int]:
    """The block function in Python's whole numbers, as the paper has it."""
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 % 2**32, (p0 >> 32) ^ c[3] ^ k[1], p0 % 2**32]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


@pytest.mark.parametrize(("counter", "key", "output"), KNOWN_ANSWERS)
def test_known_answers(counter: str, key: str, output: str) -> None:
    np.testing.assert_array_equal(random.philox4x32(words_of(counter), words_of(key)), words_of(output))


@given(st.lists(st.integers(0, 2**32 - 1), min_size=6, max_size=6))
def test_block_function_on_any_counter_and_key(numbers: list[int]) -> None:
    counter, key = numbers[:4], numbers[4:]
    made = random.philox4x32(np.array(counter, np.uint32), np.array(key, np.uint32))
    assert made.tolist() == philox_by_hand(counter, key)


def test_blocks_at_once_are_blocks_one_by_one() -> None:
    counters = np.random.default_rng(0).integers(0, 2**32, (5, 3, 4), np.uint32)
    key = words_of("01234567 89abcdef")
    made = random.philox4x32(counters, key)
    assert made.shape == (5, 3, 4)
    for index in np.ndindex(5, 3):
        np.testing.assert_array_equal(made[index], random.philox4x32(counters[index], key))


@given(st.integers(0, 2**40), st.integers(0, 40), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
def test_words_are_random_access(start: int, count: int, seed: int, stream: int) -> None:
    """Any slice of a draw is what the draw has there, wherever it starts within a block."""
    made = random.words(seed, stream, 3, count, start)
    assert made.dtype == np.uint32
    for i, word in enumerate(made.tolist(), start):
        block = philox_by_hand([i // 4 % 2**32, i // 4 // 2**32, 3, stream], [seed % 2**32, seed // 2**32])
        assert word == block[i % 4]


def test_counters_above_32_bits() -> None:
    made = random.words(0x0123456789ABCDEF, 0xDEADBEEF, 3, 5, start=2**34 + 2)
    np.testing.assert_array_equal(made, words_of("ef1db7b4 ea54b7ca 9ae80204 ea5b06ac f8b6fe3f"))
    across = random.words(1, 2, 0, 8, start=4 * 2**32 - 4)
    assert across.tolist() == philox_by_hand([2**32 - 1, 0, 0, 2], [1, 0]) + philox_by_hand([0, 1, 0, 2], [1, 0])


def test_seeds_are_64_bits_wide_and_steps_32() -> None:
    assert random.key_of(0x0123456789ABCDEF).tolist() == [0x89ABCDEF, 0x01234567]
    assert random.key_of(-1).tolist() == random.key_of(2**64 - 1).tolist() == [2**32 - 1] * 2
    assert random.words(1 << 40, 0, 0, 4).tolist() != random.words(0, 0, 0, 4).tolist()
    assert random.words(5, 6, 2**32 + 7, 4).tolist() == random.words(5, 6, 7, 4).tolist()


@pytest.mark.parametrize(
    ("text", "stream"),
    [
        ("dense/kernel:init:0", 0xEA371724),
        ("dropout:dropout:0", 0xB96B4C82),
        ("dropout:dropout:1", 0x11176874),
        ("data:shuffle:0", 0x9B9FAE62),
        ("data:split:0", 0x777E539A),
    ],
)
def test_streams_never_change(text: str, stream: int) -> None:
    path, purpose, call = text.split(":")
    assert random.stream_of(path, purpose, int(call)) == stream


def test_words_are_uniform() -> None:
    drawn = random.words(3, 5, 1, 2**16)
    for shift in range(0, 32, 8):
        counts = np.bincount((drawn >> np.uint32(shift)) & np.uint32(255), minlength=256)
        assert stats.chisquare(counts).pvalue > 1e-3


def test_uniforms_never_change_and_stay_between_0_and_1(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = random.uniforms(7, random.stream_of("dense/kernel", "init"), 0, 3)
    assert [u.hex() for u in drawn.tolist()] == ["0x1.fd7b2f227b59dp-1", "0x1.1453501d1c5c0p-7", "0x1.9d5e900d80c56p-2"]
    low = random.words(7, random.stream_of("dense/kernel", "init"), 0, 2).tolist()
    assert drawn[0] == ((low[1] * 2**32 + low[0]) // 2**12 + 0.5) / 2**52
    for word, extreme in ((0, 2.0**-53), (2**32 - 1, 1 - 2.0**-53)):
        monkeypatch.setattr(random, "words", lambda *_, word=word: np.array([word, word], np.uint32))
        assert random.uniforms(0, 0, 0, 1).tolist() == [extreme]


def test_uniforms_are_uniform() -> None:
    assert stats.kstest(random.uniforms(11, 13, 0, 20000), "uniform").pvalue > 1e-2


def test_keep_threshold() -> None:
    assert random.keep_threshold(0.0) == 2**32
    assert random.keep_threshold(0.5) == 2**31
    assert random.keep_threshold(0.3) == 0xB3333333


def test_keep_masks_never_change() -> None:
    kept = random.keep_mask(0.3, (2, 8), 7, random.stream_of("dropout", "dropout"), 5)
    assert kept.dtype == np.bool_
    assert kept.astype(int).tolist() == [[0, 1, 0, 1, 1, 1, 1, 0], [1, 1, 1, 1, 0, 1, 1, 1]]


def test_keep_masks_keep_their_share_and_differ_by_step_stream_and_seed() -> None:
    masks = [
        random.keep_mask(0.2, (300, 100), seed, stream, step)
        for seed, stream, step in ((1, 2, 3), (1, 2, 4), (1, 3, 3), (2, 2, 3))
    ]
    for i, mask in enumerate(masks):
        assert abs(mask.mean() - 0.8) < 4 * np.sqrt(0.2 * 0.8 / mask.size)
        for other in masks[:i]:
            assert abs((mask == other).mean() - 0.68) < 0.02  # as independent ones: 0.8² + 0.2²
    assert random.keep_mask(0.0, (1000,), 1, 2, 3).all()
    assert random.keep_mask(0.5, (0, 4), 1, 2, 3).shape == (0, 4)


def test_permutations_never_change() -> None:
    assert random.permutation(7, "shuffle", 2, 10).tolist() == [6, 0, 3, 8, 4, 7, 9, 5, 2, 1]
    assert random.permutation(7, "split", 0, 10).tolist() == [3, 7, 0, 4, 2, 6, 9, 5, 1, 8]


def test_permutation_is_the_order_of_64_bit_keys() -> None:
    drawn = random.words(7, random.stream_of("data", "shuffle"), 4, 60).tolist()
    keys = [high * 2**32 + low for low, high in zip(drawn[::2], drawn[1::2], strict=True)]
    assert random.permutation(7, "shuffle", 4, 30).tolist() == sorted(range(30), key=keys.__getitem__)


def test_streams_of_a_model_count_calls_of_shared_layers() -> None:
    drop = nn.Dropout(0.5, name="drop")
    encoder = nn.Sequential([nn.Dense(3, name="dense"), drop], name="encoder")
    x = nn.symbol([3])
    y = encoder(encoder(x))
    z = nn.Dropout(0.1, name="last")(y)
    found = streams(nn.Model(inputs=x, outputs=z))
    assert set(found) == {
        "encoder/dense/kernel:init:0",
        "encoder/dense/bias:init:0",
        "encoder/drop:dropout:0",
        "encoder/drop:dropout:1",
        "last:dropout:0",
        "data:mixing:0",
        "data:shuffle:0",
        "data:split:0",
    }
    for label, stream in found.items():
        path, purpose, call = label.split(":")
        assert stream == random.stream_of(path, purpose, int(call))


def test_streams_that_coincide_are_an_error() -> None:
    assert random.stream_of("d46162/kernel", "init") == random.stream_of("d45368", "dropout")  # found by search
    model = nn.Sequential([nn.Dense(2, name="d46162"), nn.Dropout(0.5, name="d45368")], [3])
    with pytest.raises(
        SpecError, match=r"'d46162/kernel:init:0' and 'd45368:dropout:0' have the same number 0x10b8fe45"
    ):
        streams(model)
