"""Schedules: the learning rate at update steps, in float64."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnspec import schedules as specs
from nnspec.reference.base import missing

Steps = NDArray[np.int64]
Rates = NDArray[np.float64]


def value(spec: specs.Schedule | float, step: ArrayLike, scale: float = 1.0) -> Rates:
    """The learning rates at these steps (counted from 0), of the steps' shape.

    Args:
        spec: a schedule, or a number, which is constant.
        scale: what plateaus have multiplied the rate by; only ReduceOnPlateau reads it.

    Raises:
        BackendError: the class is not registered.
    """
    steps = np.asarray(step, np.int64)
    rates = _reduce_on_plateau(spec, steps, scale) if isinstance(spec, specs.ReduceOnPlateau) else rate(spec, steps)
    return np.asarray(rates, np.float64)


@functools.singledispatch
def rate(spec: Any, s: Steps) -> Rates:
    """The learning rate of each class of schedules; they are registered here.

    Raises:
        BackendError: the class is not registered.
    """
    raise missing(spec)


def _cosine(start: float | Rates, end: float | Rates, share: Rates, exponent: float = 1.0) -> Rates:
    """From ``start`` at share 0 to ``end`` at share 1 along half a cosine, or a power of it."""
    if exponent == 1:
        return end + (start - end) * (1 + np.cos(math.pi * share)) / 2
    # (1 + cos πp)/2 = sin²(π(1 − p)/2), whose powers lose nothing near the end.
    falling: Rates = end + (start - end) * np.sin(math.pi / 2 * (1 - share)) ** (2 * exponent)
    return falling


def _linear(start: float | Rates, end: float | Rates, share: Rates) -> Rates:
    """From ``start`` at share 0 to ``end`` at share 1 along a line."""
    return start + (end - start) * share


@rate.register(float)
@rate.register(int)
def _number(spec: float, s: Steps) -> Rates:
    return np.full(s.shape, float(spec))


@rate.register(specs.ConstantSchedule)
def _constant(spec: specs.ConstantSchedule, s: Steps) -> Rates:
    return np.full(s.shape, spec.value)


@rate.register(specs.StepDecay)
def _step_decay(spec: specs.StepDecay, s: Steps) -> Rates:
    return spec.initial * np.float64(spec.factor) ** (s // spec.every)


@rate.register(specs.Piecewise)
def _piecewise(spec: specs.Piecewise, s: Steps) -> Rates:
    return np.asarray(spec.values, np.float64)[np.searchsorted(np.asarray(spec.boundaries, np.int64), s, side="right")]


def _stretches(s: Steps, steps: int, whole: bool) -> Rates:
    """How often so many steps have passed, counted in whole times or not."""
    return np.floor_divide(s, steps).astype(np.float64) if whole else s / steps


@rate.register(specs.ExponentialDecay)
def _exponential_decay(spec: specs.ExponentialDecay, s: Steps) -> Rates:
    exponent = _stretches(s, spec.decay_steps, spec.staircase)
    return np.maximum(spec.initial * np.float64(spec.decay_rate) ** exponent, spec.end)


@rate.register(specs.InverseTimeDecay)
def _inverse_time_decay(spec: specs.InverseTimeDecay, s: Steps) -> Rates:
    return spec.initial / (1 + spec.decay_rate * _stretches(s, spec.decay_steps, spec.staircase))


@rate.register(specs.PolynomialDecay)
def _polynomial_decay(spec: specs.PolynomialDecay, s: Steps) -> Rates:
    n = spec.decay_steps
    whole = np.maximum(-(-s // n), 1) * n if spec.cycle else n
    left = (whole - np.minimum(s, whole)) / whole
    return (spec.initial - spec.end) * left**spec.power + spec.end


@rate.register(specs.LinearDecay)
def _linear_decay(spec: specs.LinearDecay, s: Steps) -> Rates:
    return spec.initial + (spec.end - spec.initial) * (np.minimum(s, spec.decay_steps) / spec.decay_steps)


@rate.register(specs.CosineDecay)
def _cosine_decay(spec: specs.CosineDecay, s: Steps) -> Rates:
    share = np.minimum(s, spec.decay_steps) / spec.decay_steps
    return _cosine(spec.initial, spec.end, share, spec.exponent)


@rate.register(specs.CosineRestarts)
def _cosine_restarts(spec: specs.CosineRestarts, s: Steps) -> Rates:
    if spec.t_mul == 1:
        cycle, position = np.divmod(s, spec.first_steps)
        length: Any = spec.first_steps
    else:
        starts = [0]  # in whole numbers: a logarithm would misplace the boundaries
        while starts[-1] <= s.max(initial=0):
            starts.append(starts[-1] + spec.first_steps * spec.t_mul ** (len(starts) - 1))
        bounds = np.asarray(starts)
        cycle = np.searchsorted(bounds, s, side="right") - 1
        position, length = s - bounds[cycle], bounds[cycle + 1] - bounds[cycle]
    return _cosine(spec.initial * np.float64(spec.m_mul) ** cycle, spec.end, position / length)


@rate.register(specs.OneCycle)
def _one_cycle(spec: specs.OneCycle, s: Steps) -> Rates:
    def between(x: float, z: float, share: Rates) -> Rates:
        return _cosine(x, z, share) if spec.anneal == "cosine" else _linear(x, z, share)

    up = spec.warmup_fraction * spec.total_steps
    down = np.clip((s - up) / (spec.total_steps - up), 0, 1)
    falling = between(spec.peak, spec.peak / (spec.div_factor * spec.final_div_factor), down)
    if up == 0:  # no warm-up: the cycle opens at the peak
        return falling
    rising = between(spec.peak / spec.div_factor, spec.peak, np.minimum(s, up) / up)
    return np.where(s <= up, rising, falling)


@rate.register(specs.Cyclic)
def _cyclic(spec: specs.Cyclic, s: Steps) -> Rates:
    down = spec.steps_up if spec.steps_down is None else spec.steps_down
    cycle, passed = np.divmod(s, spec.steps_up + down)
    height = np.where(passed <= spec.steps_up, passed / spec.steps_up, (spec.steps_up + down - passed) / down)
    if spec.mode == "triangular2":
        height = height * 0.5 ** cycle.astype(np.float64)
    elif spec.mode == "exp_range":
        height = height * np.float64(spec.gamma) ** s
    return _linear(spec.base, spec.peak, height)


@rate.register(specs.PiecewiseInterpolate)
def _piecewise_interpolate(spec: specs.PiecewiseInterpolate, s: Steps) -> Rates:
    marks, values = np.array([0, *spec.boundaries], np.int64), np.asarray(spec.values, np.float64)
    if not spec.boundaries:
        return np.full(s.shape, values[0])
    piece = np.minimum(np.searchsorted(marks, s, side="right") - 1, len(marks) - 2)
    share = np.minimum((s - marks[piece]) / np.diff(marks)[piece], 1)
    between = _cosine if spec.interpolation == "cosine" else _linear
    return between(values[piece], values[piece + 1], share)


@rate.register(specs.Join)
def _join(spec: specs.Join, s: Steps) -> Rates:
    rates = value(spec.schedules[0], s)
    for boundary, held in zip(spec.boundaries, spec.schedules[1:], strict=True):
        rates = np.where(s < boundary, rates, value(held, np.maximum(s - boundary, 0)))
    return rates


@rate.register(specs.WarmupStableDecay)
def _warmup_stable_decay(spec: specs.WarmupStableDecay, s: Steps) -> Rates:
    share = np.clip(s - (spec.warmup_steps + spec.stable_steps), 0, spec.decay_steps) / spec.decay_steps
    if spec.shape == "cosine":
        falling = _cosine(spec.peak, spec.end, share)
    else:
        falling = _linear(spec.peak, spec.end, share if spec.shape == "linear" else np.sqrt(share))
    if spec.warmup_steps == 0:
        return falling
    return np.where(s < spec.warmup_steps, _linear(spec.start, spec.peak, s / spec.warmup_steps), falling)


@rate.register(specs.BatchScaled)
def _batch_scaled(spec: specs.BatchScaled, s: Steps) -> Rates:
    return value(spec.learning_rate, s) * spec.factor


@rate.register(specs.Warmup)
def _warmup(spec: specs.Warmup, s: Steps) -> Rates:
    rising = spec.start + (value(spec.after, 0) - spec.start) * (s / spec.warmup_steps)
    return np.where(s < spec.warmup_steps, rising, value(spec.after, np.maximum(s - spec.warmup_steps, 0)))


@rate.register(specs.WarmupCosine)
def _warmup_cosine(spec: specs.WarmupCosine, s: Steps) -> Rates:
    length = spec.decay_steps - spec.warmup_steps
    falling = _cosine(spec.peak, spec.end, np.clip(s - spec.warmup_steps, 0, length) / length, spec.exponent)
    if spec.warmup_steps == 0:
        return falling
    return np.where(s < spec.warmup_steps, spec.start + (spec.peak - spec.start) * (s / spec.warmup_steps), falling)


@rate.register(specs.InverseSquareRoot)
def _inverse_square_root(spec: specs.InverseSquareRoot, s: Steps) -> Rates:
    return spec.peak * np.minimum((s + 1) / spec.warmup_steps, np.sqrt(spec.warmup_steps / (s + 1)))


@rate.register(specs.ReduceOnPlateau)
def _reduce_on_plateau(spec: specs.ReduceOnPlateau, s: Steps, scale: float = 1.0) -> Rates:
    return np.maximum(rate(spec.learning_rate, s) * scale, spec.minimum)
