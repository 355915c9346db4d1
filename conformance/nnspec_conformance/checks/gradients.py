"""Are the gradients those of the spec's formula? Against central differences of the reference."""

from __future__ import annotations

import math

import numpy as np

from nnspec_conformance import tolerances, truth
from nnspec_conformance.case import BATCHES, Case
from nnspec_conformance.checks.forward import draws
from nnspec_conformance.draws import Array
from nnspec_conformance.result import Figure, compare, ulp_of
from nnspec_conformance.subject import Draw, Subject
from nnspec_conformance.truth import Derivative


def gradients(subject: Subject, case: Case) -> list[Figure]:
    """Gradients with respect to inputs and parameters, in inference and in training."""
    return [f for draw in draws(subject.dtype) for f in at(subject, case, Draw(draw))]


def at(subject: Subject, case: Case, place: Draw, *, compiled: bool = True) -> list[Figure]:
    """Figures of the gradients at a place, in every mode in which the case differs."""
    figures = []
    for training in case.modes:
        got = subject.gradients(case, place, training=training, compiled=compiled)
        want = truth.gradients(case, subject.dtype, place.draw, place.batch, training)
        rounding = truth.gradient_rounding(case, subject.dtype, training)
        figures += against(got, want, subject.dtype, rounding, suffix=" in training" if training else "")
    return figures


def against(
    got: dict[str, Array], want: dict[str, Derivative], dtype: str, rounding: dict[str, float], *, suffix: str = ""
) -> list[Figure]:
    """Gradients against derivatives, relative to their size, at least to a share of the largest of them."""
    figures = []
    sizes = {name: size(value.values if value.directions is None else got[name]) for name, value in want.items()}
    floor = tolerances.gradient_floor(dtype) * max(sizes.values(), default=0.0)
    for name, value in want.items():
        scale = max(sizes[name], floor)
        ulp = ulp_of(scale, dtype)
        if value.directions is not None:
            # Along ±1 directions the roundings of all elements add up, as a random walk.
            ulp *= math.sqrt(value.directions[0].size)
        figures.append(
            compare(
                f"d/d {name}{suffix}",
                value.of(got[name]),
                value.values,
                dtype=dtype,
                bound=tolerances.GRADIENT.bound(dtype),
                rounding=max(rounding.get(name, 0.0), ulp),
                scale=scale,
            )
        )
    return figures


def size(values: Array) -> float:
    """The largest finite magnitude."""
    return float(np.max(np.abs(values), initial=0.0, where=np.isfinite(values)))


def agreement(one: Subject, other: Subject, case: Case) -> list[Figure]:
    """Whether two backends agree more closely than either can be judged alone: outputs and gradients."""
    figures = []
    dtype = one.dtype
    bound = tolerances.AGREEMENT.bound(dtype)
    for training in case.modes:
        suffix = " in training" if training else ""
        mine = one.forward(case, Draw(), training=training).outputs
        theirs = other.forward(case, Draw(), training=training).outputs
        kept = truth.forward_rounding(case, dtype, training)
        for name in case.model.outputs:
            rounding = kept.get(name, 0.0)
            figures.append(
                compare(name + suffix, mine[name], theirs[name], dtype=dtype, bound=bound, rounding=rounding)
            )
        if not case.differentiable:
            continue
        left, right = (s.gradients(case, Draw(), training=training) for s in (one, other))
        floor = tolerances.GRADIENT_FLOOR * max(map(size, right.values()), default=0.0)
        noise = truth.gradient_rounding(case, dtype, training)
        for name in right:
            scale = max(size(right[name]), floor)
            found = compare(
                f"d/d {name}{suffix}",
                left[name],
                right[name],
                dtype=dtype,
                bound=bound,
                rounding=noise.get(name, 0.0),
                scale=scale,
            )
            figures.append(found)
    return figures


def batch_of_one(subject: Subject, case: Case) -> list[Figure]:
    """Gradients at the batch size 1."""
    return at(subject, case, Draw(0, BATCHES[-1]))
