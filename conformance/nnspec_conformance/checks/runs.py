"""Do training runs stay the same, however they are divided, interrupted, resumed and evaluated, and on each backend?"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from nnspec.reference import model as reference, objective as objectives
from nnspec_conformance import tolerances
from nnspec_conformance.checks.engines import made, near, started
from nnspec_conformance.checks.training import penalized
from nnspec_conformance.checks.transfer import through_a_file
from nnspec_conformance.draws import Array, at_least_float32, float_type, generator
from nnspec_conformance.result import Figure, difference, exact
from nnspec_conformance.subject import Subject, unchanged
from nnspec_conformance.training import UPDATES, TrainingCase
from nnspec_conformance.truth import wide

EVALUATION_BATCH = 7  # does not divide the held-out rows: a last partial batch


def divided(subject: Subject, case: TrainingCase) -> list[Figure]:
    """The same updates in one call and in several, bit for bit: a run that resumes must end where it would have."""
    order = case.order()
    found = []
    for bounds in ((0, case.updates), (0, 5, 6, case.updates)):
        engine = started(subject, case)
        for begin, stop in pairwise(bounds):
            engine.train(order, begin, stop)
        found.append((engine.variables(), engine.totals()))
    (one, sums), (several, parts) = found
    figures = [exact(f"{name} in several calls", several[name], value) for name, value in one.items()]
    dtype = at_least_float32(subject.dtype)
    for name, whole in sums.items():
        for mine, value in zip(parts[name], whole, strict=True):
            figures.append(near(f"{name} in several calls", np.array(mine), np.array(value), dtype))
    return figures


def resumed(subject: Subject, case: TrainingCase) -> list[Figure]:
    """A run whose whole state went through a file into another engine, against the run that went on, bit for bit."""
    order, half = case.order(), case.updates // 2
    engine = started(subject, case)
    engine.train(order, 0, half)
    saved = engine.variables()
    arrived = through_a_file(saved)
    engine.train(order, half, case.updates)
    other = made(subject, case)
    other.assign(arrived)
    loaded = other.variables()
    figures = [exact(f"{name} arrives", loaded[name], value) for name, value in saved.items()]
    other.train(order, half, case.updates)
    want, got = engine.variables(), other.variables()
    return [*figures, *(exact(f"{name} after the resumed run", got[name], value) for name, value in want.items())]


def evaluation(subject: Subject, case: TrainingCase) -> list[Figure]:
    """Loss and metrics of a split in inference mode, with a last partial batch, and nothing changed by it."""
    engine = started(subject, case)
    before = engine.variables()
    got = engine.evaluate("validation", EVALUATION_BATCH)
    figures = []
    if not unchanged(before, engine.variables()):
        figures.append(Figure("state under evaluate", 1.0, 0.0, where="it changed"))
    data = wide(case.data("validation", subject.dtype))
    inputs = {name: data[name] for name in case.case.model.inputs}

    def outputs(dtype: str) -> tuple[dict[str, Array], float]:
        passed = reference.run(case.case.model, wide(before), inputs, dtype=float_type(dtype))
        penalty = _penalty(case, wide(before), passed.nodes, len(next(iter(inputs.values()))), dtype)
        return {name: np.asarray(passed.outputs[name], np.float64) for name in case.objective.outputs}, penalty

    exactly, penalty = outputs("float64")
    want = _scores(case, exactly, data, penalty)
    rounding = dict.fromkeys(want, 0.0)
    if subject.dtype != "float64":
        # What the roundings of the outputs leave open: a prediction near a tie may go either way.
        rounded_outputs, rounded_penalty = outputs(subject.dtype)
        errors = {name: float(difference(x, exactly[name]).max()) for name, x in rounded_outputs.items()}
        for draw in range(tolerances.ESTIMATES):
            rng = generator(case.name, "moved", draw)
            moved = {name: x + errors[name] * rng.uniform(-1, 1, x.shape) for name, x in exactly.items()}
            for name, value in _scores(case, moved, data, penalty).items():
                rounding[name] = max(rounding[name], float(difference(value, want[name]).max()))
        if case.penalties:
            error = abs(rounded_penalty - penalty)
            rounding |= {"penalty": error, "loss": rounding["loss"] + error}
    mine = case.objective.results(got, scalar=False)
    for name, value in want.items():
        dtype = at_least_float32(subject.dtype)
        figures.append(near(f"validation {name}", np.array(mine[name]), value, dtype, rounding=rounding[name]))
    return figures


def _scores(case: TrainingCase, outputs: dict[str, Array], data: dict[str, Array], penalty: float) -> dict[str, Array]:
    """What is minimized, losses, penalties and metrics of outputs by the reference."""
    sums = objectives.sums(case.objective, outputs, data)
    specs: dict[str, Any] = {term.name: term.loss for term in case.objective.terms} | case.objective.metrics
    found = {name: spec.result(*sums[name]) for name, spec in specs.items()}
    found["loss"] = objectives.value(case.objective, sums) + penalty
    found |= {"penalty": penalty} if case.penalties else {}
    return {name: np.array(value) for name, value in found.items()}


def _penalty(
    case: TrainingCase, state: Mapping[str, Array], nodes: Mapping[str, Array], rows: int, dtype: str
) -> float:
    """What penalties come to: of all examples, however they were divided; beside a sum, of each batch by itself."""
    size = EVALUATION_BATCH if case.objective.summed else rows
    batches = [{name: x[start : start + size] for name, x in nodes.items()} for start in range(0, rows, size)]
    return sum(penalized(case, state, batch, dtype) for batch in batches)


def agreement(one: Subject, other: Subject, case: TrainingCase) -> list[Figure]:
    """Where two backends are after 100 updates."""
    mine, theirs = _trained(one, case), _trained(other, case)
    return [near(f"{name} after {UPDATES} updates", mine[name], value, one.dtype) for name, value in theirs.items()]


def _trained(subject: Subject, case: TrainingCase) -> dict[str, Array]:
    def make() -> dict[str, Array]:
        engine = started(subject, case)
        engine.train(case.order(), 0, UPDATES)
        return engine.variables()

    return subject.once((case, "trained"), make)  # type: ignore[no-any-return]
