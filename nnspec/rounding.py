"""How far two arrays are apart, in the units in which rounding is measured."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# The share of a model's largest gradient below which a gradient's own size no longer counts.
GRADIENT_FLOOR = 1e-3
# A gradient that is never zero but stays below this many units of rounding of the largest one is rounding alone.
ROUNDING_UNITS = 2**5


def float_type(name: str) -> np.dtype[Any]:
    """The NumPy dtype of that name, bfloat16 included."""
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def epsilon(dtype: str) -> float:
    """The distance from 1 to the next larger number of ``dtype``."""
    return float(ml_dtypes.finfo(float_type(dtype)).eps)  # type: ignore[no-untyped-call]


def ulp_of(scale: float, dtype: str) -> float:
    """The distance between neighboring numbers of ``dtype`` at ``scale``, at least at its smallest normal number."""
    kind = float_type(dtype)
    if kind == np.float64 or kind == np.float32 or kind == np.float16:
        info = np.finfo(kind)
        return float(max(np.spacing(kind.type(min(scale, float(info.max) / 2))), np.spacing(info.smallest_normal)))
    return float(2.0 ** (np.floor(np.log2(max(scale, 2.0**-126))) - 7))  # bfloat16: 8 significant bits


def scale_of(values: Array) -> float:
    """The largest finite magnitude in an array; 0 if there is none."""
    wide = np.asarray(values, np.float64)
    return float(np.max(np.abs(wide), initial=0.0, where=np.isfinite(wide)))


def summation(terms: int) -> float:
    """The standard error of a sum of so many numbers of one sign, in ULP of the sum, in whatever order it is made.

    The spec pins no order. Adding from first to last rounds ``terms`` times, each time by up to half a ULP of a partial
    sum, on average half the whole: √terms · (1/√12) · (1/√3) = √terms / 6. Sums in blocks, as NumPy's, do better.
    """
    return math.sqrt(terms) / 6


def difference(got: Array, want: Array) -> Array:
    """|got − want|, where equal infinities and NaN against NaN differ by 0, and any other non-finite pair by inf."""
    a, b = np.broadcast_arrays(np.asarray(got, np.float64), np.asarray(want, np.float64))
    with np.errstate(invalid="ignore", over="ignore"):
        plain = np.abs(a - b)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.where(same, 0.0, np.where(np.isfinite(plain), plain, np.inf))


def relative(ours: Array, theirs: Array, floor: float = 0.0) -> float:
    """max|a − b| / max(max|b|, floor) of two tensors; 0 if both are zero, inf where only one is finite."""
    a, b = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if not a.size:
        return 0.0
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return 0.0 if np.array_equal(a, b, equal_nan=True) else float("inf")
    apart = float(np.abs(a - b).max())
    scale = max(float(np.abs(b).max()), floor)
    return apart / scale if apart else 0.0


def same_bits(a: Array, b: Array) -> bool:
    """Equal bit for bit: dtype, shape and every byte."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
