"""Running sums, products and extremes along an axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnspec import cumulative as specs
from nnspec.reference.base import Array, Scope, apply

# What they are computed with, and their value before the first element.
_RUNNING: dict[type[Any], tuple[Callable[..., Array], float]] = {
    specs.CumulativeSum: (np.cumsum, 0.0),
    specs.CumulativeProd: (np.cumprod, 1.0),
    specs.CumulativeMax: (np.maximum.accumulate, -np.inf),
    specs.CumulativeMin: (np.minimum.accumulate, np.inf),
}


def running(spec: specs._Cumulative, scope: Scope, x: Array) -> Array:
    function, start = _RUNNING[type(spec)]
    x = np.flip(x, spec.axis) if spec.reverse else x
    if spec.exclusive:
        first = np.full_like(np.take(x, [0], spec.axis), start)
        x = np.concatenate([first, np.delete(x, -1, spec.axis)], spec.axis)
    y = function(x, spec.axis)
    return np.flip(y, spec.axis) if spec.reverse else y


for _cls in _RUNNING:
    apply.register(_cls, running)
