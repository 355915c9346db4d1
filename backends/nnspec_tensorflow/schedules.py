"""Schedules, computed in float64 from the integer step and then rounded once to the dtype they are wanted in."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from functools import singledispatch
from typing import Any

from nnspec import schedules as specs
from nnspec.spec import dump, parse
from nnspec_tensorflow.realize import missing, serializable, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


@serializable
class SpecSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule of the spec as a Keras schedule: the learning rate at an integer step, from 0.

    Args:
        spec: a schedule, or a constant learning rate.
        dtype: the dtype of the variables; the rate has it too, or float32 if that is larger.
        scale: the variable that plateaus multiply the rate by.
    """

    def __init__(self, spec: Any, dtype: str = "float32", scale: Any = None) -> None:
        super().__init__()
        self.spec = float(spec) if isinstance(spec, int | float) else parse("schedule", spec)
        self.dtype = working(dtype)
        self.scale = scale
        #: What the schedule takes for the step after so many batches, where gradients accumulate.
        self.counted: Callable[[Tensor], Tensor] = lambda step: step

    def __call__(self, step: Tensor) -> Tensor:
        return tf.cast(value(self.spec, self.counted(tf.cast(step, tf.int64)), self.scale), self.dtype)

    def get_config(self) -> dict[str, Any]:
        return {"spec": dump(self.spec), "dtype": self.dtype}


def value(spec: specs.Schedule | float, step: Tensor, scale: Any = None) -> Tensor:
    """The learning rate in float64 at int64 steps; ``scale`` is read by ReduceOnPlateau alone."""
    if isinstance(spec, specs.ReduceOnPlateau):
        factor = _c(1.0) if scale is None else tf.cast(tf.convert_to_tensor(scale), tf.float64)
        return tf.maximum(value(spec.learning_rate, step) * factor, _c(spec.minimum))
    return rate(spec, step)


def _c(number: float) -> Tensor:
    return tf.constant(number, tf.float64)


def _share(step: Tensor, start: float, length: float) -> Tensor:
    """How much of a stretch of steps has passed, from 0 to 1."""
    return tf.clip_by_value((tf.cast(step, tf.float64) - _c(start)) / _c(length), _c(0), _c(1))


def _cosine(start: Any, end: float, share: Tensor) -> Tensor:
    """From ``start`` at share 0 to ``end`` at share 1 along half a cosine."""
    return end + (start - end) * (1 + tf.cos(_c(math.pi) * share)) / 2


def _cosine_decay_of(spec: Any, start: float, s: Tensor, begin: int, steps: int) -> Tensor:
    """Half a cosine from step ``begin`` on, or a power of it: (1 + cos πp)/2 = sin²(π(1 − p)/2) must not cancel."""
    share = _share(s, begin, steps)
    if spec.exponent == 1:
        return _cosine(start, spec.end, share)
    return spec.end + (start - spec.end) * tf.pow(tf.sin(_c(math.pi / 2) * (1 - share)), _c(2 * spec.exponent))


def _linear(start: Any, end: Any, share: Tensor) -> Tensor:
    return start + (end - start) * share


@singledispatch
def rate(spec: Any, s: Tensor) -> Tensor:
    """The learning rate of each class of schedules, in float64.

    Raises:
        BackendError: there is no realization of this class.
    """
    raise missing(spec)


@rate.register
def _number(spec: float, s: Tensor) -> Tensor:
    return tf.zeros_like(s, tf.float64) + _c(spec)


@rate.register
def _unreduced(spec: specs.ReduceOnPlateau, s: Tensor) -> Tensor:
    return value(spec, s)


@rate.register
def _constant(spec: specs.ConstantSchedule, s: Tensor) -> Tensor:
    return _number(spec.value, s)


@rate.register
def _step_decay(spec: specs.StepDecay, s: Tensor) -> Tensor:
    return spec.initial * tf.pow(_c(spec.factor), tf.cast(s // spec.every, tf.float64))


@rate.register
def _piecewise(spec: specs.Piecewise, s: Tensor) -> Tensor:
    index = tf.reduce_sum(tf.cast(s[..., None] >= tf.constant(spec.boundaries, tf.int64), tf.int32), axis=-1)
    return tf.gather(tf.constant(spec.values, tf.float64), index)


def _stretches(s: Tensor, steps: int, whole: bool) -> Tensor:
    """How often so many steps have passed, counted in whole times or not."""
    return tf.cast(s // steps, tf.float64) if whole else tf.cast(s, tf.float64) / _c(steps)


@rate.register
def _exponential_decay(spec: specs.ExponentialDecay, s: Tensor) -> Tensor:
    exponent = _stretches(s, spec.decay_steps, spec.staircase)
    return tf.maximum(spec.initial * tf.pow(_c(spec.decay_rate), exponent), _c(spec.end))


@rate.register
def _inverse_time_decay(spec: specs.InverseTimeDecay, s: Tensor) -> Tensor:
    return spec.initial / (1 + _c(spec.decay_rate) * _stretches(s, spec.decay_steps, spec.staircase))


@rate.register
def _polynomial_decay(spec: specs.PolynomialDecay, s: Tensor) -> Tensor:
    if spec.cycle:
        n = tf.constant(spec.decay_steps, tf.int64)
        whole = tf.maximum(-(-s // n), 1) * n
        left = tf.cast(whole - s, tf.float64) / tf.cast(whole, tf.float64)
    else:
        left = 1 - _share(s, 0, spec.decay_steps)
    return (spec.initial - spec.end) * tf.pow(left, _c(spec.power)) + spec.end


@rate.register
def _linear_decay(spec: specs.LinearDecay, s: Tensor) -> Tensor:
    return _linear(spec.initial, spec.end, _share(s, 0, spec.decay_steps))


@rate.register
def _cosine_decay(spec: specs.CosineDecay, s: Tensor) -> Tensor:
    return _cosine_decay_of(spec, spec.initial, s, 0, spec.decay_steps)


@rate.register
def _cosine_restarts(spec: specs.CosineRestarts, s: Tensor) -> Tensor:
    first = spec.first_steps
    if spec.t_mul == 1:
        cycle, position, length = s // first, s % first, tf.constant(first, tf.int64)
    else:
        starts = [0]  # in whole numbers: a logarithm would misplace the boundaries
        while starts[-1] + first * spec.t_mul ** (len(starts) - 1) < 2**62:
            starts.append(starts[-1] + first * spec.t_mul ** (len(starts) - 1))
        bounds = tf.constant(starts, tf.int64)
        cycle = tf.reduce_sum(tf.cast(s[..., None] >= bounds, tf.int64), axis=-1) - 1
        position = s - tf.gather(bounds, cycle)
        length = tf.gather(
            tf.constant([min(first * spec.t_mul**i, 2**62) for i in range(len(starts))], tf.int64), cycle
        )
    share = tf.cast(position, tf.float64) / tf.cast(length, tf.float64)
    return _cosine(spec.initial * tf.pow(_c(spec.m_mul), tf.cast(cycle, tf.float64)), spec.end, share)


@rate.register
def _one_cycle(spec: specs.OneCycle, s: Tensor) -> Tensor:
    between = _cosine if spec.anneal == "cosine" else _linear
    up = spec.warmup_fraction * spec.total_steps
    lowest = spec.peak / (spec.div_factor * spec.final_div_factor)
    falling = between(spec.peak, lowest, _share(s, up, spec.total_steps - up))
    if up == 0:  # no warm-up: the cycle opens at the peak
        return falling
    # XLA takes subnormal numbers for 0, and 0/0 for NaN; below 1 it does not matter which number it is.
    rising = between(spec.peak / spec.div_factor, spec.peak, _share(s, 0, max(up, sys.float_info.min)))
    return tf.where(tf.cast(s, tf.float64) <= up, rising, falling)


@rate.register
def _warmup(spec: specs.Warmup, s: Tensor) -> Tensor:
    steps = tf.constant(spec.warmup_steps, tf.int64)
    rising = _linear(_c(spec.start), value(spec.after, tf.constant(0, tf.int64)), _share(s, 0, spec.warmup_steps))
    return tf.where(s < steps, rising, value(spec.after, tf.maximum(s - steps, tf.constant(0, tf.int64))))


@rate.register
def _warmup_cosine(spec: specs.WarmupCosine, s: Tensor) -> Tensor:
    falling = _cosine_decay_of(spec, spec.peak, s, spec.warmup_steps, spec.decay_steps - spec.warmup_steps)
    return _warming(spec, s, falling)


def _warming(spec: Any, s: Tensor, after: Tensor) -> Tensor:
    """A line from start to peak in the first ``warmup_steps`` steps, then ``after``."""
    if spec.warmup_steps == 0:
        return after
    return tf.where(s < spec.warmup_steps, _linear(spec.start, spec.peak, _share(s, 0, spec.warmup_steps)), after)


@rate.register
def _warmup_stable_decay(spec: specs.WarmupStableDecay, s: Tensor) -> Tensor:
    share = _share(s, spec.warmup_steps + spec.stable_steps, spec.decay_steps)
    if spec.shape == "cosine":
        return _warming(spec, s, _cosine(spec.peak, spec.end, share))
    return _warming(spec, s, _linear(spec.peak, spec.end, share if spec.shape == "linear" else tf.sqrt(share)))


@rate.register
def _cyclic(spec: specs.Cyclic, s: Tensor) -> Tensor:
    up = spec.steps_up
    down = up if spec.steps_down is None else spec.steps_down
    passed = s % (up + down)
    falling = tf.cast(up + down - passed, tf.float64) / _c(down)
    height = tf.where(passed <= up, tf.cast(passed, tf.float64) / _c(up), falling)
    if spec.mode == "triangular2":
        height = height * tf.pow(_c(0.5), tf.cast(s // (up + down), tf.float64))
    elif spec.mode == "exp_range":
        height = height * tf.pow(_c(spec.gamma), tf.cast(s, tf.float64))
    return _linear(spec.base, spec.peak, height)


@rate.register
def _piecewise_interpolate(spec: specs.PiecewiseInterpolate, s: Tensor) -> Tensor:
    if not spec.boundaries:
        return _number(spec.values[0], s)
    marks, values = tf.constant([0, *spec.boundaries], tf.int64), tf.constant(spec.values, tf.float64)
    reached = tf.reduce_sum(tf.cast(s[..., None] >= marks[1:], tf.int32), axis=-1)
    piece = tf.minimum(reached, len(spec.boundaries) - 1)
    begin, end = tf.gather(marks, piece), tf.gather(marks, piece + 1)
    share = tf.minimum(tf.cast(s - begin, tf.float64) / tf.cast(end - begin, tf.float64), 1)
    between = _cosine if spec.interpolation == "cosine" else _linear
    return between(tf.gather(values, piece), tf.gather(values, piece + 1), share)


@rate.register
def _join(spec: specs.Join, s: Tensor) -> Tensor:
    rates = value(spec.schedules[0], s)
    for boundary, held in zip(spec.boundaries, spec.schedules[1:], strict=True):
        first = tf.constant(boundary, tf.int64)
        rates = tf.where(s < first, rates, value(held, tf.maximum(s - first, tf.constant(0, tf.int64))))
    return rates


@rate.register
def _batch_scaled(spec: specs.BatchScaled, s: Tensor) -> Tensor:
    return value(spec.learning_rate, s) * _c(spec.factor)


@rate.register
def _inverse_square_root(spec: specs.InverseSquareRoot, s: Tensor) -> Tensor:
    n, warmup = tf.cast(s + 1, tf.float64), _c(spec.warmup_steps)
    return spec.peak * tf.minimum(n / warmup, tf.sqrt(warmup / n))
