"""Ids made of numbers: bins, vocabularies and hashes. Hashes are computed by Python's integers, modulo 2⁶⁴."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnspec.layers.lookup import CROSSING_KEY, Discretization, HashedCrossing, Hashing, IntegerLookup
from nnspec.reference.base import Array, Scope, apply, rounded

_MASK = 2**64 - 1


@apply.register(Discretization)
def discretization(spec: Discretization, scope: Scope, x: Array) -> Array:
    if np.issubdtype(x.dtype, np.integer):
        boundaries = np.array(spec.whole, x.dtype)
    else:
        boundaries = rounded(np.array(spec.bin_boundaries), scope.state.dtype).astype(x.dtype)
    return np.asarray(np.digitize(x, boundaries)).astype(np.int32)


@apply.register(IntegerLookup)
def integer_lookup(spec: IntegerLookup, scope: Scope, x: Array) -> Array:
    ids = {token: spec.start + i for i, token in enumerate(spec.vocabulary)}
    if spec.mask_token is not None:
        ids[spec.mask_token] = 0
    if spec.invert:
        tokens = {i: token for token, i in ids.items()}
        return _each(lambda i: tokens.get(i, spec.oov_token), x)
    return _each(lambda token: ids[token] if token in ids else _out_of_vocabulary(spec, token), x)


def _out_of_vocabulary(spec: IntegerLookup, token: int) -> int:
    """The id of a number that has none of its own."""
    if spec.num_oov_indices == 0:
        return -1
    several = token % spec.num_oov_indices if spec.oov_method == "remainder" else hashed(spec.hashing, token)
    return spec.masks + several


@apply.register(Hashing)
def hashing(spec: Hashing, scope: Scope, x: Array) -> Array:
    return _each(lambda number: hashed(spec, number), x)


@apply.register(HashedCrossing)
def hashed_crossing(spec: HashedCrossing, scope: Scope, *inputs: Array) -> Array:
    def crossed(*numbers: int) -> int:
        joint = CROSSING_KEY
        for number in numbers:
            joint = joined(joint, number & _MASK)
        return joint % spec.num_bins

    return _each(crossed, *inputs)


def _each(function: Callable[..., int], *inputs: Array) -> Array:
    """A function of Python's integers for each element."""
    found = [function(*map(int, numbers)) for numbers in zip(*(x.flat for x in inputs), strict=True)]
    return np.array(found, np.int32).reshape(inputs[0].shape)


def hashed(spec: Hashing, number: int) -> int:
    """The bin of one number."""
    if spec.masked and number == spec.mask_value:
        return 0
    text = str(number).encode()
    fingerprint = farmhash(text) if spec.key is None else siphash(text, spec.key)
    return fingerprint % (spec.num_bins - spec.masked) + spec.masked


# -- hashes -----------------------------------------------------------------------------------------------------------

_K0, _K2 = 0xC3A5C85C97CB3127, 0x9AE16A3B2F90404F  # FarmHash's; k1 is for texts of more than 16 bytes
_CROSSING = 0xC6A4A7935BD1E995


def _mix(number: int) -> int:
    return number ^ (number >> 47)


def _turned_right(number: int, bits: int) -> int:
    return (number >> bits | number << (64 - bits)) & _MASK


def farmhash(text: bytes) -> int:
    """FarmHash's Fingerprint64 of a text of at most 16 bytes: ``HashLen0to16`` in farmhashna."""
    length = len(text)
    assert length <= 16
    factor = _K2 + 2 * length
    if length >= 8:
        a = int.from_bytes(text[:8], "little") + _K2 & _MASK
        b = int.from_bytes(text[-8:], "little")
        return _of_two(_turned_right(b, 37) * factor + a, (_turned_right(a, 25) + b) * factor, factor)
    if length >= 4:
        first, last = (int.from_bytes(part, "little") for part in (text[:4], text[-4:]))
        return _of_two(length + (first << 3), last, factor)
    if length:
        a, b, c = text[0], text[length // 2], text[-1]
        return _mix((a + (b << 8)) * _K2 & _MASK ^ (length + (c << 2)) * _K0 & _MASK) * _K2 & _MASK
    return _K2


def _of_two(u: int, v: int, factor: int) -> int:
    """``HashLen16``: of two numbers one."""
    u, v = u & _MASK, v & _MASK
    a = _mix((u ^ v) * factor & _MASK)
    return _mix((v ^ a) * factor & _MASK) * factor & _MASK


def siphash(text: bytes, key: tuple[int, int]) -> int:
    """SipHash-2-4 of a text."""
    constants = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    v = [constant ^ key[i % 2] for i, constant in enumerate(constants)]
    padded = text + bytes(7 - len(text) % 8) + bytes([len(text) % 256])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        v[3] ^= word
        _rounds(v, 2)
        v[0] ^= word
    v[2] ^= 0xFF
    _rounds(v, 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _rounds(v: list[int], count: int) -> None:
    """So many of SipHash's rounds, in place."""
    for _ in range(count):
        for a, b, turn in ((0, 1, 13), (2, 3, 16)):
            v[a] = (v[a] + v[b]) & _MASK
            v[b] = _turned_right(v[b], 64 - turn) ^ v[a]
        v[0] = _turned_right(v[0], 32)
        for a, b, turn in ((2, 1, 17), (0, 3, 21)):
            v[a] = (v[a] + v[b]) & _MASK
            v[b] = _turned_right(v[b], 64 - turn) ^ v[a]
        v[2] = _turned_right(v[2], 32)


def joined(a: int, b: int) -> int:
    """TensorFlow's ``FingerprintCat64``: of two fingerprints one."""
    r = (a ^ _CROSSING ^ _mix(b * _CROSSING & _MASK) * _CROSSING & _MASK) * _CROSSING & _MASK
    return _mix(_mix(r) * _CROSSING & _MASK)
