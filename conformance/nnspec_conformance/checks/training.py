"""Does compiled training make exactly the updates of the spec, however they are divided into calls?"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from nnspec.backends import Engine
from nnspec.reference import derivative, losses, metrics, model as reference, optimizers as stepping, schedules
from nnspec.vocabulary import tag_of
from nnspec_conformance import tolerances
from nnspec_conformance.case import STEP
from nnspec_conformance.checks.gradients import size
from nnspec_conformance.draws import Array, generator
from nnspec_conformance.result import Figure, exact, figure, ulp_of
from nnspec_conformance.subject import Subject, unchanged
from nnspec_conformance.training import UPDATES, TrainingCase
from nnspec_conformance.truth import wide

SEED, FIRST_STEP = 2**40 + 11, 5
EVALUATION_BATCH = 7  # does not divide the held-out rows: a last partial batch


def training(subject: Subject, case: TrainingCase) -> list[Figure]:
    """Each update against the reference optimizer, its statistics and losses against the reference's forward pass."""
    engine = started(subject, case)
    order, data = case.order(), case.data("train", subject.dtype)
    state = wide(engine.variables())
    slots = {n: {s: state[f"optimizer/{n}/{s}"] for s in case.optimizer.slots()} for n in case.case.parameters}
    figures, totals = [], {"loss": 0.0, "norm": 0.0}
    for update, rows in enumerate(order[: case.updates]):
        before = engine.variables()
        value, gradients = engine.loss_gradients("train", rows)
        if not unchanged(before, engine.variables()):
            figures.append(Figure("state under loss_gradients", 1.0, 0.0, where="it changed"))
        want_loss, total, updates = _loss(case, state, _rows(data, rows), FIRST_STEP + update)
        figures.append(near(f"loss of update {update}", np.array(value), np.array(want_loss), subject.dtype))
        if update == 0:
            figures += _gradients(case, gradients, state, _rows(data, rows), subject.dtype)
        totals["loss"] += total
        totals["norm"] += float(stepping.global_norm(wide(gradients)))
        clipped = wide(gradients) if case.clip is None else stepping.clip(case.clip, wide(gradients))
        parameters = {name: state[name] for name in case.case.parameters}
        parameters, slots = stepping.update(
            case.optimizer, parameters, clipped, slots, update, decayed=case.decayed, scale=case.scale
        )
        state = {**state, **parameters, **wide(updates)}
        engine.train(order, update, update + 1)
        after = engine.variables()
        for name in case.case.params:
            figures.append(near(f"{name} after update {update}", after[name], state[name], subject.dtype))
        for name, held in slots.items():
            for slot, wanted in held.items():
                what = f"optimizer/{name}/{slot}"
                figures.append(near(f"{what} after update {update}", after[what], wanted, subject.dtype))
    return [*figures, *_totals(case, engine, totals, subject.dtype), *_counters(case, engine)]


def divided(subject: Subject, case: TrainingCase) -> list[Figure]:
    """The same updates in one call and in several, bit for bit: a run that resumes must end where it would have."""
    order = case.order()
    found = []
    for bounds in ((0, case.updates), (0, 5, 6, case.updates)):
        engine = started(subject, case)
        for start, stop in pairwise(bounds):
            engine.train(order, start, stop)
        found.append((engine.variables(), engine.totals()))
    (one, sums), (several, parts) = found
    figures = [exact(f"{name} in several calls", several[name], value) for name, value in one.items()]
    for name, pair in sums.items():
        figures.append(near(f"{name} in several calls", np.array(parts[name]), np.array(pair), subject.dtype))
    return figures


def evaluation(subject: Subject, case: TrainingCase) -> list[Figure]:
    """Loss and metrics of a split in inference mode, with a last partial batch, and nothing changed by it."""
    engine = started(subject, case)
    before = engine.variables()
    got = engine.evaluate("validation", EVALUATION_BATCH)
    data = wide(case.data("validation", subject.dtype))
    inputs = {name: data[name] for name in case.case.model.inputs}
    outputs = reference.run(case.case.model, wide(before), inputs).outputs[case.case.model.outputs[0]]
    figures = []
    if not unchanged(before, engine.variables()):
        figures.append(Figure("state under evaluate", 1.0, 0.0, where="it changed"))
    total, count = losses.value(case.loss, outputs, data["targets"], data.get("weights"))
    wanted = {"loss": case.loss.result(total, count)}
    for spec in case.metrics:
        wanted[tag_of(type(spec))] = spec.result(*metrics.value(spec, outputs, data["targets"], data.get("weights")))
    specs: dict[str, Any] = {"loss": case.loss, **{tag_of(type(spec)): spec for spec in case.metrics}}
    for name, want in wanted.items():
        figures.append(
            near(f"validation {name}", np.array(specs[name].result(*got[name])), np.array(want), subject.dtype)
        )
    return figures


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


def started(subject: Subject, case: TrainingCase) -> Engine:
    """The engine with data, at random variables, statistics and slots, and a random step that is not 0.

    One engine serves all checks of a case: it is set back by assigning everything, and compiled once.
    """

    def make() -> Engine:
        net = subject.backend.build(case.case.model, start, dtype=subject.dtype)
        made = subject.backend.engine(
            net, loss=case.loss, optimizer=case.optimizer, metrics=case.metrics, clip=case.clip
        )
        for split in ("train", "validation"):
            made.load(split, case.data(split, subject.dtype))
        return made

    seed = np.array([SEED & 0xFFFFFFFF, SEED >> 32], np.uint32)
    random = {"random/seed": seed, "random/step": np.array(FIRST_STEP, np.uint32)}
    start = {**case.case.point(subject.dtype).variables, **random}
    engine: Engine = subject.once((case, "engine"), make)
    counters = {"optimizer/step": np.array(0, np.int64), "optimizer/learning_rate_scale": np.array(case.scale)}
    engine.assign({**start, **case.slots(subject.dtype), **counters})
    engine.totals()
    return engine


def near(what: str, got: Array, want: Array, dtype: str, scale: float | None = None) -> Figure:
    """Relative per tensor, by the bound for runs."""
    truth = np.asarray(want, np.float64)
    if scale is None:
        scale = size(truth)
    bound = tolerances.TRAINING.float64 if dtype == "float64" else tolerances.TRAINING_FLOAT32
    return figure(what, np.asarray(got), truth, bound * scale, scale=scale, ulp=ulp_of(scale, dtype))


def _rows(data: dict[str, Array], rows: Array) -> dict[str, Array]:
    return {name: value[rows] for name, value in data.items()}


def _loss(
    case: TrainingCase, state: Mapping[str, Array], batch: dict[str, Array], step: int
) -> tuple[float, float, Any]:
    """The reduced training-mode loss by the reference, its sum and the updated statistics."""
    given = wide(batch)
    inputs = {name: given[name] for name in case.case.model.inputs}
    passed = reference.run(case.case.model, state, inputs, training=True, seed=SEED, step=step)
    output = passed.outputs[case.case.model.outputs[0]]
    total, count = losses.value(case.loss, output, given["targets"], given.get("weights"))
    return case.loss.result(total, count), total, passed.updates


def _gradients(
    case: TrainingCase, got: dict[str, Array], state: dict[str, Array], batch: dict[str, Array], dtype: str
) -> list[Figure]:
    """The gradient of the whole loss, along random directions in each parameter."""
    floor = tolerances.GRADIENT_FLOOR * max(map(size, got.values()))

    def value(at: Mapping[str, Array]) -> float:
        return _loss(case, at, batch, FIRST_STEP)[0]

    figures = []
    for name in case.case.parameters:
        directions = generator(case.name, "directions", name).choice([-1.0, 1.0], (3, *state[name].shape))
        for direction in directions:
            slope = derivative.directional(value, state, {name: direction}, STEP)
            mine = np.sum(got[name].astype(np.float64) * direction)
            scale = max(size(got[name]), floor)
            bound = tolerances.GRADIENT.float64 if dtype == "float64" else tolerances.TRAINING_FLOAT32
            ulp = ulp_of(scale, dtype)
            figures.append(figure(f"d loss/d {name}", mine, np.array(slope), bound * scale, scale=scale, ulp=ulp))
    return figures


def _totals(case: TrainingCase, engine: Engine, wanted: dict[str, float], dtype: str) -> list[Figure]:
    """The sums since the start; reading them resets them."""
    got = engine.totals()
    rate = float(schedules.value(case.optimizer.learning_rate, case.updates - 1, case.scale))
    pairs = {
        "sum of losses": (got["loss"][0], wanted["loss"]),
        "sum of gradient norms": (got["grad_norm"][0], wanted["norm"]),
        "updates counted": (got["grad_norm"][1], case.updates),
        "last learning rate": (got["learning_rate"][0], rate),
    }
    figures = [near(what, np.array(mine), np.array(want), dtype) for what, (mine, want) in pairs.items()]
    for name, (total, count) in engine.totals().items():
        if name != "learning_rate":
            figures.append(Figure(f"{name} after totals() was read", abs(total) + abs(count), 0.0, where="not reset"))
    return figures


def _counters(case: TrainingCase, engine: Engine) -> list[Figure]:
    after = engine.variables()
    wanted = {"optimizer/step": case.updates, "random/step": FIRST_STEP + case.updates}
    return [
        Figure(name, abs(int(after[name]) - want), 0.0, where=f"{int(after[name])} instead of {want}")
        for name, want in wanted.items()
    ]
