"""Do parameters and slots follow the spec's formulas, update by update, with a learning rate that changes?"""

from __future__ import annotations

from functools import cache

import numpy as np

from nnspec.reference import optimizers as reference
from nnspec_conformance import tolerances
from nnspec_conformance.draws import Array
from nnspec_conformance.optimizers import UPDATES, OptimizerCase
from nnspec_conformance.result import Figure, compare, difference
from nnspec_conformance.subject import Subject
from nnspec_conformance.truth import wide


def optimizer(subject: Subject, case: OptimizerCase) -> list[Figure]:
    """The whole trajectory of 100 updates, and where it ends."""

    def make() -> dict[str, Array]:
        parameters, gradients = case.draw(subject.dtype)
        return subject.backend.optimize(
            case.spec, parameters, gradients, clip=case.clip, decayed=case.decayed, dtype=subject.dtype
        )

    got = subject.once(case, make)
    want = trajectory(case, subject.dtype, "float64")
    own = want if subject.dtype == "float64" else trajectory(case, subject.dtype, subject.dtype)
    bound = tolerances.OPTIMIZER.bound(subject.dtype)
    figures = []
    for name, value in want.items():
        if name not in got:
            figures.append(Figure(name, np.inf, 0.0, where="it is missing"))
            continue
        for what, part in (("", slice(None)), (" at the end", slice(-1, None))):
            rounding = float(difference(own[name][part], value[part]).max())
            figures.append(
                compare(name + what, got[name][part], value[part], dtype=subject.dtype, bound=bound, rounding=rounding)
            )
    return figures


@cache
def trajectory(case: OptimizerCase, drawn: str, dtype: str) -> dict[str, Array]:
    """What the reference makes of the gradients drawn for one dtype when it computes in another."""
    parameters, gradients = case.draw(drawn)
    if dtype == "float64":
        parameters, gradients = wide(parameters), wide(gradients)
    slots = reference.init(case.spec, parameters)
    made: dict[str, list[Array]] = {}
    for update in range(UPDATES):
        given = {name: g[update] for name, g in gradients.items()}
        if case.clip is not None:
            given = reference.clip(case.clip, given)
        parameters, slots = reference.update(case.spec, parameters, given, slots, update, decayed=case.decayed)
        for name, value in parameters.items():
            made.setdefault(name, []).append(value)
            for slot, held in slots[name].items():
                made.setdefault(f"optimizer/{name}/{slot}", []).append(held)
    return {name: np.stack(values) for name, values in made.items()}


def forget() -> None:
    """Forget all results, after the reference has been changed under the suite (by the tests of the suite)."""
    trajectory.cache_clear()
