"""Hypothesis strategies: valid cases of every class of the vocabulary, drawn from the types of its fields.

Needs Hypothesis (``pip install 'nnspec[fuzz]'``). Files are named as the spec's. A case that is drawn is valid: its
spec can be built, and its inputs fit.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from nnspec_conformance.random import WordsCase
from nnspec_conformance.soundness import named
from nnspec_conformance.strategies import (
    initializers,
    layers,
    losses,
    metrics,
    model,
    optimizers,
    schedules,
    training,
)


def cases() -> SearchStrategy[Any]:
    """Cases of all kinds; networks and layers are the most, since they are evaluated together."""
    families = [
        *[layers.cases()] * 5,
        *[model.cases()] * 5,
        losses.cases(),
        losses.cases(),
        metrics.cases(),
        schedules.cases(),
        optimizers.cases(),
        initializers.cases(),
        words(),
        training.cases(),
    ]
    return st.sampled_from(families).flatmap(lambda family: family).map(named)


def words() -> SearchStrategy[WordsCase]:
    """Random words anywhere in the stream."""
    start = st.integers(0, 20) | st.integers(0, 2**40)
    numbers = {"seed": st.integers(0, 2**64 - 1), "stream": st.integers(0, 2**32 - 1)}
    return st.builds(
        WordsCase, st.just(""), st.integers(0, 300), start=start, step=st.integers(0, 2**32 - 1), **numbers
    )
