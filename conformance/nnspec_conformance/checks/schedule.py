"""Is the learning rate the spec's at every step of interest?"""

from __future__ import annotations

import numpy as np

from nnspec.reference import schedules as reference
from nnspec_conformance import tolerances
from nnspec_conformance.draws import at_least_float32
from nnspec_conformance.result import Figure, compare
from nnspec_conformance.schedules import ScheduleCase
from nnspec_conformance.subject import Subject


def schedule(subject: Subject, case: ScheduleCase) -> list[Figure]:
    """Rates at 0, around every boundary, at the end and far past it; in float32 at least."""
    got = subject.backend.schedule(case.spec, case.steps, dtype=subject.dtype)
    want = reference.value(case.spec, case.steps)
    dtype = at_least_float32(subject.dtype)
    figures = [compare("rates", got, want, dtype=dtype, bound=tolerances.SCHEDULE.bound(dtype))]
    if str(np.asarray(got).dtype) != dtype:
        figures.append(Figure("dtype of the rates", 1.0, 0.0, where=f"{np.asarray(got).dtype} instead of {dtype}"))
    return figures
