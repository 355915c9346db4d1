"""Keras's schedules in the spec's words, and the spec's in Keras's."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np

from nnspec import schedules as specs
from nnspec.errors import PortError, SpecError
from nnspec_tensorflow.startup import keras

_of = keras.optimizers.schedules


def read(rate: Any, what: str, *, exact: bool) -> specs.Schedule | float:
    """A learning rate of Keras: a schedule, or the variable that holds a number.

    Args:
        rate: what an optimizer has for its rate.
        what: the optimizer, for errors.
        exact: whether the variable's float32 is meant as it is, as where parameters are in float64; otherwise the
            shortest number that rounds to it is.

    Raises:
        PortError: the spec has no such schedule.
    """
    if isinstance(rate, _of.LearningRateSchedule):
        convert = _SCHEDULES.get(type(rate))
        if convert is None:
            raise PortError(f"{what}: the schedule {type(rate).__name__} is not one of Keras's own: {_REMEDY}")
        try:
            return convert(rate.get_config())
        except SpecError as error:
            raise PortError(f"{what}: the schedule {type(rate).__name__}: {error}") from error
    if isinstance(rate, keras.Variable):
        value = np.asarray(rate.value)
        return float(value) if exact or value.dtype == np.float64 else float(str(value))
    raise PortError(f"{what}: its learning rate is a function: {_REMEDY}")


_REMEDY = "give the optimizer a schedule of keras.optimizers.schedules"


def _exponential(c: dict[str, Any]) -> specs.Schedule:
    return specs.ExponentialDecay(
        float(c["initial_learning_rate"]), _steps(c["decay_steps"]), float(c["decay_rate"]), bool(c["staircase"])
    )


def _piecewise(c: dict[str, Any]) -> specs.Schedule:
    # Keras holds the old value at the boundary itself.
    return specs.Piecewise(tuple(_steps(b) + 1 for b in c["boundaries"]), tuple(map(float, c["values"])))


def _polynomial(c: dict[str, Any]) -> specs.Schedule:
    return specs.PolynomialDecay(
        float(c["initial_learning_rate"]),
        _steps(c["decay_steps"]),
        float(c["end_learning_rate"]),
        float(c["power"]),
        bool(c["cycle"]),
    )


def _inverse_time(c: dict[str, Any]) -> specs.Schedule:
    return specs.InverseTimeDecay(
        float(c["initial_learning_rate"]), _steps(c["decay_steps"]), float(c["decay_rate"]), bool(c["staircase"])
    )


def _cosine(c: dict[str, Any]) -> specs.Schedule:
    initial, steps, alpha = float(c["initial_learning_rate"]), _steps(c["decay_steps"]), float(c["alpha"])
    if c.get("warmup_target") is None:
        return specs.CosineDecay(initial, steps, alpha * initial)
    peak, warmup = float(c["warmup_target"]), _steps(c["warmup_steps"])
    # Keras does not count the warm-up among the steps of the decay.
    return specs.WarmupCosine(peak, warmup, warmup + steps, start=initial, end=alpha * peak)


def _restarts(c: dict[str, Any]) -> specs.Schedule:
    initial, growth, shrink, alpha = (float(c[name]) for name in ("initial_learning_rate", "t_mul", "m_mul", "alpha"))
    if growth != int(growth):
        raise SpecError(f"cycles that grow by a whole number are defined, got t_mul={growth}")
    if alpha and shrink != 1:
        raise SpecError("an end (alpha) is defined for cycles that start alike, m_mul=1")
    return specs.CosineRestarts(initial, _steps(c["first_decay_steps"]), int(growth), shrink, alpha * initial)


def _steps(number: Any) -> int:
    if number != int(number):
        raise SpecError(f"steps are counted, got {number}")
    return int(number)


_SCHEDULES: dict[Any, Callable[[dict[str, Any]], specs.Schedule]] = {
    _of.ExponentialDecay: _exponential,
    _of.PiecewiseConstantDecay: _piecewise,
    _of.PolynomialDecay: _polynomial,
    _of.InverseTimeDecay: _inverse_time,
    _of.CosineDecay: _cosine,
    _of.CosineDecayRestarts: _restarts,
}


# -- the other way ----------------------------------------------------------------------------------------------------


@singledispatch
def written(spec: Any) -> Any:
    """A schedule of Keras, or a number.

    Raises:
        PortError: stock Keras has no such schedule.
    """
    raise PortError(f"Keras has no schedule that is a {type(spec).__name__}")


@written.register(float)
@written.register(int)
def _number(spec: float) -> float:
    return float(spec)


@written.register
def _constant(spec: specs.ConstantSchedule) -> float:
    return float(spec.value)


@written.register
def _to_exponential(spec: specs.ExponentialDecay) -> Any:
    if spec.end:
        raise PortError("Keras's ExponentialDecay has no end")
    return _of.ExponentialDecay(spec.initial, spec.decay_steps, spec.decay_rate, spec.staircase)


@written.register
def _to_steps(spec: specs.StepDecay) -> Any:
    return _of.ExponentialDecay(spec.initial, spec.every, spec.factor, staircase=True)


@written.register
def _to_piecewise(spec: specs.Piecewise) -> Any:
    return _of.PiecewiseConstantDecay([b - 1 for b in spec.boundaries], list(spec.values))


@written.register
def _to_polynomial(spec: specs.PolynomialDecay) -> Any:
    return _of.PolynomialDecay(spec.initial, spec.decay_steps, spec.end, spec.power, spec.cycle)


@written.register
def _to_linear(spec: specs.LinearDecay) -> Any:
    return _of.PolynomialDecay(spec.initial, spec.decay_steps, spec.end, 1.0)


@written.register
def _to_inverse_time(spec: specs.InverseTimeDecay) -> Any:
    return _of.InverseTimeDecay(spec.initial, spec.decay_steps, spec.decay_rate, spec.staircase)


@written.register
def _to_cosine(spec: specs.CosineDecay) -> Any:
    if spec.exponent != 1 or not spec.initial:
        raise PortError("Keras's CosineDecay has no exponent")
    return _of.CosineDecay(spec.initial, spec.decay_steps, spec.end / spec.initial)


@written.register
def _to_warmup_cosine(spec: specs.WarmupCosine) -> Any:
    if spec.exponent != 1 or not spec.peak:
        raise PortError("Keras's CosineDecay has no exponent")
    steps = spec.decay_steps - spec.warmup_steps
    return _of.CosineDecay(
        spec.start, steps, spec.end / spec.peak, warmup_target=spec.peak, warmup_steps=spec.warmup_steps
    )


@written.register
def _to_restarts(spec: specs.CosineRestarts) -> Any:
    if (spec.end and spec.m_mul != 1) or not spec.initial:
        raise PortError("Keras's CosineDecayRestarts has an end that falls with the cycles")
    return _of.CosineDecayRestarts(
        spec.initial, spec.first_steps, float(spec.t_mul), spec.m_mul, spec.end / spec.initial
    )
