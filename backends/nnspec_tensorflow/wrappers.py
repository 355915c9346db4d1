"""Optimizers made of others: their formulas around those within; see :mod:`nnspec_tensorflow.optimizers`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nnspec import wrappers as specs
from nnspec.errors import SpecError
from nnspec_tensorflow.optimizers import Stepped, Update, advance, average, shared
from nnspec_tensorflow.startup import tf

Tensor = Any


@advance.register
def _lookahead(spec: specs.Lookahead, step: Update) -> Stepped:
    fast, new = advance(spec.inner, step)
    synchronizes, before = tf.math.floormod(step.t, spec.period) == 0, step.slots["slow"]
    slow = tf.where(synchronizes, before + step.c(spec.alpha) * (fast - before), before)
    return tf.where(synchronizes, slow, fast), {**new, "slow": slow}


@advance.register
def _accumulation(spec: specs.GradientAccumulation, step: Update) -> Stepped:
    last = tf.math.floormod(step.t, spec.every) == 0
    total = step.slots["gradient_sum"] + step.g
    mean = replace(step, g=total / step.c(spec.every), t=tf.math.floordiv(step.t, spec.every))
    stepped, new = advance(spec.inner, mean)
    kept = {slot: tf.where(last, value, step.slots[slot]) for slot, value in new.items()}
    return tf.where(last, stepped, step.w), {**kept, "gradient_sum": tf.where(last, tf.zeros_like(total), total)}


@advance.register
def _centralization(spec: specs.GradientCentralization, step: Update) -> Stepped:
    axes = list(spec.axes(step.g.shape.rank))
    g = step.g - tf.reduce_mean(step.g, axes, keepdims=True) if axes else step.g
    return advance(spec.inner, replace(step, g=g))


@advance.register
def _loss_scale(spec: specs.LossScale, step: Update) -> Stepped:
    stepped, new = advance(spec.inner, step)
    kept = {slot: tf.where(step.made, value, step.slots[slot]) for slot, value in new.items()}
    return tf.where(step.made, stepped, step.w), kept


@shared.register
def _rescaled(spec: specs.LossScale, slots: dict[str, Tensor], made: Tensor) -> dict[str, Tensor]:
    if spec.growth_interval is None:
        return slots
    scale, count = slots["loss_scale"], slots["finite_updates"] + 1
    grows = count >= spec.growth_interval
    growth, backoff, one, low, high = (
        tf.constant(x, scale.dtype) for x in (spec.growth_factor, spec.backoff_factor, 1.0, *spec.bounds)
    )
    factor = tf.where(made, tf.where(grows, growth, one), backoff)
    return {
        "loss_scale": tf.clip_by_value(scale * factor, low, high),
        "finite_updates": tf.where(made & ~grows, count, tf.zeros_like(count)),
    }


@advance.register
def _multi(spec: specs.MultiOptimizer, step: Update) -> Stepped:
    raise SpecError("a MultiOptimizer has an optimizer for each parameter: of(name)")


@advance.register
def _ema(spec: specs.EMA, step: Update) -> Stepped:
    stepped, new = advance(spec.inner, step)
    return stepped, {**new, "average": average(step, spec.momentum, "average", stepped)}
