"""Philox4x32-10 in ``jax.numpy``: the words of :mod:`nnspec.random`, bit for bit, inside a compiled step.

The 32×32→64-bit products need uint64, which JAX turns into uint32 without a word where x64 is off. Hence
``jax.enable_x64`` around them, within the traced function: it changes how they are traced and nothing else, holds under
jit, grad and scan, and lowers for every platform.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnspec.random import KEY_INCREMENTS, MULTIPLIERS, ROUNDS, keep_threshold


def wide_product(a: jax.Array, multiplier: int) -> tuple[jax.Array, jax.Array]:
    """The high and the low 32 bits of a · multiplier."""
    with jax.enable_x64(True):
        product = a.astype(jnp.uint64) * np.uint64(multiplier)
        return (product >> np.uint64(32)).astype(jnp.uint32), product.astype(jnp.uint32)


def philox4x32(
    counter: tuple[jax.Array, jax.Array, jax.Array, jax.Array], key: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """The Philox4x32-10 block function on uint32 arrays that broadcast: counter (four words), key (two words)."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        high0, low0 = wide_product(c0, MULTIPLIERS[0])
        high1, low1 = wide_product(c2, MULTIPLIERS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = k0 + np.uint32(KEY_INCREMENTS[0]), k1 + np.uint32(KEY_INCREMENTS[1])
    return c0, c1, c2, c3


def words(
    seed: jax.Array,
    stream: jax.Array | int,
    step: jax.Array | int,
    count: int,
    offset: int = 0,
    first_block: tuple[jax.Array | int, jax.Array | int] = (0, 0),
) -> jax.Array:
    """``count`` words of the draw (seed, stream, step), as :func:`nnspec.random.words`.

    Args:
        seed: the key, uint32 (2,): the seed's low and high half.
        stream, step: uint32 scalars.
        count: how many words; static.
        offset: how many words of the first block to pass over, 0 to 3; static.
        first_block: the low and high half of the first block's number. A draw that starts at word ``start`` has the
            first block start // 4 and the offset start % 4.

    Returns:
        uint32 (count,).
    """
    drawn = _blocks(seed, stream, step, -(-(offset + count) // 4), first_block)
    # Without the barrier XLA fuses the rounds into the interleaving below, and runs them for each of the four words.
    drawn = jax.lax.optimization_barrier(drawn)
    return jnp.stack(jnp.broadcast_arrays(*drawn), axis=-1).reshape(-1)[offset : offset + count]


def _blocks(
    seed: jax.Array,
    stream: jax.Array | int,
    step: jax.Array | int,
    count: int,
    first: tuple[jax.Array | int, jax.Array | int] = (0, 0),
) -> tuple[jax.Array, ...]:
    """The four words of each of ``count`` blocks, from the block with this number (low and high half) on."""
    low, high = (jnp.asarray(half, jnp.uint32) for half in first)
    key = jnp.asarray(seed, jnp.uint32)
    index = jax.lax.iota(jnp.uint32, count)
    c0 = index + low
    c1 = high + (c0 < index).astype(jnp.uint32)  # the sum has wrapped around where it is below its first term
    c2, c3 = jnp.asarray(step, jnp.uint32), jnp.asarray(stream, jnp.uint32)
    return philox4x32((c0, c1, c2, c3), (key[0], key[1]))


def keep_mask(
    rate: float, shape: tuple[int, ...], seed: jax.Array, stream: jax.Array | int, step: jax.Array | int
) -> jax.Array:
    """Dropout's mask, as :func:`nnspec.random.keep_mask`: True where an element is kept."""
    threshold = keep_threshold(rate)
    if threshold >= 2**32:  # no word reaches it, and it is no uint32
        return jnp.ones(shape, jnp.bool_)
    count = int(np.prod(shape, dtype=np.int64))
    # What becomes of the four words of a block is put into the bytes of one word: they lie in memory in the order of
    # the elements, where words that are interleaved, as in words(), would have to be brought into it.
    blocks = -(-count // 4)
    half = blocks // 2
    draw = [jnp.asarray(x, jnp.uint32) for x in (seed, stream, step)]
    packed = [_packed(*draw, size, first, threshold) for first, size in ((0, half), (half, blocks - half))]
    # XLA's compiler for CPUs would draw a mask again, byte by byte, in each place that uses it: it fuses everything
    # into what follows, barriers or not, except a concatenation.
    kept = jax.lax.bitcast_convert_type(jnp.concatenate(packed), jnp.uint8)
    return kept.reshape(-1)[:count].astype(jnp.bool_).reshape(shape)


def normals(
    shape: tuple[int, ...], dtype: Any, seed: jax.Array, stream: jax.Array | int, step: jax.Array | int
) -> jax.Array:
    """Standard normal numbers √2 · erf⁻¹(2u − 1), with the u of :func:`nnspec.random.coarse_uniforms`."""
    k = (words(seed, stream, step, int(np.prod(shape, dtype=np.int64))) >> np.uint32(9)).astype(jnp.int32)
    odd = 2 * k + np.int32(1 - 2**23)  # over 2²³, it is 2u − 1
    with jax.enable_x64(True):  # in float32, erf_inv is off by up to 40 ULP where its argument is close to ±1
        z = jax.lax.erf_inv(odd.astype(jnp.float64) * 2.0**-23) * math.sqrt(2.0)
        return z.astype(dtype).reshape(shape)


@partial(jax.jit, static_argnames=("blocks", "first", "threshold"))  # traced once for masks of one size
def _packed(seed: jax.Array, stream: jax.Array, step: jax.Array, blocks: int, first: int, threshold: int) -> jax.Array:
    """For each block a word whose bytes are 1 where the block's words are below the threshold, else 0."""
    packed = jnp.zeros((blocks,), jnp.uint32)
    for i, word in enumerate(_blocks(seed, stream, step, blocks, (first, 0))):
        packed |= (word < np.uint32(threshold)).astype(jnp.uint32) << np.uint32(8 * i)
    return packed
