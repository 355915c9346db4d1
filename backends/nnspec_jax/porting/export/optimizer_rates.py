"""Learning rates of the spec as expressions: numbers, Optax's schedules, and few that it lacks."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from nnspec import schedules
from nnspec.errors import PortError
from nnspec_jax.porting.export.written import expression


def call(function: str, *arguments: Any, **options: Any) -> str:
    """``function(arguments, option=...)``."""
    parts = [*map(expression, arguments), *(f"{name}={expression(value)}" for name, value in options.items())]
    return f"{function}({', '.join(parts)})"


@singledispatch
def rate(spec: Any) -> str:
    """A learning rate as an expression: a number, or a schedule.

    Raises:
        PortError: Optax has no such schedule.
    """
    raise PortError(f"Optax has no schedule that is a {type(spec).__name__}")


@rate.register(float)
@rate.register(int)
def _number(spec: float) -> str:
    return expression(float(spec))


@rate.register
def _constant(spec: schedules.ConstantSchedule) -> str:
    return expression(float(spec.value))


@rate.register
def _exponential(spec: schedules.ExponentialDecay) -> str:
    options: dict[str, Any] = {"staircase": True} if spec.staircase else {}
    if spec.end:
        options |= {"end_value": spec.end}
    return call("optax.exponential_decay", spec.initial, spec.decay_steps, spec.decay_rate, **options)


@rate.register
def _steps(spec: schedules.StepDecay) -> str:
    return call("optax.exponential_decay", spec.initial, spec.every, spec.factor, staircase=True)


@rate.register
def _piecewise(spec: schedules.Piecewise) -> str:
    parts = ", ".join(call("optax.constant_schedule", value) for value in spec.values)
    return f"optax.join_schedules([{parts}], {expression(list(spec.boundaries))})"


@rate.register
def _polynomial(spec: schedules.PolynomialDecay) -> str:
    if spec.cycle:
        raise PortError("Optax's polynomial_schedule has no cycle")
    return call("optax.polynomial_schedule", spec.initial, spec.end, spec.power, spec.decay_steps)


@rate.register
def _linear(spec: schedules.LinearDecay) -> str:
    return call("optax.linear_schedule", spec.initial, spec.end, spec.decay_steps)


@rate.register
def _inverse_time(spec: schedules.InverseTimeDecay) -> str:
    share = f"step {'//' if spec.staircase else '/'} {spec.decay_steps}"
    return f"lambda step: {expression(spec.initial)} / (1.0 + {expression(spec.decay_rate)} * ({share}))"


@rate.register
def _cosine(spec: schedules.CosineDecay) -> str:
    if not spec.initial:
        raise PortError("a cosine from 0")
    options = {"exponent": spec.exponent} if spec.exponent != 1 else {}
    return call("optax.cosine_decay_schedule", spec.initial, spec.decay_steps, spec.end / spec.initial, **options)


@rate.register
def _warmup_cosine(spec: schedules.WarmupCosine) -> str:
    options: dict[str, Any] = {"end_value": spec.end}
    if spec.exponent != 1:
        options["exponent"] = spec.exponent
    numbers = (spec.start, spec.peak, spec.warmup_steps, spec.decay_steps)
    return call("optax.warmup_cosine_decay_schedule", *numbers, **options)


@rate.register
def _warmup(spec: schedules.Warmup) -> str:
    from nnspec.reference.schedules import value

    line = call("optax.linear_schedule", spec.start, float(value(spec.after, 0)), spec.warmup_steps)
    after = rate(spec.after)
    rest = after if "(" in after else f"optax.constant_schedule({after})"
    return f"optax.join_schedules([{line}, {rest}], [{spec.warmup_steps}])"
