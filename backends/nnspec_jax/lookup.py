"""Ids made of numbers: bins, vocabularies and hashes.

Hashes are computed in uint64, which JAX turns into uint32 without a word where x64 is off: hence ``jax.enable_x64``
around them (see :mod:`nnspec_jax.random`).
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from nnspec.layers.lookup import CROSSING_KEY, Discretization, HashedCrossing, Hashing, IntegerLookup
from nnspec_jax.realize import Context, build

Function = Callable[..., jax.Array]
DIGITS = 10  # of an int32
_ZERO, _MINUS = np.uint64(ord("0")), np.uint64(ord("-"))


@build.register
def discretization(spec: Discretization, context: Context) -> Function:
    def bins(x: jax.Array) -> jax.Array:
        floats = jnp.issubdtype(x.dtype, jnp.floating)
        boundaries = jnp.asarray(np.array(spec.bin_boundaries if floats else spec.whole), x.dtype)
        return jnp.sum(~(x[..., None] < boundaries), -1, dtype=jnp.int32)  # NaN is below none

    return bins


@build.register
def integer_lookup(spec: IntegerLookup, context: Context) -> Function:
    vocabulary = np.array(spec.vocabulary, np.int32)
    order = np.argsort(vocabulary).astype(np.int32)

    def ids(x: jax.Array) -> jax.Array:
        place = jnp.minimum(jnp.searchsorted(vocabulary[order], x), len(vocabulary) - 1)
        known = jnp.asarray(vocabulary[order])[place] == x
        found = jnp.where(known, jnp.asarray(order)[place] + spec.start, _out_of_vocabulary(spec, x))
        return found if spec.mask_token is None else jnp.where(x == spec.mask_token, 0, found)

    def tokens(x: jax.Array) -> jax.Array:
        place = x - spec.start
        known = (x >= spec.start) & (x < spec.start + len(vocabulary))
        found = jnp.where(known, jnp.asarray(vocabulary)[jnp.where(known, place, 0)], spec.oov_token)
        return found if spec.mask_token is None else jnp.where(x == 0, spec.mask_token, found)

    return tokens if spec.invert else ids


def _out_of_vocabulary(spec: IntegerLookup, x: jax.Array) -> jax.Array:
    """The ids of numbers that have none of their own."""
    if spec.num_oov_indices == 0:
        return jnp.full_like(x, -1)
    several = x % spec.num_oov_indices if spec.oov_method == "remainder" else hashed(spec.hashing, x)
    return spec.masks + several


@build.register
def hashing(spec: Hashing, context: Context) -> Function:
    return lambda x: hashed(spec, x)


def hashed(spec: Hashing, x: jax.Array) -> jax.Array:
    """The bins of whole numbers by the hash of their texts."""
    with jax.enable_x64(True):
        text = _text(x)
        fingerprint = _farmhash(*text) if spec.key is None else _siphash(*text, spec.key)
        bins = (fingerprint % np.uint64(spec.num_bins - spec.masked)).astype(jnp.int32)
    return jnp.where(x == spec.mask_value, 0, bins + 1) if spec.masked else bins


@build.register
def hashed_crossing(spec: HashedCrossing, context: Context) -> Function:
    def crossed(*inputs: jax.Array) -> jax.Array:
        with jax.enable_x64(True):
            joint = jnp.full(inputs[0].shape, CROSSING_KEY, jnp.uint64)
            for x in inputs:  # the sign fills the upper half
                joint = _joined(joint, x.astype(jnp.int64).astype(jnp.uint64))
            return (joint % np.uint64(spec.num_bins)).astype(jnp.int32)

    return crossed


# -- hashes: all in uint64 --------------------------------------------------------------------------------------------


def _text(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The decimal text of whole numbers: its first eight bytes and the others as little-endian words, its length."""
    wide = x.astype(jnp.int64)
    magnitude, negative = jnp.abs(wide).astype(jnp.uint64), wide < 0
    digits = jnp.ones_like(magnitude)
    for i in range(1, DIGITS):
        digits += (magnitude >= np.uint64(10**i)).astype(jnp.uint64)
    length = digits + negative.astype(jnp.uint64)
    first = jnp.where(negative, _MINUS, np.uint64(0))
    rest = jnp.zeros_like(first)
    for i in range(DIGITS):  # from the last digit to the first
        digit = magnitude // np.uint64(10**i) % np.uint64(10)
        place = length - np.uint64(i + 1)  # without meaning beyond the first digit, where no byte is
        byte = jnp.where(np.uint64(i) < digits, (_ZERO + digit) << (place % np.uint64(8) * np.uint64(8)), np.uint64(0))
        first |= jnp.where(place < np.uint64(8), byte, np.uint64(0))
        rest |= jnp.where(place < np.uint64(8), np.uint64(0), byte)
    return first, rest, length


def _mix(x: jax.Array) -> jax.Array:
    return x ^ (x >> np.uint64(47))


def _turned_left(x: jax.Array, bits: int) -> jax.Array:
    return (x << np.uint64(bits)) | (x >> np.uint64(64 - bits))


_K0, _K2 = np.uint64(0xC3A5C85C97CB3127), np.uint64(0x9AE16A3B2F90404F)
_CROSSING = np.uint64(0xC6A4A7935BD1E995)


def _farmhash(first: jax.Array, rest: jax.Array, length: jax.Array) -> jax.Array:
    """FarmHash's Fingerprint64 of texts of 1 to 15 bytes: one formula each for up to 3, up to 7, and more."""
    byte, half = np.uint64(0xFF), np.uint64(0xFFFFFFFF)

    def shift(places: jax.Array) -> jax.Array:
        return places * np.uint64(8)

    factor = _K2 + np.uint64(2) * length
    beyond = jnp.where(length > np.uint64(8), length - np.uint64(8), np.uint64(0))
    a = first + _K2
    # The last eight bytes. Shifted in two steps, since by 64 bits is by none on some machines.
    b = (first >> shift(beyond)) | ((rest << (np.uint64(56) - shift(beyond))) << np.uint64(8))
    c, d = _turned_left(b, 64 - 37) * factor + a, (_turned_left(a, 64 - 25) + b) * factor
    long = _of_two(c, d, factor)

    short = jnp.clip(length, np.uint64(4), np.uint64(8)) - np.uint64(4)
    middle = _of_two(length + ((first & half) << np.uint64(3)), (first >> shift(short)) & half, factor)

    few = jnp.minimum(length, np.uint64(3))
    initial, central, last = (
        (first >> shift(places)) & byte for places in (jnp.zeros_like(few), few >> np.uint64(1), few - np.uint64(1))
    )
    y, z = initial + (central << np.uint64(8)), length + (last << np.uint64(2))
    tiny = _mix(y * _K2 ^ z * _K0) * _K2
    return jnp.where(length >= np.uint64(8), long, jnp.where(length >= np.uint64(4), middle, tiny))


def _of_two(u: jax.Array, v: jax.Array, factor: jax.Array) -> jax.Array:
    return _mix((v ^ _mix((u ^ v) * factor)) * factor) * factor


def _siphash(first: jax.Array, rest: jax.Array, length: jax.Array, key: tuple[int, int]) -> jax.Array:
    """SipHash-2-4 of texts of up to 15 bytes: the first word counts where the text fills it, the last one always."""
    constants = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    state = tuple(jnp.full_like(first, np.uint64(c ^ key[i % 2])) for i, c in enumerate(constants))
    full = length >= np.uint64(8)
    absorbed = _absorbed(state, first)
    state = tuple(jnp.where(full, new, old) for new, old in zip(absorbed, state, strict=True))
    state = _absorbed(state, jnp.where(full, rest, first) | (length << np.uint64(56)))
    v0, v1, v2, v3 = state
    v0, v1, v2, v3 = _rounds(v0, v1, v2 ^ np.uint64(0xFF), v3, count=4)
    return v0 ^ v1 ^ v2 ^ v3


def _absorbed(state: tuple[jax.Array, ...], word: jax.Array) -> tuple[jax.Array, ...]:
    v0, v1, v2, v3 = state
    v0, v1, v2, v3 = _rounds(v0, v1, v2, v3 ^ word, count=2)
    return v0 ^ word, v1, v2, v3


def _rounds(v0: jax.Array, v1: jax.Array, v2: jax.Array, v3: jax.Array, *, count: int) -> tuple[jax.Array, ...]:
    for _ in range(count):
        v0, v2 = v0 + v1, v2 + v3
        v1, v3 = _turned_left(v1, 13) ^ v0, _turned_left(v3, 16) ^ v2
        v0 = _turned_left(v0, 32)
        v2, v0 = v2 + v1, v0 + v3
        v1, v3 = _turned_left(v1, 17) ^ v2, _turned_left(v3, 21) ^ v0
        v2 = _turned_left(v2, 32)
    return v0, v1, v2, v3


def _joined(a: jax.Array, b: jax.Array) -> jax.Array:
    r = (a ^ _CROSSING ^ _mix(b * _CROSSING) * _CROSSING) * _CROSSING
    return _mix(_mix(r) * _CROSSING)
