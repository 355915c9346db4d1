"""Philox on TensorFlow: the published vectors, and the words of ``nnspec.random`` bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from nnspec import backend, random

pytest.importorskip("tensorflow", reason="the tensorflow backend is not installed")
from nnspec_tensorflow import random as philox
from nnspec_tensorflow.startup import tf

# Salmon et al. 2011, Random123's kat_vectors: counter, key, result.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
@pytest.mark.parametrize("compiled", [False, True])
def test_known_answers(
    counter: tuple[int, ...], key: tuple[int, ...], expected: tuple[int, ...], compiled: bool
) -> None:
    block = tf.function(philox.philox4x32, jit_compile=True) if compiled else philox.philox4x32
    drawn = block(tuple(tf.constant(c, tf.uint32) for c in counter), tuple(tf.constant(k, tf.uint32) for k in key))
    assert tuple(int(word) for word in drawn) == expected
    assert {word.dtype for word in drawn} == {tf.uint32}


DRAWS = [
    pytest.param(0, 1, 2, 1_000_003, 0, id="a million words, odd"),
    pytest.param(7, 0, 0, 1, 0, id="one word"),
    pytest.param(7, 3, 1, 6, 1, id="within a block and beyond"),
    pytest.param(2**64 - 1, 2**32 - 1, 2**32 - 1, 17, 4 * 2**32 - 6, id="block counter over 2**32"),
    pytest.param(0x123456789ABCDEF0, 5, 2**31 + 1, 1001, 2**60 + 3, id="far out"),
]


@pytest.mark.parametrize(("seed", "stream", "step", "count", "start"), DRAWS)
def test_words_are_those_of_nnspec(seed: int, stream: int, step: int, count: int, start: int) -> None:
    drawn = backend("tensorflow").words(seed, stream, step, count, start)
    assert drawn.dtype == np.uint32
    np.testing.assert_array_equal(drawn, random.words(seed, stream, step, count, start))


def test_uncompiled_words_are_the_same() -> None:
    key, first = tf.constant(random.key_of(2**63 + 11)), tf.constant(2**32 - 3, tf.uint64)
    drawn = philox.words(key, 9, tf.constant(2**32 - 1, tf.uint32), 100_001, first)
    np.testing.assert_array_equal(drawn, random.words(2**63 + 11, 9, 2**32 - 1, 100_001, 4 * (2**32 - 3)))


@pytest.mark.parametrize("rate", [0.0, 1e-12, 0.1, 0.5, 0.999999])
@pytest.mark.parametrize("shape", [(), (5,), (3, 7, 2), (0, 4)])
@pytest.mark.parametrize("compiled", [False, True])
def test_masks(rate: float, shape: tuple[int, ...], compiled: bool) -> None:
    def draw(x: tf.Tensor, key: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        return philox.keep_mask(rate, x, key, 77, step)

    run = tf.function(draw, jit_compile=True, autograph=False) if compiled else draw
    mask = run(tf.zeros(shape), tf.constant(random.key_of(2**40 + 9)), tf.constant(3, tf.uint32))
    np.testing.assert_array_equal(mask.numpy(), random.keep_mask(rate, shape, 2**40 + 9, 77, 3))


@pytest.mark.parametrize("compiled", [False, True])
def test_a_batch_size_that_is_known_only_when_the_graph_runs(compiled: bool) -> None:
    key = tf.constant(random.key_of(4))

    @tf.function(jit_compile=compiled or None, autograph=False, input_signature=[tf.TensorSpec((None, 3), tf.float32)])
    def draw(x: tf.Tensor) -> tf.Tensor:
        return philox.keep_mask(0.4, x, key, 8, tf.constant(2, tf.uint32))

    for rows in (1, 5, 6):
        np.testing.assert_array_equal(draw(tf.zeros((rows, 3))).numpy(), random.keep_mask(0.4, (rows, 3), 4, 8, 2))
