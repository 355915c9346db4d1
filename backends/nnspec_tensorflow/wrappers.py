"""Optimizers made of others: their formulas around those within; see :mod:`nnspec_tensorflow.optimizers`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nnspec import wrappers as specs
from nnspec.errors import SpecError
from nnspec_tensorflow.optimizers import Stepped, Update, advance, average, global_norm, shared
from nnspec_tensorflow.realize import working
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
def _sam(spec: specs.SAM, step: Update) -> Stepped:
    return advance(spec.inner, step)


def perturbed(spec: specs.SAM, parameters: Sequence[Tensor], gradients: Sequence[Tensor]) -> list[Tensor]:
    """w + ε, where SAM takes the second gradient."""
    w = [tf.cast(x, working(x.dtype.name)) for x in parameters]
    ones = [tf.ones_like(x) for x in w]
    sizes = [tf.abs(x) + tf.constant(spec.eta, x.dtype) for x in w] if spec.adaptive else ones
    towards = [s * tf.cast(g, s.dtype) for s, g in zip(sizes, gradients, strict=True)]
    norm = global_norm(towards)
    factor = tf.where(norm == 0, tf.zeros_like(norm), tf.constant(spec.rho, norm.dtype) / norm)
    moved = [x + factor * (s * g) for x, s, g in zip(w, sizes, towards, strict=True)]
    return [tf.cast(x, before.dtype) for x, before in zip(moved, parameters, strict=True)]


@advance.register
def _multi(spec: specs.MultiOptimizer, step: Update) -> Stepped:
    raise SpecError("a MultiOptimizer has an optimizer for each parameter: of(name)")


@advance.register
def _ema(spec: specs.EMA, step: Update) -> Stepped:
    stepped, new = advance(spec.inner, step)
    return stepped, {**new, "average": average(step, spec.momentum, "average", stepped)}
