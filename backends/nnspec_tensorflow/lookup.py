"""Ids made of numbers: bins, vocabularies and hashes.

Keras's layers look numbers up in tables and hash strings, which XLA compiles neither of. What they give is computed
here by uint64 operations.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.layers.base import Layer
from nnspec.layers.lookup import CROSSING_KEY, Discretization, HashedCrossing, Hashing, IntegerLookup
from nnspec_tensorflow.compilation import island
from nnspec_tensorflow.realize import Context, build
from nnspec_tensorflow.startup import keras, tf
from nnspec_tensorflow.stateless import SpecFunction, formula

Tensor = Any
DIGITS = 10  # of an int32


@build.register(Discretization)
@build.register(HashedCrossing)
@build.register(Hashing)
@build.register(IntegerLookup)
def lookup(spec: Layer, context: Context) -> keras.layers.Layer:
    return SpecFunction(spec, **context.options)


@formula.register
def discretization(spec: Discretization, x: Tensor) -> Tensor:
    numbers = np.array(spec.bin_boundaries if x.dtype.is_floating else spec.whole)
    boundaries = tf.constant(numbers, x.dtype)
    return tf.reduce_sum(tf.cast(~(x[..., None] < boundaries), tf.int32), -1)  # NaN is below none


@formula.register
def integer_lookup(spec: IntegerLookup, x: Tensor) -> Tensor:
    return (_tokens if spec.invert else _ids)(spec, x)


def _ids(spec: IntegerLookup, x: Tensor) -> Tensor:
    vocabulary = np.array(spec.vocabulary, np.int32)
    order = np.argsort(vocabulary).astype(np.int32)
    ranked = tf.constant(vocabulary[order])
    place = tf.reshape(tf.searchsorted(ranked, tf.reshape(x, [-1])), tf.shape(x))
    place = tf.minimum(place, len(vocabulary) - 1)
    known = tf.gather(ranked, place) == x
    found = tf.where(known, tf.gather(tf.constant(order), place) + spec.start, _out_of_vocabulary(spec, x))
    return found if spec.mask_token is None else tf.where(x == spec.mask_token, 0, found)


def _tokens(spec: IntegerLookup, x: Tensor) -> Tensor:
    vocabulary = tf.constant(spec.vocabulary, tf.int32)
    known = (x >= spec.start) & (x < spec.start + len(spec.vocabulary))
    found = tf.where(known, tf.gather(vocabulary, tf.where(known, x - spec.start, 0)), spec.oov_token)
    return found if spec.mask_token is None else tf.where(x == 0, spec.mask_token, found)


def _out_of_vocabulary(spec: IntegerLookup, x: Tensor) -> Tensor:
    """The ids of numbers that have none of their own."""
    if spec.num_oov_indices == 0:
        return tf.fill(tf.shape(x), -1)
    by_hash = spec.oov_method == "hash"
    return spec.masks + (hashed(spec.hashing, x) if by_hash else tf.math.floormod(x, spec.num_oov_indices))


@formula.register
def hashing(spec: Hashing, x: Tensor) -> Tensor:
    return hashed(spec, x)


def hashed(spec: Hashing, x: Tensor) -> Tensor:
    """The bins of whole numbers by the hash of their texts."""
    bins = island(lambda x: _bins(spec, x))(x)
    return tf.where(x == spec.mask_value, 0, bins + 1) if spec.masked else bins


def _bins(spec: Hashing, x: Tensor) -> Tensor:
    text = _text(x)
    fingerprint = _farmhash(*text) if spec.key is None else _siphash(*text, spec.key)
    return tf.cast(fingerprint % _word(spec.num_bins - spec.masked), tf.int32)


@formula.register
def hashed_crossing(spec: HashedCrossing, *inputs: Tensor) -> Tensor:
    def crossed(*inputs: Tensor) -> Tensor:
        joint = tf.fill(tf.shape(inputs[0]), _word(CROSSING_KEY))
        for x in inputs:  # the sign fills the upper half
            joint = _joined(joint, tf.cast(tf.cast(x, tf.int64), tf.uint64))
        return tf.cast(joint % _word(spec.num_bins), tf.int32)

    return island(crossed)(*inputs)


# -- hashes: all in uint64 --------------------------------------------------------------------------------------------


def _word(number: int) -> Tensor:
    return tf.constant(number, tf.uint64)


def _left(x: Tensor, bits: Any) -> Tensor:
    return tf.bitwise.left_shift(x, tf.cast(bits, tf.uint64))


def _right(x: Tensor, bits: Any) -> Tensor:
    return tf.bitwise.right_shift(x, tf.cast(bits, tf.uint64))


def _text(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The decimal text of whole numbers: its first eight bytes and the others as little-endian words, its length."""
    wide = tf.cast(x, tf.int64)
    magnitude, negative = tf.abs(wide), tf.cast(wide < 0, tf.int64)
    digits = 1 + sum(tf.cast(magnitude >= 10**i, tf.int64) for i in range(1, DIGITS))
    length = digits + negative
    first, nothing = tf.cast(negative * ord("-"), tf.uint64), tf.zeros_like(wide, tf.uint64)
    rest = nothing
    for i in range(DIGITS):  # from the last digit to the first
        digit = tf.cast(ord("0") + magnitude // 10**i % 10, tf.uint64)
        place = length - (i + 1)
        byte = tf.where(i < digits, _left(digit, 8 * (place % 8)), nothing)
        first = first | tf.where(place < 8, byte, nothing)
        rest = rest | tf.where(place < 8, nothing, byte)
    return first, rest, length


def _mix(x: Tensor) -> Tensor:
    return x ^ _right(x, 47)


def _turned_left(x: Tensor, bits: int) -> Tensor:
    return _left(x, bits) | _right(x, 64 - bits)


_K0, _K2 = 0xC3A5C85C97CB3127, 0x9AE16A3B2F90404F
_CROSSING = 0xC6A4A7935BD1E995


def _farmhash(first: Tensor, rest: Tensor, length: Tensor) -> Tensor:
    """FarmHash's Fingerprint64 of texts of 1 to 15 bytes: one formula each for up to 3, up to 7, and more."""
    byte, half = _word(0xFF), _word(0xFFFFFFFF)
    count = tf.cast(length, tf.uint64)
    factor = _word(_K2) + _word(2) * count
    beyond = 8 * tf.maximum(length - 8, 0)
    a = first + _word(_K2)
    # The last eight bytes. Shifted in two steps, since by 64 bits is by none on some machines.
    b = _right(first, beyond) | _left(_left(rest, 56 - beyond), 8)
    c, d = _turned_left(b, 64 - 37) * factor + a, (_turned_left(a, 64 - 25) + b) * factor
    long = _of_two(c, d, factor)

    short = 8 * tf.clip_by_value(length - 4, 0, 4)
    middle = _of_two(count + _left(first & half, 3), _right(first, short) & half, factor)

    few = tf.minimum(length, 3)
    initial, central, last = (_right(first, 8 * place) & byte for place in (0 * few, few // 2, few - 1))
    y, z = initial + _left(central, 8), count + _left(last, 2)
    tiny = _mix(y * _word(_K2) ^ z * _word(_K0)) * _word(_K2)
    return tf.where(length >= 8, long, tf.where(length >= 4, middle, tiny))


def _of_two(u: Tensor, v: Tensor, factor: Tensor) -> Tensor:
    return _mix((v ^ _mix((u ^ v) * factor)) * factor) * factor


def _siphash(first: Tensor, rest: Tensor, length: Tensor, key: tuple[int, int]) -> Tensor:
    """SipHash-2-4 of texts of up to 15 bytes: the first word counts where the text fills it, the last one always."""
    constants = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    state = tuple(tf.fill(tf.shape(first), _word(c ^ key[i % 2])) for i, c in enumerate(constants))
    full = length >= 8
    state = tuple(tf.where(full, new, old) for new, old in zip(_absorbed(state, first), state, strict=True))
    state = _absorbed(state, tf.where(full, rest, first) | _left(tf.cast(length, tf.uint64), 56))
    v0, v1, v2, v3 = state
    v0, v1, v2, v3 = _rounds(v0, v1, v2 ^ _word(0xFF), v3, count=4)
    return v0 ^ v1 ^ v2 ^ v3


def _absorbed(state: tuple[Tensor, ...], word: Tensor) -> tuple[Tensor, ...]:
    v0, v1, v2, v3 = state
    v0, v1, v2, v3 = _rounds(v0, v1, v2, v3 ^ word, count=2)
    return v0 ^ word, v1, v2, v3


def _rounds(v0: Tensor, v1: Tensor, v2: Tensor, v3: Tensor, *, count: int) -> tuple[Tensor, ...]:
    for _ in range(count):
        v0, v2 = v0 + v1, v2 + v3
        v1, v3 = _turned_left(v1, 13) ^ v0, _turned_left(v3, 16) ^ v2
        v0 = _turned_left(v0, 32)
        v2, v0 = v2 + v1, v0 + v3
        v1, v3 = _turned_left(v1, 17) ^ v2, _turned_left(v3, 21) ^ v0
        v2 = _turned_left(v2, 32)
    return v0, v1, v2, v3


def _joined(a: Tensor, b: Tensor) -> Tensor:
    k = _word(_CROSSING)
    r = (a ^ k ^ _mix(b * k) * k) * k
    return _mix(_mix(r) * k)
