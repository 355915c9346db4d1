"""Random bits: Philox4x32-10, one counter-based generator for initial weights, masks and shuffles.

Word i of a draw is word i mod 4 of the block with

    key     = (seed mod 2³², ⌊seed / 2³²⌋)
    counter = (⌊i/4⌋ mod 2³², ⌊⌊i/4⌋ / 2³²⌋, step, stream)

so that any element of any draw can be computed by itself: results depend neither on the number of devices nor on how a
batch is split. The backends repeat this file's arithmetic inside their compiled steps, bit for bit.

Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", SC'11.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_INCREMENTS = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
_MASK = np.uint64(0xFFFFFFFF)


def philox4x32(counter: NDArray[np.uint32], key: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The Philox4x32-10 block function.

    Args:
        counter: (..., 4), the counters.
        key: (..., 2), the keys; broadcasts against the counters.

    Returns:
        (..., 4), four random words per counter.
    """
    c0, c1, c2, c3 = (counter[..., i].astype(np.uint32) for i in range(4))
    k0, k1 = key[..., 0].astype(np.uint32), key[..., 1].astype(np.uint32)
    m0, m1 = (np.uint64(m) for m in MULTIPLIERS)
    w0, w1 = (np.uint32(w) for w in KEY_INCREMENTS)
    with np.errstate(over="ignore"):  # keys wrap around on purpose
        for _ in range(ROUNDS):
            p0, p1 = c0 * m0, c2 * m1
            c0, c1, c2, c3 = (
                (p1 >> np.uint64(32)).astype(np.uint32) ^ c1 ^ k0,
                (p1 & _MASK).astype(np.uint32),
                (p0 >> np.uint64(32)).astype(np.uint32) ^ c3 ^ k1,
                (p0 & _MASK).astype(np.uint32),
            )
            k0, k1 = k0 + w0, k1 + w1
    return np.stack(np.broadcast_arrays(c0, c1, c2, c3), axis=-1)


def words(seed: int, stream: int, step: int, count: int, start: int = 0) -> NDArray[np.uint32]:
    """Words ``start`` to ``start + count`` of the draw (seed, stream, step), each uniform on 0 … 2³² − 1."""
    first, last = start // 4, -(-(start + count) // 4)
    blocks = np.arange(first, last, dtype=np.uint64)
    counter = np.empty((len(blocks), 4), np.uint32)
    counter[:, 0] = blocks & _MASK
    counter[:, 1] = blocks >> np.uint64(32)
    counter[:, 2] = step & 0xFFFFFFFF
    counter[:, 3] = stream
    flat = philox4x32(counter, key_of(seed)).reshape(-1)
    return flat[start - 4 * first : start - 4 * first + count]


def key_of(seed: int) -> NDArray[np.uint32]:
    """The key of a 64-bit seed: (low, high)."""
    return np.array([seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF], np.uint32)


def stream_of(path: str, purpose: str, call: int = 0) -> int:
    """The stream of a purpose at a place: the first four bytes (little-endian) of BLAKE2s over ``path:purpose:call``.

    ``path`` is a node's or a variable's canonical name; ``call`` counts the calls of a shared layer.
    """
    return int.from_bytes(hashlib.blake2s(f"{path}:{purpose}:{call}".encode(), digest_size=4).digest(), "little")


def threshold(probability: float) -> int:
    """``round(probability · 2³²)``: what has this probability happens where a word is below it. 2³² for 1."""
    return round(probability * 2**32)


def keep_threshold(rate: float) -> int:
    """``round((1 − rate) · 2³²)``: an element is kept where its word is below it. 2³² for rate 0."""
    return threshold(1.0 - rate)


def keep_mask(rate: float, shape: tuple[int, ...], seed: int, stream: int, step: int) -> NDArray[np.bool_]:
    """Dropout's mask: True where an element is kept."""
    drawn = words(seed, stream, step, int(np.prod(shape, dtype=np.int64)))
    return (drawn < np.uint64(keep_threshold(rate))).reshape(shape)


def uniforms(seed: int, stream: int, step: int, count: int) -> NDArray[np.float64]:
    """Numbers uniform on (0, 1): (k + ½)/2⁵² with k the top 52 bits of words (2i + 1, 2i), high word first.

    Each is exact in float64 and none is 0 or 1: with 53 bits k + ½ would round, for the largest k to 1.
    """
    pairs = words(seed, stream, step, 2 * count).astype(np.uint64).reshape(count, 2)
    k = ((pairs[:, 1] << np.uint64(32)) | pairs[:, 0]) >> np.uint64(12)
    return (k.astype(np.float64) + 0.5) * 2.0**-52


def coarse_uniforms(seed: int, stream: int, step: int, count: int) -> NDArray[np.float64]:
    """Numbers uniform on (0, 1) that float32 holds, too: those of ``count`` words, by :func:`coarse`."""
    return coarse(words(seed, stream, step, count))


def coarse(drawn: NDArray[np.uint32]) -> NDArray[np.float64]:
    """For each word a number uniform on (0, 1) that float32 holds, too: (k + ½)/2²³ with k its top 23 bits."""
    return ((drawn >> np.uint32(9)).astype(np.float64) + 0.5) * 2.0**-23


def whole(drawn: NDArray[np.uint32], count: int) -> NDArray[np.int64]:
    """For each word an integer uniform on 0 … count − 1: ⌊word · count / 2³²⌋."""
    return ((drawn.astype(np.uint64) * np.uint64(count)) >> np.uint64(32)).astype(np.int64)


def permutation(seed: int, purpose: str, step: int, count: int) -> NDArray[np.int32]:
    """A permutation of 0 … count − 1: the stable order of 64-bit keys drawn from the stream ("data", purpose)."""
    pairs = words(seed, stream_of("data", purpose), step, 2 * count).astype(np.uint64).reshape(count, 2)
    keys: NDArray[Any] = (pairs[:, 1] << np.uint64(32)) | pairs[:, 0]
    return np.argsort(keys, kind="stable").astype(np.int32)
