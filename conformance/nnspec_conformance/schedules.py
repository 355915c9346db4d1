"""Cases of the schedules."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnspec.schedules import (
    BatchScaled,
    ConstantSchedule,
    CosineDecay,
    CosineRestarts,
    Cyclic,
    ExponentialDecay,
    InverseSquareRoot,
    InverseTimeDecay,
    Join,
    LinearDecay,
    OneCycle,
    Piecewise,
    PiecewiseInterpolate,
    PolynomialDecay,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
    Warmup,
    WarmupCosine,
    WarmupStableDecay,
)
from nnspec_conformance.case import describe


@dataclass(frozen=True, eq=False)
class ScheduleCase:
    """A schedule and the steps where its pieces meet; each is asked for with its neighbors, the end and far past it."""

    spec: Schedule
    marks: tuple[int, ...] = ()
    _: KW_ONLY
    id: str = ""

    @property
    def name(self) -> str:
        return describe(self.spec, self.id)

    @property
    def classes(self) -> set[type[Any]]:
        inner = [getattr(self.spec, field, None) for field in ("after", "learning_rate")]
        inner += getattr(self.spec, "schedules", ())
        return {type(self.spec), *(type(s) for s in inner if isinstance(s, Schedule))}

    @property
    def steps(self) -> NDArray[np.int64]:
        near = [mark + d for mark in self.marks for d in (-2, -1, 0, 1, 2)]
        last = max(self.marks, default=10)
        steps = {0, 1, 2, 3, last // 3, last // 2, 2 * last, 10 * last, 1_000_000, *near}
        return np.array(sorted(s for s in steps if s >= 0), np.int64)


CASES = [
    ScheduleCase(ConstantSchedule(0.3)),
    ScheduleCase(ConstantSchedule(0.0), id="zero"),
    ScheduleCase(StepDecay(0.1, 7), (7, 14, 21)),
    ScheduleCase(StepDecay(0.1, 10, 0.5), (10, 20, 1000)),
    ScheduleCase(StepDecay(0.1, 1, 0.9), (5,)),
    ScheduleCase(Piecewise((5, 9), (0.1, 0.02, 0.3)), (5, 9)),
    ScheduleCase(Piecewise((), (0.1,)), id="no boundary"),
    ScheduleCase(ExponentialDecay(0.1, 10, 0.5), (10, 20)),
    ScheduleCase(ExponentialDecay(0.1, 7, 0.96, staircase=True), (7, 14, 70)),
    ScheduleCase(ExponentialDecay(0.1, 10, 0.5, end=0.01), (33, 34)),
    ScheduleCase(ExponentialDecay(0.1, 1_000_000, 1.5), (100,), id="growing"),
    ScheduleCase(InverseTimeDecay(0.1, 7, 0.5), (7, 100)),
    ScheduleCase(InverseTimeDecay(0.1, 7, 1.5, staircase=True), (7, 14, 70)),
    ScheduleCase(PolynomialDecay(0.1, 20), (20,)),
    ScheduleCase(PolynomialDecay(0.1, 20, 0.01, 1.5, cycle=True), (20, 40, 60)),
    ScheduleCase(PolynomialDecay(0.1, 20, 0.01, 2.0), (20,)),
    ScheduleCase(PolynomialDecay(0.1, 21, 0.003, 0.5), (21,)),
    ScheduleCase(LinearDecay(0.1, 30), (30,)),
    ScheduleCase(LinearDecay(0.01, 30, 0.2), (30,), id="rising"),
    ScheduleCase(CosineDecay(0.1, 33), (33,)),
    ScheduleCase(CosineDecay(0.1, 1), (1,)),
    ScheduleCase(CosineDecay(0.1, 1000, 0.004), (1000,)),
    ScheduleCase(CosineDecay(0.1, 1000, 0.004, 0.3), (1000,)),
    ScheduleCase(CosineRestarts(0.1, 10), (10, 30, 70, 150)),
    ScheduleCase(CosineRestarts(0.1, 10, t_mul=1), (10, 20, 1000)),
    ScheduleCase(CosineRestarts(0.1, 5, t_mul=3, m_mul=0.5, end=0.01), (5, 20, 65)),
    # Where logarithms, in float64 too, place the beginning of the eighth cycle one step late.
    ScheduleCase(CosineRestarts(0.1, 3, t_mul=7), (3, 24, 411_771), id="far boundary"),
    ScheduleCase(OneCycle(0.1, 100), (30, 100)),
    ScheduleCase(OneCycle(0.1, 101, 0.25, 10.0, 100.0), (25, 26, 101)),
    ScheduleCase(OneCycle(0.1, 50, anneal="linear"), (15, 50)),
    ScheduleCase(OneCycle(0.1, 50, warmup_fraction=0.0), (50,)),
    # Numbers that XLA takes for 0, in float32 and in float64.
    ScheduleCase(OneCycle(0.1, 36, warmup_fraction=1.4e-45, anneal="linear"), (36,)),
    ScheduleCase(OneCycle(0.1, 36, warmup_fraction=1e-310), (36,)),
    ScheduleCase(Cyclic(0.01, 0.1, 10), (10, 20, 40)),
    ScheduleCase(Cyclic(0.01, 0.1, 3, 8, "triangular2"), (3, 11, 22)),
    ScheduleCase(Cyclic(0.01, 0.1, 10, mode="exp_range", gamma=0.99), (10, 20, 100)),
    ScheduleCase(PiecewiseInterpolate((10, 25, 27), (0.01, 0.1, 0.05, 0.0)), (10, 25, 27)),
    ScheduleCase(PiecewiseInterpolate((7, 31), (0.1, 0.0, 0.04), "cosine"), (7, 31)),
    ScheduleCase(PiecewiseInterpolate((), (0.1,)), id="no boundary"),
    ScheduleCase(Join((LinearDecay(0.1, 9), 0.05, CosineDecay(0.02, 10)), (5, 12)), (5, 12, 22)),
    ScheduleCase(Join((Piecewise((3,), (0.1, 0.2)),), ()), (3,), id="one alone"),
    ScheduleCase(BatchScaled(CosineDecay(0.1, 20), 1024), (20,)),
    ScheduleCase(BatchScaled(0.1, 96, 32, "square_root")),
    ScheduleCase(WarmupStableDecay(0.1, 5, 20, 10), (5, 25, 35)),
    ScheduleCase(WarmupStableDecay(0.1, 5, 3, 9, 0.02, 0.01, "cosine"), (5, 8, 17)),
    ScheduleCase(WarmupStableDecay(0.1, 0, 0, 11, end=0.01, shape="one_minus_sqrt"), (11,)),
    ScheduleCase(Warmup(CosineDecay(0.1, 50), 10), (10, 60)),
    ScheduleCase(Warmup(Piecewise((5,), (0.1, 0.01)), 7, start=0.02), (7, 12)),
    ScheduleCase(Warmup(ExponentialDecay(0.1, 10, 0.5), 1), (1, 11)),
    ScheduleCase(WarmupCosine(1e-3, 40, 360), (40, 360)),
    ScheduleCase(WarmupCosine(0.1, 7, 29, start=0.01, end=0.003), (7, 29)),
    ScheduleCase(WarmupCosine(0.1, 0, 30), (30,)),
    ScheduleCase(WarmupCosine(0.1, 5, 30, exponent=2.5), (5, 30)),
    ScheduleCase(InverseSquareRoot(0.1, 25), (24, 25)),
    ScheduleCase(InverseSquareRoot(0.01, 4000), (3999, 4000)),
    ScheduleCase(ReduceOnPlateau(0.1)),
    ScheduleCase(ReduceOnPlateau(CosineDecay(0.1, 20), minimum=0.02), (20,)),
]
