"""Optimizers that treat a tensor's axes apart; see :mod:`nnspec_tensorflow.optimizers`."""

from __future__ import annotations

from functools import reduce
from typing import Any

from nnspec import factored as specs
from nnspec_tensorflow.optimizers import (
    Stepped,
    Update,
    adam_direction,
    advance,
    average,
    correction,
    exact,
    global_norm,
)
from nnspec_tensorflow.startup import tf

Tensor = Any


@advance.register
def _sm3(spec: specs.SM3, step: Update) -> Stepped:
    g, rank = step.g, step.g.shape.rank
    axes = range(max(rank, 1))
    sums = [tf.reshape(step.slots[f"accumulator_{i}"], [-1 if a == i else 1 for a in range(rank)]) for i in axes]
    s = reduce(tf.minimum, sums) + tf.square(g)
    none = s == 0
    d = tf.where(none, tf.zeros_like(g), g / tf.sqrt(tf.where(none, tf.ones_like(s), s + step.c(spec.epsilon))))
    m = average(step, spec.momentum, "m", d)
    others = {i: [a for a in axes if a != i] for i in axes}
    largest = {f"accumulator_{i}": tf.reduce_max(s, others[i]) if others[i] else s for i in axes}
    return step.down(m), {"m": m, **largest}


def _rms(x: Tensor) -> Tensor:
    return tf.sqrt(tf.reduce_mean(tf.square(x)))


@advance.register
def _adafactor(spec: specs.Adafactor, step: Update) -> Stepped:
    w, g, rest = step.w, step.g, tf.pow(step.t, exact(-spec.decay_rate))
    square = tf.square(g) + step.c(spec.epsilon)

    def averaged(slot: str, new: Tensor) -> Tensor:
        return step.c(1 - rest) * step.slots[slot] + step.c(rest) * new

    found = spec.factored(tuple(w.shape))
    if found is None:
        new = {"v": averaged("v", square)}
        d = g / tf.sqrt(new["v"])
    else:
        rows, columns = found
        new = {
            "row": averaged("row", tf.reduce_mean(square, columns)),
            "column": averaged("column", tf.reduce_mean(square, rows)),
        }
        row, column = tf.expand_dims(new["row"], columns), tf.expand_dims(new["column"], rows)
        mean = tf.reduce_mean(row, rows, keepdims=True)
        infinite = tf.math.is_inf(mean) | tf.math.is_inf(column)
        d = tf.where(infinite, tf.zeros_like(g), g / tf.sqrt(row / mean) / tf.sqrt(column))
    if spec.clip_threshold is not None:
        d = d / tf.maximum(step.c(1.0), _rms(d) / step.c(spec.clip_threshold))
    rho = tf.minimum(step.eta, step.c(tf.math.rsqrt(step.t))) if spec.relative_step else step.eta
    if spec.scale_parameter:
        d = d * tf.maximum(_rms(w), step.c(spec.epsilon_scale))
    return w - rho * d - step.eta * step.decay, new


@advance.register
def _muon(spec: specs.Muon, step: Update) -> Stepped:
    if "v" in step.slots:
        m = average(step, spec.b1, "m", step.g)
        v = average(step, spec.b2, "v", tf.square(step.g))
        c1, c2, hat = correction(spec.b1, step.t), correction(spec.b2, step.t), spec.epsilon_mode == "hat"
        u = adam_direction(step, m, v, c1, c2, spec.adam_epsilon, hat=hat)
        return step.down(step.c(spec.adam_ratio) * u), {"m": m, "v": v}
    mu = step.c(spec.momentum)
    m = mu * step.slots["m"] + step.g
    x = _orthogonal(spec, step, mu * m + step.g if spec.nesterov else m)
    return step.down(step.c(spec.scale(*step.w.shape)) * x), {"m": m}


def _orthogonal(spec: specs.Muon, step: Update, x: Tensor) -> Tensor:
    tall = x.shape[0] > x.shape[1]
    x = tf.transpose(x) if tall else x
    x = x / (global_norm([x]) + step.c(spec.epsilon))
    a, b, c = map(step.c, spec.coefficients)
    for _ in range(spec.iterations):
        square = tf.matmul(x, x, transpose_b=True)
        x = a * x + tf.matmul(b * square + c * tf.matmul(square, square), x)
    return tf.transpose(x) if tall else x
