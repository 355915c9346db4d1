"""Initializers, and cases of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from nnspec.errors import ShapeError
from nnspec.layers.base import Layer, Shape
from nnspec.reference.initializers import draw as drawn
from nnspec_conformance.initializers import InitializerCase
from nnspec_conformance.strategies.fields import of_kind

HINTS: dict[str, Callable[[int], SearchStrategy[Any]]] = {}


def cases() -> SearchStrategy[InitializerCase]:
    """Initializers of kernels, for any seed."""
    sizes = st.tuples(st.integers(1, 9), st.integers(1, 9)) | st.tuples(*[st.integers(1, 5)] * 3)
    seeds = st.integers(0, 2**64 - 1) | st.integers(0, 9)
    made = st.builds(InitializerCase, of_kind("initializer"), sizes, seed=seeds)
    return made.filter(lambda case: drawable(case.case.spec, (None, *case.case.shape)))


def drawable(layer: Layer, *shapes: Shape) -> bool:
    """Whether each initializer of a layer takes variables of the shape that it gets."""
    try:
        for name, param in layer.params(*shapes).items():
            drawn(param.init, param.shape if param.drawn is None else param.drawn, 0, name)
    except ShapeError:
        return False
    return True
