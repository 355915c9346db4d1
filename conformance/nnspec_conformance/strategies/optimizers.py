"""Optimizers and clipping, and cases of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from nnspec.optimizers import Clip
from nnspec.steps import FTRL
from nnspec_conformance.optimizers import OptimizerCase
from nnspec_conformance.strategies.fields import classes, numbers, of_kind, specs

HINTS: dict[str, Callable[[int], SearchStrategy[Any]]] = {}


def optimizers(*, valued: bool = True) -> SearchStrategy[Any]:
    """Optimizers with a constant learning rate or any schedule; with ``valued`` those that ask for the loss, too."""
    numeric = numbers(1e-4, 0.2, 0.01)
    rate = numeric | of_kind("schedule", depth=1)
    # Many schedules end near 0, which FTRL divides by: what is rounded before grows.
    rates = {cls: numeric if cls is FTRL else rate for cls in classes("optimizer") if valued or not cls.needs_value}
    return st.sampled_from(list(rates)).flatmap(lambda cls: specs(cls, {"learning_rate": rates[cls]}))


def clips() -> SearchStrategy[Clip]:
    """Each way of clipping."""
    bound = numbers(0.1, 5, 1.0)
    return st.sampled_from(["global_norm", "norm", "value"]).flatmap(lambda way: st.builds(Clip, **{way: bound}))


def cases() -> SearchStrategy[OptimizerCase]:
    """Optimizers, some of them with clipping, on each kind of gradients."""
    return st.builds(
        OptimizerCase,
        optimizers(valued=False),
        clip=st.none() | clips(),
        gradients=st.sampled_from(["kinds", "clipped"]),
    )
