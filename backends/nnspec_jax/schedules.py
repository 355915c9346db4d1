"""Schedules: functions of the update step (an integer array of any shape) to learning rates, as Optax's are.

Steps are compared and divided as integers as far as the formula allows; rates are computed in float64 for float64 and
in float32 else. A function takes ``scale``, what plateaus have multiplied the rate by; only ReduceOnPlateau reads it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnspec import schedules
from nnspec_jax.realize import build

Rate = Callable[..., jax.Array]
_LAST_STEP = 2**31 - 1  # steps are int32


def _counted(steps: int) -> int:
    """``steps`` as an int32 to compare and divide with: none that is counted reaches one beyond."""
    return min(steps, _LAST_STEP)


def _times(s: jax.Array, steps: int) -> tuple[jax.Array, jax.Array]:
    """How often so many steps have passed, and how many steps since the last time."""
    return (s // steps, s % steps) if steps <= _LAST_STEP else (jnp.zeros_like(s), s)


def _rate(cls: Any) -> Callable[[Callable[[Any, jax.Array, Any], jax.Array]], Any]:
    """Register the function (spec, steps, dtype) of a class of schedules."""

    def register(rate: Callable[[Any, jax.Array, Any], jax.Array]) -> Any:
        def make(spec: Any, dtype: Any = jnp.float32) -> Rate:
            return lambda count, scale=1.0: rate(spec, jnp.asarray(count, jnp.int32), dtype)

        build.register(cls, make)
        return rate

    return register


def _cosine(start: Any, end: Any, share: jax.Array) -> jax.Array:
    """From ``start`` at share 0 to ``end`` at share 1 along half a cosine."""
    return end + (start - end) * (1.0 + jnp.cos(math.pi * share)) / 2.0


def _cosine_decay_of(spec: Any, start: float, s: jax.Array, steps: int, dtype: Any) -> jax.Array:
    """Half a cosine in so many steps, or a power of it: (1 + cos πp)/2 = sin²(π(1 − p)/2) must not cancel."""
    if spec.exponent == 1:
        return _cosine(start, spec.end, _share(s, steps, dtype))
    return spec.end + (start - spec.end) * jnp.sin(math.pi / 2.0 * _left(s, steps, dtype)) ** (2.0 * spec.exponent)


def _linear(start: Any, end: Any, share: jax.Array) -> jax.Array:
    """From ``start`` at share 0 to ``end`` at share 1 along a line."""
    return start + (end - start) * share


def _share(s: jax.Array, steps: int, dtype: Any) -> jax.Array:
    """min(s, steps) / steps. The divisor is a float: JAX makes an int32 of a Python integer, which may be too large."""
    return jnp.minimum(s, _counted(steps)).astype(dtype) / float(steps)


def _left(s: jax.Array, steps: int, dtype: Any) -> jax.Array:
    """1 − min(s, steps) / steps, never below 0: XLA may divide by multiplying with 1/n, and a power of −1e-8 is NaN."""
    return (float(steps) - jnp.minimum(s, _counted(steps)).astype(dtype)) / float(steps)


@build.register(int)
@build.register(float)
def constant(value: float, dtype: Any = jnp.float32) -> Rate:
    return lambda count, scale=1.0: jnp.full(jnp.shape(count), value, dtype)


@build.register(schedules.ConstantSchedule)
def _constant(spec: schedules.ConstantSchedule, dtype: Any = jnp.float32) -> Rate:
    return constant(spec.value, dtype)


@_rate(schedules.StepDecay)
def _step_decay(spec: schedules.StepDecay, s: jax.Array, dtype: Any) -> jax.Array:
    return spec.initial * jnp.power(jnp.asarray(spec.factor, dtype), _times(s, spec.every)[0].astype(dtype))


@_rate(schedules.Piecewise)
def _piecewise(spec: schedules.Piecewise, s: jax.Array, dtype: Any) -> jax.Array:
    return jnp.asarray(spec.values, dtype)[_position(spec.boundaries, s)]


def _position(boundaries: Any, s: jax.Array) -> jax.Array:
    """How many of the boundaries are ≤ s; those beyond the last step that can be counted are never reached."""
    reached = np.asarray([b for b in boundaries if b <= _LAST_STEP], np.int32)
    return jnp.sum(s[..., None] >= reached, axis=-1, dtype=jnp.int32)


def _stretches(s: jax.Array, steps: int, whole: bool, dtype: Any) -> jax.Array:
    """How often so many steps have passed, counted in whole times or not."""
    return _times(s, steps)[0].astype(dtype) if whole else s.astype(dtype) / float(steps)


@_rate(schedules.ExponentialDecay)
def _exponential_decay(spec: schedules.ExponentialDecay, s: jax.Array, dtype: Any) -> jax.Array:
    exponent = _stretches(s, spec.decay_steps, spec.staircase, dtype)
    return jnp.maximum(spec.initial * jnp.power(jnp.asarray(spec.decay_rate, dtype), exponent), spec.end)


@_rate(schedules.InverseTimeDecay)
def _inverse_time_decay(spec: schedules.InverseTimeDecay, s: jax.Array, dtype: Any) -> jax.Array:
    return spec.initial / (1.0 + spec.decay_rate * _stretches(s, spec.decay_steps, spec.staircase, dtype))


@_rate(schedules.PolynomialDecay)
def _polynomial_decay(spec: schedules.PolynomialDecay, s: jax.Array, dtype: Any) -> jax.Array:
    left = _left(s, spec.decay_steps, dtype)
    if spec.cycle:
        _, passed = _times(s, spec.decay_steps)
        rest = jnp.where((passed == 0) & (s > 0), 0.0, float(spec.decay_steps) - passed.astype(dtype))
        left = rest / (s.astype(dtype) + rest)
    return (spec.initial - spec.end) * left**spec.power + spec.end


@_rate(schedules.LinearDecay)
def _linear_decay(spec: schedules.LinearDecay, s: jax.Array, dtype: Any) -> jax.Array:
    return _linear(spec.initial, spec.end, _share(s, spec.decay_steps, dtype))


@_rate(schedules.CosineDecay)
def _cosine_decay(spec: schedules.CosineDecay, s: jax.Array, dtype: Any) -> jax.Array:
    return _cosine_decay_of(spec, spec.initial, s, spec.decay_steps, dtype)


@_rate(schedules.CosineRestarts)
def _cosine_restarts(spec: schedules.CosineRestarts, s: jax.Array, dtype: Any) -> jax.Array:
    first, m_mul = spec.first_steps, jnp.asarray(spec.m_mul, dtype)
    if spec.t_mul == 1:
        cycle, passed = _times(s, first)
        length = jnp.asarray(float(first), dtype)
    else:
        starts = [0]  # at most 32 cycles begin before the last step that can be counted
        while starts[-1] <= _LAST_STEP:
            starts.append(starts[-1] + first * spec.t_mul ** (len(starts) - 1))
        cycle = _position(starts[1:], s)
        passed = s - jnp.asarray(starts[:-1], jnp.int32)[cycle]
        length = jnp.asarray(np.diff(np.asarray(starts, np.float64)), dtype)[cycle]
    peak = spec.initial * jnp.power(m_mul, cycle.astype(dtype))
    return _cosine(peak, spec.end, passed.astype(dtype) / length)


@_rate(schedules.OneCycle)
def _one_cycle(spec: schedules.OneCycle, s: jax.Array, dtype: Any) -> jax.Array:
    def between(x: float, z: float, share: jax.Array) -> jax.Array:
        return _cosine(x, z, share) if spec.anneal == "cosine" else _linear(x, z, share)

    up = spec.warmup_fraction * spec.total_steps
    down = jnp.clip((s.astype(dtype) - up) / (spec.total_steps - up), 0.0, 1.0)
    falling = between(spec.peak, spec.peak / (spec.div_factor * spec.final_div_factor), down)
    if up == 0:  # no warm-up: the cycle opens at the peak
        return falling
    # XLA takes subnormal numbers for 0, and 0/0 for NaN; below 1 it does not matter which number it is.
    rise = max(up, float(jnp.finfo(dtype).tiny))
    rising = between(spec.peak / spec.div_factor, spec.peak, jnp.minimum(s.astype(dtype) / rise, 1.0))
    return jnp.where(s <= _counted(math.floor(up)), rising, falling)


def _warming(s: jax.Array, start: float, peak: Any, steps: int, after: jax.Array, dtype: Any) -> jax.Array:
    """A line from start to peak in the first ``steps`` steps, then ``after``."""
    if steps == 0:
        return after
    return jnp.where(s < _counted(steps), _linear(start, peak, s.astype(dtype) / float(steps)), after)


@_rate(schedules.Warmup)
def _warmup(spec: schedules.Warmup, s: jax.Array, dtype: Any) -> jax.Array:
    rate = build(spec.after, dtype)
    after = rate(jnp.maximum(s - _counted(spec.warmup_steps), 0))
    return _warming(s, spec.start, rate(0), spec.warmup_steps, after, dtype)


@_rate(schedules.WarmupCosine)
def _warmup_cosine(spec: schedules.WarmupCosine, s: jax.Array, dtype: Any) -> jax.Array:
    after = jnp.maximum(s - _counted(spec.warmup_steps), 0)
    falling = _cosine_decay_of(spec, spec.peak, after, spec.decay_steps - spec.warmup_steps, dtype)
    return _warming(s, spec.start, spec.peak, spec.warmup_steps, falling, dtype)


@_rate(schedules.WarmupStableDecay)
def _warmup_stable_decay(spec: schedules.WarmupStableDecay, s: jax.Array, dtype: Any) -> jax.Array:
    share = _share(jnp.maximum(s - _counted(spec.warmup_steps + spec.stable_steps), 0), spec.decay_steps, dtype)
    if spec.shape == "cosine":
        falling = _cosine(spec.peak, spec.end, share)
    else:
        falling = _linear(spec.peak, spec.end, share if spec.shape == "linear" else jnp.sqrt(share))
    return _warming(s, spec.start, spec.peak, spec.warmup_steps, falling, dtype)


@_rate(schedules.Cyclic)
def _cyclic(spec: schedules.Cyclic, s: jax.Array, dtype: Any) -> jax.Array:
    up = spec.steps_up
    down = up if spec.steps_down is None else spec.steps_down
    cycle, passed = _times(s, up + down)
    rising = passed.astype(dtype) / float(up)
    falling = (float(up + down) - passed.astype(dtype)) / float(down)
    height = jnp.where(passed <= _counted(up), rising, falling)
    if spec.mode == "triangular2":
        height = height * jnp.exp2(-cycle.astype(dtype))
    elif spec.mode == "exp_range":  # not a power of gamma: its rounding to float32 would be raised to the power, too
        height = height * jnp.exp(s.astype(dtype) * math.log(spec.gamma))
    return _linear(spec.base, spec.peak, height)


@_rate(schedules.PiecewiseInterpolate)
def _piecewise_interpolate(spec: schedules.PiecewiseInterpolate, s: jax.Array, dtype: Any) -> jax.Array:
    values = jnp.asarray(spec.values, dtype)
    if not spec.boundaries:
        return jnp.full(s.shape, values[0])
    marks = np.asarray([0, *spec.boundaries])
    piece = jnp.minimum(_position(spec.boundaries, s), len(spec.boundaries) - 1)
    passed = s - jnp.asarray(np.minimum(marks[:-1], _LAST_STEP), jnp.int32)[piece]
    share = jnp.minimum(passed.astype(dtype) / jnp.asarray(np.diff(marks), dtype)[piece], 1.0)
    between = _cosine if spec.interpolation == "cosine" else _linear
    return between(values[piece], values[piece + 1], share)


@_rate(schedules.Join)
def _join(spec: schedules.Join, s: jax.Array, dtype: Any) -> jax.Array:
    rates = build(spec.schedules[0], dtype)(s)
    for boundary, held in zip(spec.boundaries, spec.schedules[1:], strict=True):
        if boundary <= _LAST_STEP:
            rates = jnp.where(s < boundary, rates, build(held, dtype)(jnp.maximum(s - boundary, 0)))
    return rates


@_rate(schedules.BatchScaled)
def _batch_scaled(spec: schedules.BatchScaled, s: jax.Array, dtype: Any) -> jax.Array:
    return build(spec.learning_rate, dtype)(s) * spec.factor


@_rate(schedules.InverseSquareRoot)
def _inverse_square_root(spec: schedules.InverseSquareRoot, s: jax.Array, dtype: Any) -> jax.Array:
    ratio = (s.astype(dtype) + 1.0) / float(spec.warmup_steps)
    return spec.peak * jnp.minimum(ratio, jnp.sqrt(1.0 / ratio))


@build.register(schedules.ReduceOnPlateau)
def _reduce_on_plateau(spec: schedules.ReduceOnPlateau, dtype: Any = jnp.float32) -> Rate:
    rate = build(spec.learning_rate, dtype)
    return lambda count, scale=1.0: jnp.maximum(rate(count) * jnp.asarray(scale, dtype), spec.minimum)
