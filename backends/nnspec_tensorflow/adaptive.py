"""Optimizers that adapt the rate of each parameter, or of each tensor; see :mod:`nnspec_tensorflow.optimizers`."""

from __future__ import annotations

import math
from typing import Any

from nnspec import adaptive as specs
from nnspec_tensorflow import sums
from nnspec_tensorflow.optimizers import (
    Stepped,
    Update,
    adam_direction,
    advance,
    average,
    correction,
    exact,
    global_norm,
    ratio,
)
from nnspec_tensorflow.startup import tf

Tensor = Any


def _moments(spec: specs._Moments, step: Update) -> dict[str, Tensor]:
    """Averages of the gradient and of its square."""
    return {
        "m": average(step, spec.b1, "m", step.g),
        "v": average(step, spec.b2, "v", tf.square(step.g)),
    }


def _direction(spec: Any, step: Update, m: Tensor, v: Tensor) -> Tensor:
    """m̂ / (√v̂ + epsilon)."""
    return adam_direction(step, m, v, correction(spec.b1, step.t), correction(spec.b2, step.t), spec.epsilon)


@advance.register
def _adamax(spec: specs.Adamax, step: Update) -> Stepped:
    m, size, epsilon = average(step, spec.b1, "m", step.g), tf.abs(step.g), step.c(spec.epsilon)
    v = tf.maximum(step.c(spec.b2) * step.slots["v"], size + epsilon if spec.epsilon_in_maximum else size)
    u = m / step.c(correction(spec.b1, step.t)) / (v if spec.epsilon_in_maximum else v + epsilon)
    return step.down(u), {"m": m, "v": v}


def _momentum(spec: specs.NAdam, t: Tensor) -> Tensor:
    """μ(t) in float64."""
    if spec.momentum_decay is None:
        return exact(spec.b1)
    return exact(spec.b1) * (1 - tf.exp(exact(math.log(0.96) * spec.momentum_decay) * t) / 2)


def _product_left(spec: specs.NAdam, t: Tensor) -> Tensor:
    """1 − Π(t) in float64."""
    if spec.b1 == 0:
        return exact(1.0)
    logarithm = t * exact(math.log(spec.b1))
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
    v_hat = new["v"] / step.c(correction(spec.b2, t))
    u = (step.c(ahead) * new["m"] + step.c(here) * step.g) / (tf.sqrt(v_hat) + step.c(spec.epsilon))
    return step.down(u), new


@advance.register
def _radam(spec: specs.RAdam, step: Update) -> Stepped:
    new, t = _moments(spec, step), step.t
    c2, last = correction(spec.b2, t), 2 / (1 - spec.b2) - 1
    rho = exact(last) - 2 * t * tf.pow(exact(spec.b2), t) / c2
    enough = rho > spec.threshold
    square = (rho - 4) * (rho - 2) / rho * exact(last / ((last - 4) * (last - 2)) if last > 4 else 1.0)
    r = tf.sqrt(tf.where(enough, square, exact(1.0)))
    c1, hat = correction(spec.b1, t), spec.epsilon_mode == "hat"
    rectified = step.c(r) * adam_direction(step, new["m"], new["v"], c1, c2, spec.epsilon, hat=hat)
    return step.down(tf.where(enough, rectified, new["m"] / step.c(c1))), new


@advance.register
def _adabelief(spec: specs.AdaBelief, step: Update) -> Stepped:
    m = average(step, spec.b1, "m", step.g)
    v = average(step, spec.b2, "v", tf.square(step.g - m)) + step.c(spec.epsilon_root)
    return step.down(_direction(spec, step, m, v)), {"m": m, "v": v}


@advance.register
def _lion(spec: specs.Lion, step: Update) -> Stepped:
    return step.down(tf.sign(average(step, spec.b1, "m", step.g))), {"m": average(step, spec.b2, "m", step.g)}


@advance.register
def _adadelta(spec: specs.AdaDelta, step: Update) -> Stepped:
    epsilon, before = step.c(spec.epsilon), step.slots["update_square"]
    e = average(step, spec.rho, "gradient_square", tf.square(step.g))
    u = tf.sqrt(before + epsilon) / tf.sqrt(e + epsilon) * step.g
    return step.down(u), {
        "gradient_square": e,
        "update_square": average(step, spec.rho, "update_square", tf.square(u)),
    }


@advance.register
def _lamb(spec: specs.LAMB, step: Update) -> Stepped:
    new = _moments(spec, step)
    d = _direction(spec, step, new["m"], new["v"])
    w, d = (step.w, d + step.decay) if spec.decay_in_ratio else (step.w - step.eta * step.decay, d)
    return w - step.eta * ratio(global_norm([w]), global_norm([d])) * d, new


@advance.register
def _lars(spec: specs.LARS, step: Update) -> Stepped:
    d = step.g + step.decay
    other = global_norm([d]) if spec.joint_norm else global_norm([step.g]) + global_norm([step.decay])
    other = tf.where(other == 0, other, other + step.c(spec.epsilon))
    r = ratio(global_norm([step.w]), other, spec.trust_coefficient)
    v = step.c(spec.momentum) * step.slots["velocity"] + step.eta * r * d
    return step.w - v, {"velocity": v}


@advance.register
def _yogi(spec: specs.Yogi, step: Update) -> Stepped:
    m, square, before = average(step, spec.b1, "m", step.g), tf.square(step.g), step.slots["v"]
    v = before - step.c(1 - spec.b2) * tf.sign(before - square) * square
    return step.down(_direction(spec, step, m, v)), {"m": m, "v": v}


@advance.register
def _novograd(spec: specs.NovoGrad, step: Update) -> Stepped:
    square = sums.of_squares(step.g)
    v = tf.where(step.t == 1, square, average(step, spec.b2, "v", square))
    m = step.c(spec.b1) * step.slots["m"] + step.g / (tf.sqrt(v) + step.c(spec.epsilon)) + step.decay
    return step.w - step.eta * m, {"m": m, "v": v}


@advance.register
def _adan(spec: specs.Adan, step: Update) -> Stepped:
    g, weight = step.g, step.c(spec.weight)
    change = tf.where(step.t == 1, tf.zeros_like(g), g - step.slots["gradient"])
    m, d = average(step, spec.b1, "m", g), average(step, spec.b2, "difference", change)
    v = average(step, spec.b3, "v", tf.square(g + weight * change))
    c1, c2, c3 = (step.c(correction(decay, step.t)) for decay in (spec.b1, spec.b2, spec.b3))
    u = (m / c1 + weight * d / c2) / (tf.sqrt(v / c3 + step.c(spec.epsilon_root)) + step.c(spec.epsilon))
    return step.down(u), {"m": m, "difference": d, "v": v, "gradient": g}


@advance.register
def _optimistic_adam(spec: specs.OptimisticAdam, step: Update) -> Stepped:
    new, t = _moments(spec, step), step.t
    if spec.nesterov:
        ahead = step.c(exact(spec.b1) / correction(spec.b1, t + 1))
        m_hat = ahead * new["m"] + step.c(exact(1 - spec.b1) / correction(spec.b1, t)) * step.g
        d = m_hat / (tf.sqrt(new["v"] / step.c(correction(spec.b2, t))) + step.c(spec.epsilon))
    else:
        d = _direction(spec, step, new["m"], new["v"])
    before = tf.where(t == 1, d, step.slots["direction"])
    u = step.c(spec.alpha + spec.beta) * d - step.c(spec.beta) * before
    return step.down(u), {**new, "direction": d}


@advance.register
def _schedule_free(spec: specs.ScheduleFreeAdamW, step: Update) -> Stepped:
    b1, rest, before = step.c(spec.b1), step.c(1 - spec.b1), step.slots["z"]
    v = average(step, spec.b2, "v", tf.square(step.g))
    d = step.g / (tf.sqrt(v / step.c(correction(spec.b2, step.t))) + step.c(spec.epsilon))
    z = before - step.eta * (d + step.decay)
    x = step.c(1 - 1 / step.t) * ((step.w - rest * before) / b1) + step.c(1 / step.t) * z
    return rest * z + b1 * x, {"z": z, "v": v}
