"""Philox4x32-10 as TensorFlow operations: the bits of :mod:`nnspec.random`, inside the compiled step.

The 64-bit products are uint64 multiplications. XLA fuses all ten rounds into one loop over the blocks; the same
operations also run uncompiled on a CPU.
"""

from __future__ import annotations

import math
from typing import Any

from nnspec.random import KEY_INCREMENTS, MULTIPLIERS, ROUNDS, keep_threshold
from nnspec_tensorflow.startup import tf

Tensor = Any


def philox4x32(counter: tuple[Tensor, ...], key: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
    """The Philox4x32-10 block function on uint32 tensors.

    Args:
        counter: the four words of the counters; they broadcast against each other.
        key: the two words of the key.

    Returns:
        The four random words of each counter.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    m0, m1 = (tf.constant(m, tf.uint64) for m in MULTIPLIERS)
    half = tf.constant(32, tf.uint64)
    for r in range(ROUNDS):
        if r:
            # The key words grow modulo 2³², which uint32 addition does by itself.
            k0, k1 = (k + tf.constant(w, tf.uint32) for k, w in zip((k0, k1), KEY_INCREMENTS, strict=True))
        p0, p1 = tf.cast(c0, tf.uint64) * m0, tf.cast(c2, tf.uint64) * m1
        high0, high1 = (tf.cast(tf.bitwise.right_shift(p, half), tf.uint32) for p in (p0, p1))
        xor = tf.bitwise.bitwise_xor
        c0, c1, c2, c3 = (
            xor(xor(high1, c1), k0),
            tf.cast(p1, tf.uint32),  # the cast keeps the low 32 bits
            xor(xor(high0, c3), k1),
            tf.cast(p0, tf.uint32),
        )
    return c0, c1, c2, c3


def words(key: Tensor, stream: int, step: Tensor, count: Any, first_block: Tensor | None = None) -> Tensor:
    """The first ``count`` words of the draw, or those from word 4 · ``first_block`` on.

    Args:
        key: uint32 (2,), the seed as low and high word.
        stream: the stream, from :func:`nnspec.random.stream_of`.
        step: uint32 scalar.
        count: an integer, or an int64 scalar where a batch size is known only when the graph runs.
        first_block: uint64 scalar.

    Returns:
        uint32 (count,).
    """
    blocks = tf.cast(tf.range((count + 3) // 4, dtype=tf.int64), tf.uint64)
    if first_block is not None:
        blocks += first_block
    low = tf.cast(blocks, tf.uint32)
    high = tf.cast(tf.bitwise.right_shift(blocks, tf.constant(32, tf.uint64)), tf.uint32)
    same = tf.zeros_like(low)
    counter = (low, high, same + step, same + tf.constant(stream, tf.uint32))
    return tf.reshape(tf.stack(philox4x32(counter, (key[0], key[1])), axis=-1), [-1])[:count]


def keep_mask(rate: float, like: Tensor, key: Tensor, stream: int, step: Tensor) -> Tensor:
    """Dropout's mask for a tensor, as :func:`nnspec.random.keep_mask`: True where an element is kept."""
    threshold = keep_threshold(rate)
    if threshold == 2**32:  # one more than a word can hold: everything is kept
        return tf.ones_like(like, tf.bool)
    known = like.shape.is_fully_defined()
    shape = like.shape.as_list() if known else tf.shape(like, tf.int64)
    drawn = words(key, stream, step, math.prod(shape) if known else tf.reduce_prod(shape))
    return tf.reshape(drawn < tf.constant(threshold, tf.uint32), shape)
