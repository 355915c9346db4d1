"""Derivatives by sixth-order central differences: what gradients of the backends are compared with.

f′(0) ≈ (45 · (f(h) − f(−h)) − 9 · (f(2h) − f(−2h)) + f(3h) − f(−3h)) / 60h, with an error of h⁶ · f⁽⁷⁾/140. In float64
with h = 1e-2 of the scale on which f varies, truncation and rounding are both near 1e-13. Points must be at least 3h
from kinks.

Source: Fornberg 1988, Mathematics of Computation 51, table 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from nnspec.reference.base import Array

Point = TypeVar("Point", Array, Mapping[str, Array])
_WEIGHTS = {1: 45.0, 2: -9.0, 3: 1.0}


def directional(f: Callable[[Point], Any], x: Point, direction: Point, h: float = 1e-2) -> Any:
    """The derivative of f(x + s · direction) by s at s = 0, of f's shape.

    Args:
        f: of an array, or of a mapping of arrays.
        x: where.
        direction: of x's shape; a mapping may leave out arrays that do not move.
        h: the step in s.
    """
    terms = [
        weight * (np.asarray(f(_moved(x, direction, k * h))) - np.asarray(f(_moved(x, direction, -k * h))))
        for k, weight in _WEIGHTS.items()
    ]
    return sum(reversed(terms)) / (60 * h)


def _moved(x: Any, direction: Any, s: float) -> Any:
    if isinstance(x, Mapping):
        return {name: value + s * direction[name] if name in direction else value for name, value in x.items()}
    return x + s * direction


def gradient(f: Callable[[Array], Any], x: Array, h: float = 1e-2) -> Array:
    """The gradient of a scalar f by every element of an array: six evaluations for each, so for small arrays."""
    result = np.empty_like(x)
    for index in np.ndindex(x.shape):
        direction = np.zeros_like(x)
        direction[index] = 1
        result[index] = directional(f, x, direction, h)
    return result


def gradients(
    f: Callable[[Mapping[str, Array]], Any], arrays: Mapping[str, Array], h: float = 1e-2
) -> dict[str, Array]:
    """The gradients of a scalar f of several arrays by each of them, by name."""

    def by(name: str) -> Array:
        return gradient(lambda x: f({**arrays, name: x}), arrays[name], h)

    return {name: by(name) for name in arrays}
