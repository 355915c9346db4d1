"""Philox on JAX: the published vectors, and the words of ``nnspec.random`` bit for bit."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nnspec import backend, random

jax = pytest.importorskip("jax", reason="the jax backend is not installed")
philox = pytest.importorskip("nnspec_jax.random")
keep_mask = philox.keep_mask

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
@pytest.mark.parametrize("x64", [False, True])
def test_known_answers(counter: tuple[int, ...], key: tuple[int, ...], expected: tuple[int, ...], x64: bool) -> None:
    with jax.enable_x64(x64):
        drawn = jax.jit(philox.philox4x32)(tuple(map(np.uint32, counter)), tuple(map(np.uint32, key)))
    assert tuple(int(word) for word in drawn) == expected
    assert {word.dtype for word in drawn} == {np.dtype(np.uint32)}


DRAWS = [
    pytest.param(0, 1, 2, 1_000_003, 0, id="a million words, odd"),
    pytest.param(7, 0, 0, 1, 0, id="one word"),
    pytest.param(7, 3, 1, 6, 1, id="within a block and beyond"),
    pytest.param(2**64 - 1, 2**32 - 1, 2**32 - 1, 17, 4 * 2**32 - 6, id="block counter over 2**32"),
    pytest.param(0x123456789ABCDEF0, 5, 2**31 + 1, 1001, 2**60 + 3, id="far out"),
]


@pytest.mark.parametrize(("seed", "stream", "step", "count", "start"), DRAWS)
@pytest.mark.parametrize("x64", [False, True])
def test_words_are_those_of_nnspec(seed: int, stream: int, step: int, count: int, start: int, x64: bool) -> None:
    with jax.enable_x64(x64):
        drawn = backend("jax").words(seed, stream, step, count, start)
    assert drawn.dtype == np.uint32
    np.testing.assert_array_equal(drawn, random.words(seed, stream, step, count, start))


@pytest.mark.parametrize("rate", [0.0, 1e-12, 0.1, 0.5, 0.999999])
@pytest.mark.parametrize("shape", [(), (5,), (3, 7, 2), (0, 4)])
def test_masks(rate: float, shape: tuple[int, ...]) -> None:
    mask = jax.jit(lambda key, step: keep_mask(rate, shape, key, 77, step))(random.key_of(2**40 + 9), np.uint32(3))
    np.testing.assert_array_equal(mask, random.keep_mask(rate, shape, 2**40 + 9, 77, 3))


def test_only_the_words_that_are_needed_are_computed() -> None:
    text = str(jax.make_jaxpr(lambda key: keep_mask(0.3, (3, 3), key, 1, 0))(random.key_of(1)))
    sizes = re.findall(r"iota\[dimension=0 dtype=uint32 shape=\((\d+),\)", text)
    assert sorted(sizes) == ["1", "2"]  # three blocks of four for nine elements


def test_bits_are_the_same_within_scan_and_grad() -> None:
    def step(x: jax.Array, k: jax.Array) -> tuple[jax.Array, jax.Array]:
        mask = keep_mask(0.4, (11,), random.key_of(5), 9, k)
        return x, jax.grad(lambda x: (x * mask).sum())(x)

    _, masks = jax.jit(lambda x: jax.lax.scan(step, x, jax.numpy.arange(3, dtype="uint32")))(np.ones(11, np.float32))
    np.testing.assert_array_equal(masks, [random.keep_mask(0.4, (11,), 5, 9, k) for k in range(3)])
    assert masks.dtype == np.float32
