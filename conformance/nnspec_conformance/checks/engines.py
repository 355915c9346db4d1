"""Engines at a known start, and what their checks share."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.backends import Engine
from nnspec_conformance import tolerances
from nnspec_conformance.draws import Array
from nnspec_conformance.result import Figure, compare
from nnspec_conformance.subject import Subject
from nnspec_conformance.training import TrainingCase

SEED, FIRST_STEP = 2**40 + 11, 5


def started(subject: Subject, case: TrainingCase) -> Engine:
    """The engine with data, at random variables, statistics and slots, and a random step that is not 0.

    One engine serves all checks of a case: it is set back by assigning everything, and compiled once.
    """
    engine: Engine = subject.once((case, "engine"), lambda: made(subject, case))
    engine.assign(start(case, subject.dtype))
    engine.totals()
    return engine


def made(subject: Subject, case: TrainingCase) -> Engine:
    """An engine with data, at the variables of its net's seed."""
    net = subject.backend.build(case.case.model, dtype=subject.dtype, seed=3)
    engine = subject.backend.engine(
        net, loss=case.loss, optimizer=case.optimizer, metrics=case.metrics, clip=case.clip, **case.beside
    )
    for split in ("train", "validation"):
        engine.load(split, case.data(split, subject.dtype))
    return engine


def start(case: TrainingCase, dtype: str) -> dict[str, Array]:
    """All state of the engine, random where it can be."""
    seed = np.array([SEED & 0xFFFFFFFF, SEED >> 32], np.uint32)
    random = {"random/seed": seed, "random/step": np.array(FIRST_STEP, np.uint32)}
    counters = {"optimizer/step": np.array(0, np.int64), "optimizer/learning_rate_scale": np.array(case.scale)}
    return {**case.variables(dtype), **random, **case.slots(dtype), **counters}


def near(
    what: str, got: Array, want: Array, dtype: str, *, rounding: float = 0.0, scale: float | None = None
) -> Figure:
    """By the bound for runs; see :func:`compare`."""
    bound = tolerances.TRAINING.bound(dtype)
    return compare(what, np.asarray(got), want, dtype=dtype, bound=bound, rounding=rounding, scale=scale)


def rows_of(data: dict[str, Array], rows: Any) -> dict[str, Array]:
    """Some examples of a split."""
    return {name: value[rows] for name, value in data.items()}
