"""Optimizers whose steps follow signs, norms, noise, or sums of gradients; see :mod:`nnspec_tensorflow.optimizers`."""

from __future__ import annotations

from typing import Any

from nnspec import steps as specs
from nnspec.random import key_of, stream_of
from nnspec_tensorflow.optimizers import Stepped, Update, advance, exact, global_norm, ratio, together
from nnspec_tensorflow.random import normals
from nnspec_tensorflow.startup import tf

Tensor = Any


@advance.register
def _rprop(spec: specs.Rprop, step: Update) -> Stepped:
    before, sign = step.slots["step"], tf.sign(step.g) * step.slots["sign"]
    grown = before * tf.where(sign > 0, step.c(spec.increase), step.c(spec.decrease))
    bounded = tf.maximum(tf.minimum(grown, step.c(spec.max_step)), step.c(spec.min_step))
    size = tf.where(sign == 0, before, bounded)
    kept = tf.where(sign < 0, tf.zeros_like(step.g), tf.sign(step.g))
    return step.down(size * kept), {"step": size, "sign": kept}


@advance.register
def _fromage(spec: specs.Fromage, step: Update) -> Stepped:
    w, g = (tf.maximum(global_norm([x]), step.c(spec.min_norm)) for x in (step.w, step.g))
    # 1 + η² rounds the same way at every update.
    divisor = tf.sqrt(1 + tf.square(tf.cast(step.eta, tf.float64)))
    return step.down(ratio(w, g) * step.g) / step.c(divisor), {}


@advance.register
def _noisy_sgd(spec: specs.NoisySGD, step: Update) -> Stepped:
    key, count = tf.constant(key_of(spec.seed)), tf.cast(step.t - 1, tf.uint32)
    z = normals(step.g, key, stream_of(step.name, "noise"), count)
    spread = tf.sqrt(exact(spec.variance) * tf.pow(step.t, exact(-spec.decay_rate)))
    return step.down(step.g + step.c(spread) * z), {}


@advance.register
def _optimistic(spec: specs.OptimisticGradientDescent, step: Update) -> Stepped:
    before = tf.where(step.t == 1, step.g, step.slots["gradient"])
    u = step.c(spec.alpha + spec.beta) * step.g - step.c(spec.beta) * before
    return step.down(u), {"gradient": step.g}


@advance.register
def _ftrl(spec: specs.FTRL, step: Update) -> Stepped:
    still = step.eta == 0
    w, before = step.w - step.eta * step.decay, step.slots["accumulator"]
    eta = tf.where(still, tf.ones_like(step.eta), step.eta)
    a = before + tf.square(step.g)
    grown, old = (tf.sqrt(x) if spec.power == 0.5 else tf.pow(x, step.c(spec.power)) for x in (a, before))
    linear = step.slots["linear"] + step.g + step.c(2 * spec.l2_shrinkage) * w - (grown - old) / eta * w
    quadratic = grown / eta + step.c(2 * spec.l2) + step.c(spec.beta) / eta
    l1 = step.c(spec.l1)
    above = tf.maximum(tf.minimum(linear, l1), -l1) - linear
    value = tf.where(above == 0, tf.zeros_like(w), above / tf.where(above == 0, tf.ones_like(w), quadratic))
    kept = {slot: tf.where(still, step.slots[slot], x) for slot, x in (("accumulator", a), ("linear", linear))}
    return tf.where(still, step.w, value), kept


@advance.register
def _frozen(spec: specs.Frozen, step: Update) -> Stepped:
    return step.w, {}


@together.register
def _scaled(spec: specs.PolyakSGD, gradients: list[Tensor], value: Tensor) -> list[Tensor]:
    size = global_norm(gradients)
    zero, most = tf.zeros_like(size), tf.constant(spec.max_rate, size.dtype)
    gap = tf.cast(value, size.dtype) - tf.constant(spec.minimum, size.dtype)
    gap = tf.maximum(gap, zero) if spec.positive else gap
    square = tf.square(size) + tf.constant(spec.epsilon, size.dtype)
    none = square == 0
    rate = tf.where(none, zero, tf.minimum(gap / tf.where(none, tf.ones_like(square), square), most))
    return [rate * tf.cast(g, size.dtype) for g in gradients]


@advance.register
def _polyak_sgd(spec: specs.PolyakSGD, step: Update) -> Stepped:
    return step.down(step.g), {}
