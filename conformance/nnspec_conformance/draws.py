"""Random inputs of the suite: drawn by NumPy from the case's own id, the same on every machine and in every order."""

from __future__ import annotations

import hashlib
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def generator(*key: object) -> np.random.Generator:
    """A generator of its own for each key."""
    digest = hashlib.blake2s("\0".join(map(str, key)).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def signed(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers of both signs with absolute values in [0.5, 1.5)."""
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.5, shape)


def float_type(name: str) -> np.dtype[Any]:
    """The NumPy dtype of that name, bfloat16 included."""
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def rounded(values: Array, dtype: str) -> Array:
    """Floats rounded to ``dtype``; integers and booleans as they are."""
    return values.astype(float_type(dtype)) if np.issubdtype(values.dtype, np.floating) else values
