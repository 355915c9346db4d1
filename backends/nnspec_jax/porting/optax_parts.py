"""What an Optax transformation is made of. It is a pair of closures; what they hold says which they are.

A transformation of Optax is known by the function that made it (``scale_by_adam.<locals>.update_fn``), its numbers by
the variables of the closure. Whether they were understood, verification shows: the original makes updates beside the
spec.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nnspec import schedules
from nnspec.errors import PortError, SpecError

REMEDY = "name the optimizer yourself: optimizer=nnspec.Adam(...), state=..."


@dataclass(frozen=True)
class Part:
    """One transformation of a chain.

    Attributes:
        name: the function of Optax that made it.
        options: what its closures hold.
        state: its own.
        mask: what ``optax.masked`` around it was given; None where it stands for all parameters.
    """

    name: str
    options: Mapping[str, Any]
    state: Any
    mask: Any = None


@dataclass(frozen=True)
class Whole:
    """A transformation taken apart.

    Attributes:
        parts: in order, without those that do nothing.
        every: of how many batches the gradients are gathered.
        gathered: the state of that.
    """

    parts: tuple[Part, ...]
    every: int = 1
    gathered: Any = field(default=None, repr=False)


def taken_apart(transformation: Any, state: Any) -> Whole:
    """The parts of a transformation with their states.

    Raises:
        PortError: one that is not known.
    """
    import optax

    steps = transformation if isinstance(transformation, optax.MultiSteps) else None
    owner = getattr(transformation.update, "__self__", None)
    if steps is None and isinstance(owner, optax.MultiSteps):
        steps = owner
    if steps is not None:
        if not isinstance(state, optax.MultiStepsState):
            raise PortError("the state of MultiSteps is not what it makes")
        every = steps._every_k_schedule(0)
        inner = steps.inner_opt
        return Whole(tuple(_parts(inner.init, inner.update, state.inner_opt_state, None)), int(every), state)
    return Whole(tuple(_parts(transformation.init, transformation.update, state, None)))


def made_by(function: Any) -> str:
    """The function whose closure another one is: ``scale_by_adam``."""
    name = getattr(function, "__qualname__", type(function).__name__)
    return str(name).partition(".<locals>")[0]


def held_by(*functions: Any) -> dict[str, Any]:
    """The variables of closures."""
    found: dict[str, Any] = {}
    for function in functions:
        code, cells = getattr(function, "__code__", None), getattr(function, "__closure__", None)
        if code is not None and cells:
            for name, cell in zip(code.co_freevars, cells, strict=True):
                try:
                    found[name] = cell.cell_contents
                except ValueError:  # not filled yet
                    continue
    return found


def _parts(init: Any, update: Any, state: Any, mask: Any) -> Iterator[Part]:
    name, options = made_by(update), held_by(init, update)
    match name:
        case "identity" | "set_to_zero":
            if name == "set_to_zero":
                yield Part(name, {}, state, mask)
        case "chain" | "named_chain":
            states = state.values() if isinstance(state, dict) else state
            names = ("init_fns", "update_fns")
            if any(key not in options for key in names) or len(options["init_fns"]) != len(states):
                raise PortError(f"optax.{name}: {REMEDY}")
            for one, other, own in zip(options["init_fns"], options["update_fns"], states, strict=True):
                yield from _parts(one, other, own, mask)
        case "with_extra_args_support":
            inner = options["tx"]
            yield from _parts(inner.init, inner.update, state, mask)
        case "masked":
            if mask is not None:
                raise PortError(f"optax.masked within another one: {REMEDY}")
            inner = options["inner"]
            around = None if options["mask"] is True else options["mask"]
            yield from _parts(inner.init, inner.update, state.inner_state, around)
        case "inject_hyperparams" | "inject_stateful_hyperparams":
            inner = _injected(options, state)
            yield from _parts(inner.init, inner.update, state.inner_state, mask)
        case _:
            module = getattr(update, "__module__", "")
            if not module.startswith("optax."):
                raise PortError(f"the transformation {name} of {module} is not Optax's own: {REMEDY}")
            yield Part(name, options, state, mask)


def _injected(options: Mapping[str, Any], state: Any) -> Any:
    """The transformation whose numbers are in the state, with the numbers that it has now."""
    factory = options.get("inner_factory")
    if factory is None or options.get("sched_hps") or options.get("sched_fns"):
        raise PortError(f"optax.inject_hyperparams with a schedule: {REMEDY}")
    numbers = {name: float(value) for name, value in state.hyperparams.items()}
    return factory(**{**options.get("other_hps", {}), **numbers})


# -- learning rates ---------------------------------------------------------------------------------------------------


def schedule(function: Any) -> schedules.Schedule | float:
    """A schedule of Optax in the spec's words.

    Raises:
        PortError: one that is not known.
    """
    name, held = made_by(function), held_by(function)
    convert = _SCHEDULES.get(name)
    if convert is None:
        raise PortError(f"the schedule {name} is not one that nnspec knows: {REMEDY}")
    try:
        return convert(held)
    except (SpecError, KeyError, TypeError, ValueError) as error:
        raise PortError(f"the schedule {name}: {error}: {REMEDY}") from error


def _polynomial(held: Mapping[str, Any]) -> schedules.Schedule:
    initial, end, count = float(held["init_value"]), float(held["end_value"]), int(held["transition_steps"])
    if float(held["power"]) == 1:
        made: schedules.Schedule = schedules.LinearDecay(initial, count, end)
    else:
        made = schedules.PolynomialDecay(initial, count, end, float(held["power"]))
    return _later(made, initial, held)


def _later(made: schedules.Schedule, initial: float, held: Mapping[str, Any]) -> schedules.Schedule:
    begin = int(held.get("transition_begin", 0) or 0)
    return schedules.Join((initial, made), (begin,)) if begin else made


def _exponential(held: Mapping[str, Any]) -> schedules.Schedule:
    initial, end = float(held["init_value"]), held.get("end_value")
    rate = float(held["decay_rate"])
    if end is not None and rate > 1:
        raise SpecError("an end from above")
    made = schedules.ExponentialDecay(
        initial, int(held["transition_steps"]), rate, bool(held["staircase"]), 0.0 if end is None else float(end)
    )
    return _later(made, initial, held)


def _cosine(held: Mapping[str, Any]) -> schedules.Schedule:
    initial = float(held["init_value"])
    exponent = float(held.get("exponent", 1.0))
    return schedules.CosineDecay(initial, int(held["decay_steps"]), float(held["alpha"]) * initial, exponent)


def _piecewise(held: Mapping[str, Any]) -> schedules.Schedule:
    values = [float(held["init_value"])]
    scales = sorted((held["boundaries_and_scales"] or {}).items())
    for _, scale in scales:
        values.append(values[-1] * float(scale))
    return schedules.Piecewise(tuple(int(at) for at, _ in scales), tuple(values))


def _joined(held: Mapping[str, Any]) -> schedules.Schedule:
    parts = tuple(schedule(each) for each in held["schedules"])
    bounds = tuple(int(at) for at in held["boundaries"])
    if len(parts) == 2 and bounds[0] > 0:
        line, rest = parts
        if (
            isinstance(line, schedules.LinearDecay)
            and isinstance(rest, schedules.CosineDecay)
            and line.decay_steps == bounds[0]
            and line.end == rest.initial
        ):
            return schedules.WarmupCosine(
                rest.initial, bounds[0], bounds[0] + rest.decay_steps, line.initial, rest.end, rest.exponent
            )
    return schedules.Join(parts, bounds)


_SCHEDULES: dict[str, Callable[[Mapping[str, Any]], schedules.Schedule | float]] = {
    "constant_schedule": lambda held: float(held["value"]),
    "polynomial_schedule": _polynomial,
    "linear_schedule": _polynomial,
    "exponential_decay": _exponential,
    "cosine_decay_schedule": _cosine,
    "piecewise_constant_schedule": _piecewise,
    "join_schedules": _joined,
}
