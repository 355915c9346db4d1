"""Optimizers and clipping, and cases of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from nnspec.optimizers import Clip
from nnspec_conformance.optimizers import OptimizerCase
from nnspec_conformance.strategies.fields import classes, numbers, of_kind, specs

HINTS: dict[str, Callable[[int], SearchStrategy[Any]]] = {}


def optimizers() -> SearchStrategy[Any]:
    """Optimizers with a constant learning rate or any schedule."""
    rate = numbers(1e-4, 0.2, 0.01) | of_kind("schedule", depth=1)
    return st.sampled_from(classes("optimizer")).flatmap(lambda cls: specs(cls, {"learning_rate": rate}))


def clips() -> SearchStrategy[Clip]:
    """Each way of clipping."""
    bound = numbers(0.1, 5, 1.0)
    return st.sampled_from(["global_norm", "norm", "value"]).flatmap(lambda way: st.builds(Clip, **{way: bound}))


def cases() -> SearchStrategy[OptimizerCase]:
    """Optimizers, some of them with clipping, on each kind of gradients."""
    return st.builds(
        OptimizerCase, optimizers(), clip=st.none() | clips(), gradients=st.sampled_from(["kinds", "clipped"])
    )
