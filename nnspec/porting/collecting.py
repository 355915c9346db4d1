"""Memory that objects hold which refer to each other: given back where it is much."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterable
from typing import Any

from nnspec.model import Model

# So many bytes are worth the time that it takes to go through all objects of a process, which may be seconds.
WORTH = 50_000_000
# From so many bytes of variables on, gradients and an optimizer's updates are compared only when they are asked for: of
# each, float64 holds two and the rounding of one at a time.
LARGE = 250_000_000


def size(arrays: Iterable[Any]) -> int:
    """Bytes of arrays."""
    return sum(int(getattr(array, "nbytes", 0)) for array in arrays)


def held_by(model: Model) -> int:
    """Bytes of a model's variables in float32."""
    return 4 * sum(math.prod(param.shape) for param in model.params().values())


def collect(held: int) -> None:
    """Free what refers to itself and is no longer needed, if it held that many bytes and they are many."""
    if held >= WORTH:
        gc.collect()
