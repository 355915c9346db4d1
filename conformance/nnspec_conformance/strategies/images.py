"""Options of layers that change images, of which many would be refused if they were drawn by their types alone."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from nnspec_conformance.strategies.fields import Hints, numbers


def hints(cls: type[Any]) -> Hints:
    """Ranges whose ends are in order, and sizes as small as the images are."""
    turned = _ranges(-0.9, 0.9)
    found: Hints = {**dict.fromkeys(("x_factor", "y_factor", "height_factor"), turned), "padding": st.integers(0, 1)}
    found |= dict.fromkeys(("height", "width"), st.integers(1, 5))
    if cls.__name__ == "RandomRotation":
        found["factor"] = turned
    if "width_factor" in cls.__dataclass_fields__:
        found["width_factor"] = turned | st.none() if cls.__name__ == "RandomZoom" else turned
    if cls.__name__ in ("RandomErasing", "RandomElasticTransform"):
        found["scale"] = _ranges(0, 1)
    if cls.__name__ == "RandomErasing":
        found["value_range"] = st.none() | _ordered(numbers(-3, 3))
    return found


def _ranges(low: float, high: float) -> SearchStrategy[Any]:
    return numbers(0, high) | _ordered(numbers(low, high))


def _ordered(one: SearchStrategy[float]) -> SearchStrategy[list[float]]:
    return st.tuples(one, one).map(sorted)
