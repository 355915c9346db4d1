"""Random inputs of the suite: drawn by NumPy from the case's own id, the same on every machine and in every order."""

from __future__ import annotations

import hashlib
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from nnspec.rounding import float_type as float_type

Array = NDArray[Any]
# Float types that are computed in float32 and rounded at the end of each layer.
HALF = ("bfloat16", "float16")


def generator(*key: object) -> np.random.Generator:
    """A generator of its own for each key."""
    digest = hashlib.blake2s("\0".join(map(str, key)).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def signed(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers of both signs with absolute values in [0.5, 1.5)."""
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.5, shape)


def rounded(values: Array, dtype: str) -> Array:
    """Floats rounded to ``dtype``, to infinity where they are too large; integers and booleans as they are."""
    with np.errstate(over="ignore"):
        return values.astype(float_type(dtype)) if np.issubdtype(values.dtype, np.floating) else values


def limits(dtype: str) -> Any:
    """What ``np.finfo`` tells of a float type, bfloat16 included."""
    return ml_dtypes.finfo(float_type(dtype))  # type: ignore[no-untyped-call]


def at_least_float32(dtype: str) -> str:
    """The dtype of losses, metrics, schedules and norms in a net of ``dtype``."""
    return "float32" if dtype in HALF else dtype
