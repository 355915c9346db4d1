"""Do parameters and slots follow the spec's formulas, update by update, with a learning rate that changes?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from nnspec.optimizers import slot_name
from nnspec.reference import optimizers as reference
from nnspec_conformance import tolerances
from nnspec_conformance.checks.gradients import size
from nnspec_conformance.draws import HALF, Array, rounded
from nnspec_conformance.optimizers import UPDATES, OptimizerCase
from nnspec_conformance.result import Figure, compare, difference, ulp_of
from nnspec_conformance.subject import Subject
from nnspec_conformance.truth import wide

Arrays = Mapping[str, Array]


def optimizer(subject: Subject, case: OptimizerCase) -> list[Figure]:
    """The whole trajectory of 100 updates, and where it ends."""

    def make() -> dict[str, Array]:
        parameters, gradients = case.draw(subject.dtype)
        return subject.backend.optimize(
            case.spec, parameters, gradients, clip=case.clip, decayed=case.decayed, dtype=subject.dtype
        )

    got = subject.once(case, make)
    if subject.dtype in HALF:
        return _by_step(case, got, subject.dtype)
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
            if what and subject.dtype != "float64":  # the reference may have been lucky in a few elements at one time
                unit = ulp_of(size(value[part]), subject.dtype)
                rounding = max(rounding, tolerances.repeated(UPDATES) * unit)
            figures.append(
                compare(name + what, got[name][part], value[part], dtype=subject.dtype, bound=bound, rounding=rounding)
            )
    return figures


def _by_step(case: OptimizerCase, got: dict[str, Array], dtype: str) -> list[Figure]:
    """Each update from where the one before has led the backend; of each tensor the update nearest to its limit.

    A trajectory in half precision goes its own way: after 100 updates v with b2 = 0.999 is another number than in
    float64, however well each update is made.
    """
    parameters, gradients = case.draw(dtype)
    slots: Any = reference.init(case.spec, parameters)
    missing = [name for name in _named(parameters, slots) if name not in got]
    if missing:
        return [Figure(name, np.inf, 0.0, where="it is missing") for name in missing]
    worst: dict[str, Figure] = {}
    step = 0
    for update in range(UPDATES):
        given = {name: g[update] for name, g in gradients.items()}
        made = reference.makes(case.spec, given)
        if case.clip is not None:
            given = reference.clip(case.clip, given)  # which rounds to the gradients' dtype
        want = _updated(case, wide(parameters), wide(given), {n: wide(s) for n, s in slots.items()}, step, made)
        step += made
        for name, exact in want.items():
            kind = str(got[name].dtype)  # that of slots that all parameters share is float32
            kept = rounded(exact, kind).astype(np.float64)
            value = np.where(np.isinf(kept), kept, exact)
            # Made in float32 and rounded once: 1 ULP is what cannot be avoided.
            bound = tolerances.OPTIMIZER.bound(dtype)
            found = compare(f"{name} at update {update}", got[name][update], value, dtype=kind, bound=bound)
            if name not in worst or found.share > worst[name].share:
                worst[name] = found
        parameters = {name: got[name][update] for name in parameters}
        slots = {n: {slot: got[slot_name(n, slot)][update] for slot in held} for n, held in slots.items()}
    return list(worst.values())


def _updated(
    case: OptimizerCase, parameters: Arrays, given: Arrays, slots: Any, step: int, made: bool
) -> dict[str, Array]:
    """Parameters and slots by canonical name after one update of the reference."""
    with np.errstate(all="ignore"):
        return _named(*reference.update(case.spec, parameters, given, slots, step, decayed=case.decayed, made=made))


def _named(parameters: Arrays, slots: Any) -> dict[str, Array]:
    held = {slot_name(name, slot): value for name, by_slot in slots.items() for slot, value in by_slot.items()}
    return {**parameters, **held}


@cache
def trajectory(case: OptimizerCase, drawn: str, dtype: str) -> dict[str, Array]:
    """What the reference makes of the gradients drawn for one dtype when it computes in another."""
    parameters, gradients = case.draw(drawn)
    if dtype == "float64":
        parameters, gradients = wide(parameters), wide(gradients)
    slots = reference.init(case.spec, parameters)
    path: dict[str, list[Array]] = {}
    step = 0
    for update in range(UPDATES):
        given = {name: g[update] for name, g in gradients.items()}
        made = reference.makes(case.spec, given)
        if case.clip is not None:
            given = reference.clip(case.clip, given)
        parameters, slots = reference.update(case.spec, parameters, given, slots, step, decayed=case.decayed, made=made)
        step += made
        for name, value in _named(parameters, slots).items():
            path.setdefault(name, []).append(value)
    return {name: np.stack(values) for name, values in path.items()}


def forget() -> None:
    """Forget all results, after the reference has been changed under the suite (by the tests of the suite)."""
    trajectory.cache_clear()
