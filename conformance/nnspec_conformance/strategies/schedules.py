"""Schedules, and cases of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from nnspec.schedules import (
    BatchScaled,
    CosineRestarts,
    Cyclic,
    Join,
    Piecewise,
    PiecewiseInterpolate,
    ReduceOnPlateau,
    Schedule,
    Warmup,
    WarmupCosine,
    WarmupStableDecay,
)
from nnspec_conformance.schedules import ScheduleCase
from nnspec_conformance.strategies.fields import numbers, of_kind, options, specs


@st.composite
def _piecewise(draw: st.DrawFn, depth: int = 0) -> Piecewise:
    """As many values as boundaries and one more."""
    steps = draw(st.lists(st.integers(1, 30), max_size=3))
    rates = [draw(numbers(0, 0.3, 0.1)) for _ in range(len(steps) + 1)]
    return Piecewise(tuple(accumulate(steps)), tuple(rates))


@st.composite
def _piecewise_interpolate(draw: st.DrawFn, depth: int = 0) -> PiecewiseInterpolate:
    drawn = draw(_piecewise(depth))
    way: Any = draw(st.sampled_from(["linear", "cosine"]))
    return PiecewiseInterpolate(drawn.boundaries, drawn.values, way)


@st.composite
def _cyclic(draw: st.DrawFn, depth: int = 0) -> Cyclic:
    """gamma has a meaning in one of the modes."""
    steps = st.integers(1, 30)
    fields = draw(options(Cyclic, {"steps_up": steps, "steps_down": st.none() | steps, "gamma": numbers(0.9, 1, 1.0)}))
    if fields.get("mode") != "exp_range":
        fields.pop("gamma", None)
    return Cyclic(**fields)


@st.composite
def _join(draw: st.DrawFn, depth: int = 0) -> Join:
    """As many schedules as boundaries and one more."""
    boundaries = tuple(accumulate(draw(st.lists(st.integers(1, 30), max_size=2))))
    inner = of_kind("schedule", depth + 1).filter(lambda held: not isinstance(held, ReduceOnPlateau))
    return Join(tuple(draw(numbers(1e-3, 0.3, 0.1) | inner) for _ in range(len(boundaries) + 1)), boundaries)


@st.composite
def _warmup_cosine(draw: st.DrawFn, depth: int = 0) -> WarmupCosine:
    """The warm-up is a part of the decay."""
    fields = draw(options(WarmupCosine, {"warmup_steps": st.integers(0, 30), "decay_steps": st.integers(1, 60)}))
    return WarmupCosine(**{**fields, "decay_steps": fields["warmup_steps"] + fields["decay_steps"]})


def _without_plateaus(cls: type[Any], field: str) -> Callable[[int], SearchStrategy[Any]]:
    """Schedules that hold any other one but ReduceOnPlateau, which nothing can hold."""

    def made(depth: int) -> SearchStrategy[Any]:
        inner = of_kind("schedule", depth + 1).filter(lambda held: not isinstance(held, ReduceOnPlateau))
        rate = numbers(1e-3, 0.3, 0.1)
        return specs(cls, {field: inner if field == "after" else rate | inner}, depth)

    return made


HINTS: dict[str, Callable[[int], SearchStrategy[Any]]] = {
    "BatchScaled": _without_plateaus(BatchScaled, "learning_rate"),
    "Cyclic": _cyclic,
    "Join": _join,
    "Piecewise": _piecewise,
    "PiecewiseInterpolate": _piecewise_interpolate,
    "WarmupCosine": _warmup_cosine,
    "Warmup": _without_plateaus(Warmup, "after"),
    "ReduceOnPlateau": _without_plateaus(ReduceOnPlateau, "learning_rate"),
}


def cases() -> SearchStrategy[ScheduleCase]:
    """Schedules at the steps that their fields name."""
    return of_kind("schedule").map(lambda spec: ScheduleCase(spec, tuple(sorted(set(_marks(spec))))))


_NO_STEPS = {"t_mul", "patience", "batch_size", "base_batch_size"}


def _marks(spec: Any) -> Iterator[int]:
    """Steps at which pieces may meet: the whole numbers among the fields, shifted by a warm-up before them."""
    shift = spec.warmup_steps if isinstance(spec, Warmup) else 0
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        for held in value if isinstance(value, tuple) else (value,):
            if isinstance(held, Schedule):
                yield from (shift + mark for mark in _marks(held))
            elif isinstance(held, int) and not isinstance(held, bool) and field.name not in _NO_STEPS:
                yield held
    if isinstance(spec, Join):
        for boundary, held in zip(spec.boundaries, spec.schedules[1:], strict=True):
            yield from (boundary + mark for mark in _marks(held)) if isinstance(held, Schedule) else ()
    if isinstance(spec, Cyclic):
        yield spec.steps_up + (spec.steps_down or spec.steps_up)
    if isinstance(spec, WarmupStableDecay):
        yield from accumulate((spec.warmup_steps, spec.stable_steps, spec.decay_steps))
    if isinstance(spec, CosineRestarts):
        yield from accumulate(spec.first_steps * spec.t_mul**cycle for cycle in range(5))
