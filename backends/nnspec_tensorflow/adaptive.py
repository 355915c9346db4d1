"""Optimizers that adapt the rate of each parameter, or of each tensor; see :mod:`nnspec_tensorflow.optimizers`."""

from __future__ import annotations

import math
from typing import Any

from nnspec import adaptive as specs
from nnspec_tensorflow.optimizers import Stepped, Update, adam_direction, advance, global_norm
from nnspec_tensorflow.startup import tf

Tensor = Any


def _average(step: Update, decay: float, slot: str, new: Tensor) -> Tensor:
    return step.c(decay) * step.slots[slot] + step.c(1 - decay) * new


def _c(number: float) -> Tensor:
    return tf.constant(number, tf.float64)


def _correction(decay: float, t: Tensor) -> Tensor:
    """1 − decayᵗ in float64."""
    return 1 - tf.pow(_c(decay), t)


def _moments(spec: specs._Moments, step: Update) -> dict[str, Tensor]:
    """Averages of the gradient and of its square."""
    return {
        "m": _average(step, spec.b1, "m", step.g),
        "v": _average(step, spec.b2, "v", tf.square(step.g)),
    }


def _direction(spec: Any, step: Update, m: Tensor, v: Tensor) -> Tensor:
    """m̂ / (√v̂ + epsilon)."""
    return adam_direction(step, m, v, _correction(spec.b1, step.t), _correction(spec.b2, step.t), spec.epsilon)


def _ratio(norm: Tensor, other: Tensor, coefficient: float = 1.0) -> Tensor:
    """coefficient · norm/other, and 1 where one of them is 0."""
    one = tf.ones_like(norm)
    none = (norm == 0) | (other == 0)
    return tf.where(none, one, tf.constant(coefficient, norm.dtype) * norm / tf.where(none, one, other))


@advance.register
def _adamax(spec: specs.Adamax, step: Update) -> Stepped:
    m, size, epsilon = _average(step, spec.b1, "m", step.g), tf.abs(step.g), step.c(spec.epsilon)
    v = tf.maximum(step.c(spec.b2) * step.slots["v"], size + epsilon if spec.epsilon_in_maximum else size)
    u = m / step.c(_correction(spec.b1, step.t)) / (v if spec.epsilon_in_maximum else v + epsilon)
    return step.down(u), {"m": m, "v": v}


def _momentum(spec: specs.NAdam, t: Tensor) -> Tensor:
    """μ(t) in float64."""
    if spec.momentum_decay is None:
        return _c(spec.b1)
    return _c(spec.b1) * (1 - tf.exp(_c(math.log(0.96) * spec.momentum_decay) * t) / 2)


def _product_left(spec: specs.NAdam, t: Tensor) -> Tensor:
    """1 − Π(t) in float64."""
    if spec.b1 == 0:
        return _c(1.0)
    logarithm = t * _c(math.log(spec.b1))
    if terms := spec.product_terms():
        c, a = (tf.constant(numbers, tf.float64) for numbers in zip(*terms, strict=True))
        logarithm += tf.reduce_sum(c * tf.math.expm1(-a * t))
    return -tf.math.expm1(logarithm)


@advance.register
def _nadam(spec: specs.NAdam, step: Update) -> Stepped:
    new = _moments(spec, step)
    t = step.t
    here = (1 - _momentum(spec, t)) / _product_left(spec, t)
    ahead = _momentum(spec, t + 1) / _product_left(spec, t + 1)
    v_hat = new["v"] / step.c(_correction(spec.b2, t))
    u = (step.c(ahead) * new["m"] + step.c(here) * step.g) / (tf.sqrt(v_hat) + step.c(spec.epsilon))
    return step.down(u), new


@advance.register
def _radam(spec: specs.RAdam, step: Update) -> Stepped:
    new, t = _moments(spec, step), step.t
    c2, last = _correction(spec.b2, t), 2 / (1 - spec.b2) - 1
    rho = _c(last) - 2 * t * tf.pow(_c(spec.b2), t) / c2
    enough = rho > spec.threshold
    square = (rho - 4) * (rho - 2) / rho * _c(last / ((last - 4) * (last - 2)) if last > 4 else 1.0)
    r = tf.sqrt(tf.where(enough, square, _c(1.0)))
    c1, hat = _correction(spec.b1, t), spec.epsilon_mode == "hat"
    rectified = step.c(r) * adam_direction(step, new["m"], new["v"], c1, c2, spec.epsilon, hat=hat)
    return step.down(tf.where(enough, rectified, new["m"] / step.c(c1))), new


@advance.register
def _adabelief(spec: specs.AdaBelief, step: Update) -> Stepped:
    m = _average(step, spec.b1, "m", step.g)
    v = _average(step, spec.b2, "v", tf.square(step.g - m)) + step.c(spec.epsilon_root)
    return step.down(_direction(spec, step, m, v)), {"m": m, "v": v}


@advance.register
def _lion(spec: specs.Lion, step: Update) -> Stepped:
    return step.down(tf.sign(_average(step, spec.b1, "m", step.g))), {"m": _average(step, spec.b2, "m", step.g)}


@advance.register
def _adadelta(spec: specs.AdaDelta, step: Update) -> Stepped:
    epsilon, before = step.c(spec.epsilon), step.slots["update_square"]
    e = _average(step, spec.rho, "gradient_square", tf.square(step.g))
    u = tf.sqrt(before + epsilon) / tf.sqrt(e + epsilon) * step.g
    return step.down(u), {
        "gradient_square": e,
        "update_square": _average(step, spec.rho, "update_square", tf.square(u)),
    }


@advance.register
def _lamb(spec: specs.LAMB, step: Update) -> Stepped:
    new = _moments(spec, step)
    d = _direction(spec, step, new["m"], new["v"])
    w, d = (step.w, d + step.decay) if spec.decay_in_ratio else (step.w - step.eta * step.decay, d)
    return w - step.eta * _ratio(global_norm([w]), global_norm([d])) * d, new


@advance.register
def _lars(spec: specs.LARS, step: Update) -> Stepped:
    d = step.g + step.decay
    other = global_norm([d]) if spec.joint_norm else global_norm([step.g]) + global_norm([step.decay])
    other = tf.where(other == 0, other, other + step.c(spec.epsilon))
    r = _ratio(global_norm([step.w]), other, spec.trust_coefficient)
    v = step.c(spec.momentum) * step.slots["velocity"] + step.eta * r * d
    return step.w - v, {"velocity": v}
