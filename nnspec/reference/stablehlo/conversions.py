"""Constants, and operations that change the type of numbers or how exact they are."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from nnspec.errors import SpecError
from nnspec.reference.base import Array
from nnspec.reference.stablehlo.evaluate import Call, rule
from nnspec.stablehlo.module import FLOATS, numpy_dtype


@rule("constant")
def constant(call: Call) -> Array:
    """The value in the program, in the dtype that is computed in."""
    value = call.attribute("value")
    if not isinstance(value, np.ndarray | np.generic):
        raise SpecError(f"the constant {str(value)[:40]!r} has its elements elsewhere")
    if value.dtype != numpy_dtype(call.result.dtype):
        raise SpecError(f"a constant of the type {value.dtype} is declared as {call.result}")
    array = np.asarray(value)
    if array.size and not any(array.strides):  # one number for all, which takes no memory
        return np.broadcast_to(array[(0,) * array.ndim].astype(call.dtype), array.shape)
    return array.astype(call.dtype)


@rule("convert")
def convert(call: Call, x: Array) -> Array:
    """The same number in another type.

    Floats become integers toward zero, the nearest that there is where they are too large, and 0 of NaN, as XLA has it.
    Integers wrap around. Of complex numbers the real part is taken; what is not 0 then is true.
    """
    if call.given[0].shape != call.result.shape:
        raise SpecError(f"{call.given[0]} cannot be converted to {call.result}")
    dtype = call.dtype
    if x.dtype.kind == "c" and dtype.kind != "c":
        x = x.real
    if dtype.kind in "iu" and x.dtype.kind == "f":
        return _whole(x, dtype)
    return x != 0 if dtype.kind == "b" else x.astype(dtype)


def _whole(x: Array, dtype: np.dtype[Any]) -> Array:
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    whole = np.trunc(x)
    # The largest number has no counterpart among floats; the one behind it, a power of two, has.
    below, above = whole < float(least), whole >= float(most + 1)
    inside = np.where(below | above | np.isnan(whole), 0, whole).astype(dtype)
    return np.where(above, dtype.type(most), np.where(below, dtype.type(least), inside))


@rule("bitcast_convert")
def bitcast_convert(call: Call, x: Array) -> Array:
    """The bits of numbers, read as numbers of another type; floats have the bits of the type that is declared.

    Of a wider type the parts become a last axis, and from a narrower one the last axis becomes one number; what is of
    less weight comes first.
    """
    before, after = numpy_dtype(call.given[0].dtype), numpy_dtype(call.result.dtype)
    bits = _bits(x.astype(before))
    wide, narrow = bits.shape[-1], _width(after)
    if narrow > wide:
        bits = bits.reshape(*x.shape[:-1], wide * prod(x.shape[-1:]))
    elif narrow < wide:
        bits = bits.reshape(*x.shape, wide // narrow, narrow)
    if bits.shape != (*call.result.shape, narrow):
        raise SpecError(f"the bits of {call.given[0]} are not those of {call.result}")
    return _of_bits(bits, after).astype(call.dtype)


def _width(dtype: np.dtype[Any]) -> int:
    return 1 if dtype.kind == "b" else dtype.itemsize * 8


def _bits(x: Array) -> Array:
    """The bits of each number along a last axis, that of the least weight first; a boolean is one."""
    if x.dtype.kind == "b":
        return x[..., None]
    octets = np.frombuffer(x.astype(x.dtype.newbyteorder("<")).tobytes(), np.uint8)
    return np.unpackbits(octets, bitorder="little").reshape(*x.shape, _width(x.dtype)).astype(bool)


def _of_bits(bits: Array, dtype: np.dtype[Any]) -> Array:
    """Numbers that have these bits."""
    if dtype.kind == "b":
        return bits[..., 0]
    octets = np.packbits(bits, axis=-1, bitorder="little")
    return np.frombuffer(octets.tobytes(), dtype.newbyteorder("<")).reshape(bits.shape[:-1])


@rule("complex")
def make_complex(call: Call, real: Array, imaginary: Array) -> Array:
    if any(of.shape != call.result.shape or of.dtype not in FLOATS for of in call.given):
        raise SpecError(f"expected two parts of {call.result}, got {', '.join(map(str, call.given))}")
    # Not real + 1j·imaginary, which would be NaN where one of them is infinite.
    z = np.empty(np.broadcast_shapes(real.shape, imaginary.shape), call.dtype)
    z.real, z.imag = real, imaginary
    return z


@rule("reduce_precision")
def reduce_precision(call: Call, x: Array) -> Array:
    """Floats as a type with these many bits has them, in the dtype that is computed in.

    The mantissa is rounded to the nearest, of two as near to the even one. What is then too large becomes infinite,
    what is smaller than the smallest normal number 0, each with its sign.
    """
    exponent, mantissa = call.number("exponent_bits"), call.number("mantissa_bits")
    if exponent < 1 or mantissa < 0:
        raise SpecError(f"{exponent} bits of exponent and {mantissa} of mantissa are no type of floats")
    own = np.finfo(x.dtype)
    bits = x.view(f"uint{x.itemsize * 8}")
    cut = own.nmant - mantissa
    if cut > 0:
        one = bits.dtype.type(1)
        odd = (bits >> cut) & one
        bits = (bits + (one << (cut - 1)) - one + odd) >> cut << cut
    rounded = np.where(np.isfinite(x), bits.view(x.dtype), x)
    if exponent < own.nexp:
        bias = 2 ** (exponent - 1) - 1
        size = np.abs(rounded)
        rounded = np.where(size >= 2.0 ** (bias + 1), np.copysign(np.inf, x), rounded)
        rounded = np.where(size < 2.0 ** (1 - bias), np.copysign(0, x), rounded)
    return np.where(np.isnan(x), x, rounded).astype(x.dtype)
