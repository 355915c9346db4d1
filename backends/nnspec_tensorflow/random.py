"""Philox4x32-10 as TensorFlow operations: the bits of :mod:`nnspec.random`, inside the compiled step.

The 64-bit products are uint64 multiplications. XLA fuses all ten rounds into one loop over the blocks; the same
operations also run uncompiled on a CPU.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import cache, reduce
from typing import Any

from nnspec.random import KEY_INCREMENTS, MULTIPLIERS, ROUNDS, keep_threshold
from nnspec_tensorflow.compilation import island
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


def words(key: Tensor, stream: int, step: Tensor, count: Any, first_block: Tensor) -> Tensor:
    """``count`` words of the draw, from word 4 · ``first_block`` on.

    Args:
        key: uint32 (2,), the seed as low and high word.
        stream: the stream, from :func:`nnspec.random.stream_of`.
        step: uint32 scalar.
        count: an integer, or an int64 scalar where a batch size is known only when the graph runs.
        first_block: uint64 scalar.

    Returns:
        uint32 (count,).
    """
    numbers = _numbers((count + 3) // 4, first_block)
    return _traced(_interleaved)(numbers, key, tf.constant(stream, tf.uint32), step)[:count]


def _numbers(count: Any, first: Tensor) -> Tensor:
    """The numbers of so many blocks, from this one on."""
    return tf.cast(tf.range(count, dtype=tf.int64), tf.uint64) + first


def _blocks(numbers: Tensor, key: Tensor, stream: Tensor, step: Tensor) -> tuple[Tensor, ...]:
    """The four words of each of these blocks."""
    low = tf.cast(numbers, tf.uint32)
    high = tf.cast(tf.bitwise.right_shift(numbers, tf.constant(32, tf.uint64)), tf.uint32)
    same = tf.zeros_like(low)
    return philox4x32((low, high, same + step, same + stream), (key[0], key[1]))


@cache
def _traced(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function of block numbers, key, stream, step and more scalars, traced once in a process.

    A model has many masks, and tracing the two hundred operations of one takes longer than compiling them. XLA inlines
    the function wherever it is called.
    """
    scalar = tf.TensorSpec([], tf.uint32)
    signature = [tf.TensorSpec([None], tf.uint64), tf.TensorSpec([2], tf.uint32), scalar, scalar]
    more = len(inspect.signature(function).parameters) - len(signature)
    return tf.function(function, input_signature=signature + [scalar] * more, autograph=False)


def _interleaved(numbers: Tensor, key: Tensor, stream: Tensor, step: Tensor) -> Tensor:
    """The words of these blocks, one block after the other."""
    return tf.reshape(tf.stack(_blocks(numbers, key, stream, step), axis=-1), [-1])


def keep_mask(rate: float, like: Tensor, key: Tensor, stream: int, step: Tensor) -> Tensor:
    """Dropout's mask for a tensor, as :func:`nnspec.random.keep_mask`: True where an element is kept."""
    threshold = keep_threshold(rate)
    if threshold == 2**32:  # one more than a word can hold: everything is kept
        return tf.ones_like(like, tf.bool)
    # The words alone are compiled, where not all is: in a program that ended with bytes, XLA for CPUs would draw the
    # words again for each of them.
    words = island(lambda like, key, step: _mask_words(threshold, like, key, stream, step))(like, key, step)
    shape, count = _size(like)
    return tf.reshape(tf.cast(tf.reshape(tf.bitcast(words, tf.uint8), [-1])[:count], tf.bool), shape)


def normals(like: Tensor, key: Tensor, stream: int, step: Tensor) -> Tensor:
    """Standard normal numbers √2 · erf⁻¹(2u − 1), with the u of :func:`nnspec.random.coarse_uniforms`.

    Of the shape and in the dtype of ``like``, which is float32 or float64.
    """
    return island(lambda like, key, step: _normals(like, key, stream, step))(like, key, step)


def _normals(like: Tensor, key: Tensor, stream: int, step: Tensor) -> Tensor:
    shape, count = _size(like)
    drawn = words(key, stream, step, count, tf.constant(0, tf.uint64))
    k = tf.cast(tf.bitwise.right_shift(drawn, tf.constant(9, tf.uint32)), tf.int32)
    odd = 2 * k + tf.constant(1 - 2**23, tf.int32)  # over 2²³, it is 2u − 1
    # In float64: in float32, erfinv is off by up to 40 ULP where its argument is close to ±1.
    z = tf.math.erfinv(tf.cast(odd, tf.float64) * tf.constant(2.0**-23, tf.float64))
    return tf.reshape(tf.cast(z * tf.constant(math.sqrt(2.0), tf.float64), like.dtype), shape)


def _size(like: Tensor) -> tuple[Any, Any]:
    """A tensor's shape, and how many elements it has: numbers where they are known."""
    known = like.shape.is_fully_defined()
    shape = like.shape.as_list() if known else tf.shape(like, tf.int64)
    return shape, math.prod(shape) if known else tf.reduce_prod(shape)


def _mask_words(threshold: int, like: Tensor, key: Tensor, stream: int, step: Tensor) -> Tensor:
    """Words whose bytes, in the order in which they lie in memory, are 1 where an element is kept, else 0.

    So the four words of a block need not be interleaved, as in words(). In two parts, since XLA for CPUs would draw a
    mask again, byte by byte, in each place that uses it: it fuses everything into what follows except a concatenation.
    """
    blocks = (_size(like)[1] + 3) // 4
    half = blocks // 2
    parts = [_numbers(half, tf.constant(0, tf.uint64)), _numbers(blocks - half, tf.cast(half, tf.uint64))]
    given = (tf.constant(stream, tf.uint32), step, tf.constant(threshold, tf.uint32))
    return tf.concat([_traced(_packed)(numbers, key, *given) for numbers in parts], 0)


def _packed(numbers: Tensor, key: Tensor, stream: Tensor, step: Tensor, threshold: Tensor) -> Tensor:
    """For each of these blocks a word whose bytes are 1 where the block's words are below the threshold, else 0."""
    below = [tf.cast(word < threshold, tf.uint32) for word in _blocks(numbers, key, stream, step)]
    shifted = (tf.bitwise.left_shift(bit, tf.constant(8 * i, tf.uint32)) for i, bit in enumerate(below))
    return reduce(tf.bitwise.bitwise_or, shifted)
