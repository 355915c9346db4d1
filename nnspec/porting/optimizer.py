"""Optimizers on their way from one framework to another: of which parameters, from which start, and verified.

The form in the middle is :class:`nnspec.porting.port.OptimizerState`: the optimizer of the spec, with named options for
the conventions in which frameworks differ, and its slots as a checkpoint of a training run has them.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from nnspec.backends import Array, Arrays
from nnspec.errors import PortError, SpecError
from nnspec.layers.base import Param
from nnspec.optimizers import Optimizer, OptimizerBase, slot_name
from nnspec.porting.collecting import LARGE, size
from nnspec.porting.port import OptimizerState, OptimizerSubject
from nnspec.porting.verification import Figure, Pass, Verification
from nnspec.random import stream_of
from nnspec.wrappers import MultiOptimizer, held

STEP, SCALE = "optimizer/step", "optimizer/learning_rate_scale"
# So many updates are compared.
UPDATES = 3
# In float64: of the largest magnitude of a slot, and of the largest change of a parameter. A wrong convention shows as
# 1e-7 (where epsilon stands) or more; a constant that a framework rounds to float32 shows as 1e-8.
EXACT, ROUNDED = 1e-11, 1e-5
# Learning rates, which frameworks compute in float32.
RATE = 1e-5

# What is said of updates that were left out.
NOT_COMPARED = "the optimizer's updates were not compared: the model is large (--gradients)"


def trained(params: Mapping[str, Param]) -> dict[str, Param]:
    """The parameters among a model's variables."""
    return {name: param for name, param in params.items() if param.kind == "parameter"}


def of_kernels(params: Mapping[str, Param]) -> frozenset[str]:
    """The names that ``decay: kernels`` reaches."""
    return frozenset(name for name, param in params.items() if param.decay)


def parted(each: Mapping[str, OptimizerBase]) -> OptimizerBase:
    """One optimizer for all parameters, from that of each: a ``MultiOptimizer`` that names exceptions, if any."""
    groups: list[tuple[OptimizerBase, list[str]]] = []
    for name, optimizer in each.items():
        for known, names in groups:
            if known == optimizer:
                names.append(name)
                break
        else:
            groups.append((optimizer, [name]))
    if not groups:
        raise PortError("the model has no parameters that an optimizer could train")
    groups.sort(key=lambda group: -len(group[1]))
    (default, _), *others = groups
    if not others:
        return default
    return MultiOptimizer(default, tuple((_pattern(names), optimizer) for optimizer, names in others))


def of_decay(each: Mapping[str, OptimizerBase], kernels: frozenset[str]) -> dict[str, OptimizerBase]:
    """The optimizer of each parameter, with ``decay: kernels`` where it is the kernels that decay and no others do."""
    found = dict(each)
    for optimizer in dict.fromkeys(each.values()):
        if not (isinstance(optimizer, Optimizer) and optimizer.weight_decay):
            continue
        without = dataclasses.replace(optimizer, weight_decay=0.0)
        decaying = {name for name, own in each.items() if own == optimizer}
        still = {name for name, own in each.items() if own == without}
        if still and decaying <= kernels and not still & kernels:
            found |= dict.fromkeys(decaying | still, dataclasses.replace(optimizer, decay="kernels"))
    return found


def _pattern(names: Sequence[str]) -> str:
    """A regular expression for these names alone."""
    return f"^({'|'.join(map(re.escape, names))})$"


def started(optimizer: OptimizerBase, parameters: Arrays) -> dict[str, Array]:
    """The slots before the first update, by canonical name."""
    from nnspec.reference.optimizers import init

    slots = init(optimizer, {name: np.asarray(value) for name, value in parameters.items()})
    return {slot_name(name, slot): value for name, held in slots.items() for slot, value in held.items()}


def whole(optimizer: OptimizerBase, slots: Arrays, step: int, parameters: Arrays, *, scale: float = 1.0) -> Arrays:
    """The variables of an optimizer as an engine has them: slots, the step, and what plateaus made of the rate.

    Raises:
        PortError: a slot is missing or has another shape than its parameter asks for.
    """
    expected = started(optimizer, parameters)
    for name, value in expected.items():
        if name not in slots:
            raise PortError(f"the state lacks {name!r}")
        if np.shape(slots[name]) != np.shape(value):
            raise PortError(f"{name} has the shape {list(np.shape(slots[name]))} instead of {list(np.shape(value))}")
    unknown = [name for name in slots if name not in expected]
    if unknown:
        raise PortError(f"{type(optimizer).__name__} has no slot {unknown[0]!r}")
    found = {name: np.asarray(slots[name]) for name in expected}
    return {**found, STEP: np.array(step, np.int64), SCALE: np.array(scale, np.float64)}


def slots_of(state: OptimizerState) -> dict[str, Array]:
    """The slots of a state alone."""
    return {name: value for name, value in state.variables.items() if name not in (STEP, SCALE)}


def step_of(state: OptimizerState) -> int:
    """How many updates it has made; of batches, where gradients are accumulated."""
    return int(state.variables.get(STEP, 0))


def scale_of(state: OptimizerState) -> float:
    """What plateaus have multiplied its learning rate by."""
    return float(state.variables.get(SCALE, 1.0))


def rates(state: OptimizerState, steps: Iterable[int]) -> Array:
    """Learning rates after so many updates, in float64."""
    from nnspec.reference.schedules import value

    optimizer = state.optimizer
    scale = scale_of(state)
    return np.array([float(value(optimizer.learning_rate, int(optimizer.counted(s)), scale)) for s in steps])


def checked(make: Callable[[], Any], what: str) -> Any:
    """What ``make`` gives; an error of the spec about numbers that it does not take names what they are of."""
    try:
        return make()
    except SpecError as error:
        raise PortError(f"{what}: {error}") from error


# -- verification -----------------------------------------------------------------------------------------------------


def updates_compared(variables: Arrays, asked: bool | None) -> bool:
    """Whether updates are compared: of models so large that gradients are not, only where these are asked for.

    Two optimizers in float64, with their gradients, take ten times the memory of the weights and more.
    """
    return bool(asked) or size(variables.values()) < LARGE


def verify_updates(
    state: OptimizerState, params: Mapping[str, Param], variables: Arrays, subject: OptimizerSubject, *, seed: int = 0
) -> Verification:
    """Make a few updates with the same gradients by a subject and by the spec's formulas, and compare all that changes.

    Both go on from the state in float64. Compared are every slot and every parameter after the last update, the latter
    by how far it has moved, and learning rates along the schedule.

    Args:
        state: the optimizer with its state.
        params: the model's variables as declared.
        variables: the model's variables.
        subject: what is compared with the spec.
        seed: of the gradients.
    """
    start = perf_counter()
    names = [name for name in trained(params) if name in variables]
    parameters = {name: np.asarray(variables[name]).astype(np.float64) for name in names}
    found = subject.update(parameters, Draws(parameters, seed))
    limit = ROUNDED if subject.rounds else EXACT
    figures = []
    for part in [[name] for name in names] if _by_themselves(state) else [names]:
        own = {name: parameters[name] for name in part}
        for name, value in reference(state, own, Draws(own, seed), of_kernels(params)).items():
            if name != STEP or part[-1] == names[-1]:
                figures.append(_figure(name, found.pop(name, None), value, own.get(name), limit))
    first = step_of(state)
    steps = sorted({*range(first, first + UPDATES), *(10**i for i in range(6)), *(3 * 10**i for i in range(5))})
    seen, meant = subject.rates(steps), rates(state, steps)
    figures.append(_rates("learning_rate", steps, seen, meant))
    notes = (f"{subject.rounds}: held to {ROUNDED:.0e}",) if subject.rounds else ()
    return Verification(
        subject.label,
        "the spec's formulas in NumPy",
        (Pass("float64", True, tuple(figures)),),
        notes=notes,
        seconds=perf_counter() - start,
    )


def reference(
    state: OptimizerState, parameters: Arrays, gradients: Sequence[Arrays], decayed: frozenset[str]
) -> dict[str, Array]:
    """Parameters and slots after updates with these gradients, by the spec's formulas in float64."""
    from nnspec.reference import optimizers

    slots: dict[str, dict[str, Array]] = {name: {} for name in parameters}
    for name, value in slots_of(state).items():
        parameter, _, slot = name.removeprefix("optimizer/").rpartition("/")
        if parameter in slots or not parameter:
            slots.setdefault(parameter, {})[slot] = np.asarray(value).astype(np.float64)
    step, values = step_of(state), {name: np.asarray(x) for name, x in parameters.items()}
    for given in gradients:
        made = optimizers.makes(state.optimizer, given)
        clipped = given if state.clip is None else optimizers.clip(state.clip, given)
        values, slots = optimizers.update(
            state.optimizer, values, clipped, slots, step, decayed=decayed, scale=scale_of(state), made=made
        )
        step += int(made)
    found = {slot_name(name, slot): value for name, held in slots.items() for slot, value in held.items()}
    return {**values, **found, STEP: np.array(step)}


class Draws(Sequence[Arrays]):
    """Gradients of the updates, drawn anew each time they are asked: kept, they would be several times the weights.

    They are normal numbers of several sizes: where epsilon stands shows in small ones.
    """

    def __init__(self, parameters: Arrays, seed: int) -> None:
        self._shapes = {name: np.shape(x) for name, x in parameters.items()}
        self._seed = seed

    def __len__(self) -> int:
        return UPDATES

    def __getitem__(self, place: Any) -> Any:
        if not 0 <= place < UPDATES:
            raise IndexError(place)
        return {name: self._drawn(name, place) for name in self._shapes}

    def _drawn(self, name: str, place: int) -> Array:
        draw, shape = np.random.default_rng([self._seed + place, stream_of(name, "gradient")]), self._shapes[name]
        drawn: Array = draw.normal(size=shape)
        drawn *= 10.0 ** draw.uniform(-4, 0, size=shape)
        return drawn


def _by_themselves(state: OptimizerState) -> bool:
    """Whether the update of a parameter depends on its own gradient and slots alone."""
    from nnspec.reference.optimizers import together

    common = any(not name.removeprefix("optimizer/").rpartition("/")[0] for name in slots_of(state))
    every = list(held(state.optimizer))
    joint = any(together.dispatch(type(one)) is not together.dispatch(object) for one in every)
    return state.clip is None and not common and not joint and not any(one.leaves_out for one in every)


def _figure(name: str, found: Any, wanted: Array, before: Array | None, limit: float) -> Figure:
    """How far a slot or a parameter is from where it should be."""
    if found is None:
        return Figure("update", name, shape=wanted.shape, status="missing")
    a, b = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    if a.shape != b.shape:
        return Figure(
            "update", name, shape=b.shape, status="failed", error=float("inf"), where=f"shape {list(a.shape)}"
        )
    what = "slot" if before is None else "parameter"
    if not b.size:
        return Figure("update", name, what, shape=b.shape)
    moved = b if before is None else b - before
    scale = float(np.max(np.abs(moved)))
    rounding = 4 * np.finfo(np.float64).eps * float(np.max(np.abs(b)))  # of a sum that is much larger than the change
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    apart = np.where(same, 0.0, np.abs(a - b))
    worst = int(np.argmax(np.where(np.isnan(apart), np.inf, apart)))
    error = float(apart.reshape(-1)[worst])
    error = float("inf") if np.isnan(error) else error
    allowed = limit * scale + rounding
    place = ", ".join(map(str, np.unravel_index(worst, b.shape)))
    where = f"at [{place}] {a.reshape(-1)[worst]:.9g} instead of {b.reshape(-1)[worst]:.9g}" if error > allowed else ""
    ulp = error / float(np.spacing(np.max(np.abs(b)) or 1.0))
    return Figure(
        "update", name, what, "", b.shape, "failed" if error > allowed else "passed", error, allowed, scale, ulp, where
    )


def _rates(name: str, steps: Sequence[int], found: Array, wanted: Array) -> Figure:
    apart, scale = np.abs(found - wanted), float(np.max(np.abs(wanted)))
    worst = int(np.argmax(apart))
    error, allowed = float(apart[worst]), RATE * scale
    where = f"at step {steps[worst]} {found[worst]:.6g} instead of {wanted[worst]:.6g}" if error > allowed else ""
    status: Any = "failed" if not error <= allowed else "passed"
    return Figure("update", name, "schedule", "", wanted.shape, status, error, allowed, scale, 0.0, where)


def moved(state: OptimizerState, **changes: Any) -> OptimizerState:
    """The state with other fields."""
    return dataclasses.replace(state, **changes)
