"""Does compiled training make exactly the updates of the spec?

In float64 a run is followed from its start: the reference's parameters after update k are those that its own updates
made, with the backend's gradients. In lower precision rounding takes each run its own way, so that every update is
judged by itself, from where the one before has led the backend.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnspec.backends import Engine
from nnspec.optimizers import slot_name
from nnspec.reference import (
    derivative,
    model as reference,
    objective as objectives,
    optimizers as stepping,
    penalties,
    schedules,
    wrappers as around,
)
from nnspec.reference.mixing import mixed
from nnspec.wrappers import sharpness
from nnspec_conformance import tolerances
from nnspec_conformance.case import STEP
from nnspec_conformance.checks.engines import FIRST_STEP, SEED, near, rows_of, started
from nnspec_conformance.checks.gradients import against
from nnspec_conformance.draws import Array, at_least_float32, float_type, generator, rounded
from nnspec_conformance.result import Figure, compare, difference
from nnspec_conformance.subject import Subject, unchanged
from nnspec_conformance.training import TrainingCase
from nnspec_conformance.truth import Derivative, epsilon, wide

# Along so many random directions in each parameter the loss is differentiated.
DIRECTIONS = 3
Slots = dict[str, dict[str, Array]]


@dataclass
class Book:
    """What was compared, and by kind the rounding that the reference showed in the dtype under test."""

    dtype: str
    entries: list[tuple[str, str, Array, Array, str]] = field(default_factory=list)
    rounding: dict[str, float] = field(default_factory=dict)

    def add(self, kind: str, what: str, got: Any, want: Any, own: Any, dtype: str | None = None) -> None:
        """A tensor, the truth about it, and what the reference gives in the dtype."""
        self.entries.append((kind, what, np.asarray(got), np.asarray(want), dtype or self.dtype))
        error = float(difference(np.asarray(own), np.asarray(want)).max(initial=0.0))
        self.rounding[kind] = max(self.rounding.get(kind, 0.0), error)

    def figures(self) -> list[Figure]:
        """All of them, each against the largest rounding that its kind showed."""
        bound = tolerances.TRAINING.bound
        return [
            compare(what, got, want, dtype=dtype, bound=bound(dtype), rounding=self.rounding[kind])
            for kind, what, got, want, dtype in self.entries
        ]


@dataclass
class Sums:
    """What an engine should have summed up: each loss by name, with the reference's rounding of it, and norms."""

    losses: dict[str, float] = field(default_factory=dict)
    rounding: dict[str, float] = field(default_factory=dict)
    norm: float = 0.0

    def add(self, totals: Mapping[str, float], own: Mapping[str, float]) -> None:
        """Those of a batch, and what the reference gives in the dtype."""
        for name, total in totals.items():
            self.losses[name] = self.losses.get(name, 0.0) + total
            self.rounding[name] = self.rounding.get(name, 0.0) + abs(own[name] - total)


def training(subject: Subject, case: TrainingCase) -> list[Figure]:
    """Each update against the reference optimizer, its statistics and losses against the reference's forward pass."""
    engine, dtype = started(subject, case), subject.dtype
    data, book = case.data("train", dtype), Book(dtype)
    state, slots = _state(case, engine)
    figures: list[Figure] = []
    sums = Sums()
    step = last = 0
    for update, (order, k) in enumerate(case.batches(dtype)):
        before, rows = engine.variables(), order[k]
        value, gradients = engine.loss_gradients("train", rows)
        if not unchanged(before, engine.variables()):
            figures.append(Figure("state under loss_gradients", 1.0, 0.0, where="it changed"))
        if dtype != "float64":
            state, slots = _state(case, engine)
        if update == 0:
            figures += _gradients(case, gradients, state, rows_of(data, rows), dtype)
        losses_ = [_loss(case, state, rows_of(data, rows), FIRST_STEP + update, kind) for kind in ("float64", dtype)]
        (want, totals, updates), (own, own_totals, own_updates) = losses_
        book.add("loss", f"loss of update {update}", value, want, own, at_least_float32(dtype))
        sums.add(totals, own_totals)
        gradients = _nearby(case, engine, before, gradients, rows)
        counts = stepping.makes(case.optimizer, gradients)
        sums.norm += float(stepping.global_norm(wide(gradients))) if counts else 0.0
        made, slots = _updated(case, state, value, gradients, slots, step, "float64")
        own_made = made
        if dtype != "float64":
            own_made, _ = _updated(case, state, value, gradients, _slots(case, before), step, dtype)
        step, last = step + counts, step
        state = {**state, **made, **wide(updates)}
        engine.train(order, k, k + 1)
        after = engine.variables()
        for name in case.case.params:
            mine = own_updates[name] if name in updates else own_made[name]
            book.add(name, f"{name} after update {update}", after[name], state[name], mine)
        for name, held in slots.items():
            for slot, wanted in held.items():
                what = slot_name(name, slot)
                kind = dtype if name else at_least_float32(dtype)
                book.add(what, f"{what} after update {update}", after[what], wanted, rounded(wanted, kind), kind)
    return [*figures, *book.figures(), *_totals(case, engine, sums, dtype, step, last), *_counters(case, engine, step)]


def _nearby(
    case: TrainingCase, engine: Engine, variables: Mapping[str, Array], gradients: dict[str, Array], rows: Array
) -> dict[str, Array]:
    """The gradients of an update by those at w: the same, or with SAM those at w + ε."""
    sam = sharpness(case.optimizer)
    if sam is None:
        return gradients
    parameters = {name: variables[name] for name in case.case.parameters}
    with np.errstate(all="ignore"):
        engine.assign(around.perturbed(sam, parameters, gradients))
    found = engine.loss_gradients("train", rows)[1]
    engine.assign(parameters)
    return found


def _state(case: TrainingCase, engine: Engine) -> tuple[dict[str, Array], Slots]:
    """All variables, and the optimizer's slots, in float64."""
    variables = engine.variables()
    return wide(variables), _slots(case, wide(variables))


def _slots(case: TrainingCase, variables: Mapping[str, Array]) -> Slots:
    held = {name: set(case.optimizer.slots_of(name, case.case.params[name].shape)) for name in case.case.parameters}
    if case.optimizer.shared_slots():
        held[""] = set(case.optimizer.shared_slots())
    return {name: {slot: variables[slot_name(name, slot)] for slot in slots} for name, slots in held.items()}


def _updated(
    case: TrainingCase,
    state: Mapping[str, Array],
    value: float,
    gradients: dict[str, Array],
    slots: Any,
    step: int,
    dtype: str,
) -> tuple[dict[str, Array], Slots]:
    """Parameters and slots after an update of the reference with these gradients, computed in ``dtype``."""
    made = stepping.makes(case.optimizer, gradients)
    clipped = gradients if case.clip is None else stepping.clip(case.clip, gradients)  # to the gradients' own dtype
    parameters = {name: rounded(state[name], dtype) for name in case.case.parameters}
    if dtype == "float64":
        clipped = wide(gradients if case.clip is None else clipped)
        slots = {name: wide(held) for name, held in slots.items()}
    options: dict[str, Any] = {"decayed": case.decayed, "scale": case.scale, "value": value, "made": made}
    updated, slots = stepping.update(case.optimizer, parameters, clipped, slots, step, **options)
    return penalties.constrained(case.constraints, case.case.model, updated) if made else updated, slots


def _loss(
    case: TrainingCase, state: Mapping[str, Array], batch: dict[str, Array], step: int, dtype: str = "float64"
) -> tuple[float, dict[str, float], Any]:
    """What is minimized, in training mode by the reference in ``dtype``, the sums of each loss and of the penalties,
    and the updated statistics."""
    given = wide(batch)
    if case.mixing is not None:
        (shape,) = case.case.model.output_shapes(*(given[name].shape for name in case.case.model.inputs)).values()
        given = mixed(case.mixing, case.loss, given, shape[-1] or 1, seed=SEED, step=step)
    inputs = {name: given[name] for name in case.case.model.inputs}
    passed = reference.run(case.case.model, state, inputs, training=True, seed=SEED, step=step, dtype=float_type(dtype))
    _, beside = case.objective.parted(given)
    data = {
        name: rounded(x, dtype) if name.startswith("targets") and x.dtype.kind not in "iu" else x
        for name, x in beside.items()
    }
    alone = dataclasses.replace(case.objective, measures=())
    sums = objectives.sums(alone, passed.outputs, data)
    totals = {name: float(total) for name, (total, _) in sums.items()}
    penalty = 0.0
    if case.penalties:
        penalty = penalized(case, state, passed.nodes, dtype)
        totals["penalty"] = penalty * (1 if case.objective.summed else len(next(iter(inputs.values()))))
    return objectives.value(alone, sums) + penalty, totals, passed.updates


def penalized(case: TrainingCase, state: Mapping[str, Array], nodes: Mapping[str, Array], dtype: str) -> float:
    """What the penalties add to the loss, computed in ``dtype``."""
    parameters = {name: rounded(state[name], dtype) for name in case.case.parameters}
    return penalties.value(case.penalties, case.case.model, parameters, nodes)


def _gradients(
    case: TrainingCase, got: dict[str, Array], state: dict[str, Array], batch: dict[str, Array], dtype: str
) -> list[Figure]:
    """The gradient of the whole loss, along random directions in each parameter."""
    want = _slopes(case, state, batch)
    rounding: dict[str, float] = {}
    for draw in range(0 if dtype == "float64" else tolerances.DRAWS):
        rng = generator(case.name, "perturbation", draw)
        near_state = {
            name: value * (1 + epsilon(dtype) / 2 * rng.uniform(-1, 1, value.shape))
            if value.dtype.kind == "f"
            else value
            for name, value in state.items()
        }
        near_batch = {
            name: value
            if value.dtype.kind in "iu"
            else wide({name: value})[name] * (1 + epsilon(dtype) / 2 * rng.uniform(-1, 1, value.shape))
            for name, value in batch.items()
        }
        there = _slopes(case, near_state, near_batch)
        for name, value in want.items():
            moved = float(difference(there[name].values, value.values).max())
            rounding[name] = max(rounding.get(name, 0.0), moved)
    return against(got, want, dtype, rounding, suffix=" of the loss")


def _slopes(case: TrainingCase, state: dict[str, Array], batch: dict[str, Array]) -> dict[str, Derivative]:
    def value(at: Mapping[str, Array]) -> float:
        return _loss(case, at, batch, FIRST_STEP)[0]

    found = {}
    for name in case.case.parameters:
        directions = generator(case.name, "directions", name).choice([-1.0, 1.0], (DIRECTIONS, *state[name].shape))
        slopes = [derivative.directional(value, state, {name: direction}, STEP) for direction in directions]
        found[name] = Derivative(np.array(slopes), directions)
    return found


def _totals(case: TrainingCase, engine: Engine, wanted: Sums, dtype: str, updates: int, last: int) -> list[Figure]:
    """The sums since the start; reading them resets them. ``last``: the updates made before the last batch."""
    got = engine.totals()
    steps = case.optimizer.counted(np.arange(last + 1))
    rates = schedules.value(case.optimizer.learning_rate, steps, case.scale)
    figures = [
        near(
            "sum of losses" if name == "loss" else f"sum of {name}",
            np.array(got[name][0]),
            np.array(total),
            at_least_float32(dtype),
            rounding=wanted.rounding[name],
        )
        for name, total in wanted.losses.items()
    ]
    figures += [
        *_shares(case, got, at_least_float32(dtype)),
        near("sum of gradient norms", np.array(got["grad_norm"][0]), np.array(wanted.norm), dtype),
        near("updates counted", np.array(got["grad_norm"][1]), np.array(updates), at_least_float32(dtype)),
        # On the scale of the schedule, as the schedules' own check: what falls along a cosine cancels towards its end.
        near(
            "last learning rate",
            np.array(got["learning_rate"][0]),
            rates[-1],
            at_least_float32(dtype),
            scale=float(np.abs(rates).max()),
        ),
    ]
    for name, sums in engine.totals().items():
        if name != "learning_rate":
            left = float(sum(np.abs(x).sum() for x in sums))
            figures.append(Figure(f"{name} after totals() was read", left, 0.0, where="not reset"))
    return figures


def _shares(case: TrainingCase, got: Mapping[str, Any], dtype: str) -> list[Figure]:
    """What the sums of penalties are counted by: examples, or batches beside sums."""
    if not case.penalties:
        return []
    batches = [1 if case.objective.summed else order.shape[1] for order, _ in case.batches(dtype)]
    return [near("what penalties are counted by", np.array(got["penalty"][1]), np.array(sum(batches)), dtype)]


def _counters(case: TrainingCase, engine: Engine, made: int) -> list[Figure]:
    after = engine.variables()
    wanted = {"optimizer/step": made, "random/step": FIRST_STEP + len(case.batches(engine.net.dtype))}
    return [
        Figure(name, abs(int(after[name]) - want), 0.0, where=f"{int(after[name])} instead of {want}")
        for name, want in wanted.items()
    ]
