"""Optimizers that treat a tensor's axes apart; see :mod:`nnspec_jax.stepwise`."""

from __future__ import annotations

from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp

from nnspec import factored as specs
from nnspec_jax import stepwise
from nnspec_jax.optimizers import Names, Transformation, adam_direction, correction, global_norm
from nnspec_jax.realize import HIGHEST, build


@build.register
def sm3(spec: specs.SM3, dtype: Any, decayed: Names = None) -> Transformation:
    return stepwise.by_parameter(spec, dtype, decayed, _sm3)


def _sm3(spec: specs.SM3, step: stepwise.Update) -> stepwise.Stepped:
    g, axes = step.g, range(max(step.g.ndim, 1))
    sums = [step.slots[f"accumulator_{i}"].reshape([-1 if a == i else 1 for a in range(g.ndim)]) for i in axes]
    s = reduce(jnp.minimum, sums) + jnp.square(g)
    none = s == 0
    d = jnp.where(none, 0.0, g / jnp.sqrt(jnp.where(none, 1.0, s + spec.epsilon)))
    m = step.average(spec.momentum, "m", d)
    largest = {f"accumulator_{i}": s.max(tuple(a for a in axes if a != i)) if g.ndim > 1 else s for i in axes}
    return step.down(m), {"m": m, **largest}


def _rms(x: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.mean(jnp.square(x)))


@build.register
def adafactor(spec: specs.Adafactor, dtype: Any, decayed: Names = None) -> Transformation:
    return stepwise.by_parameter(spec, dtype, decayed, _adafactor)


def _adafactor(spec: specs.Adafactor, step: stepwise.Update) -> stepwise.Stepped:
    w, g, square = step.w, step.g, jnp.square(step.g) + spec.epsilon
    rest = step.exact(lambda t: t**-spec.decay_rate)
    kept = step.exact(lambda t: 1.0 - t**-spec.decay_rate)
    found = spec.factored(w.shape)
    if found is None:
        new = {"v": kept * step.slots["v"] + rest * square}
        d = g / jnp.sqrt(new["v"])
    else:
        rows, columns = found
        new = {
            "row": kept * step.slots["row"] + rest * square.mean(columns),
            "column": kept * step.slots["column"] + rest * square.mean(rows),
        }
        row, column = jnp.expand_dims(new["row"], columns), jnp.expand_dims(new["column"], rows)
        mean = row.mean(rows, keepdims=True)
        infinite = jnp.isinf(mean) | jnp.isinf(column)
        d = jnp.where(infinite, 0.0, g / jnp.sqrt(row / mean) / jnp.sqrt(column))
    if spec.clip_threshold is not None:
        d = d / jnp.maximum(1.0, _rms(d) / spec.clip_threshold)
    rho = jnp.minimum(step.eta, step.exact(lambda t: 1.0 / jnp.sqrt(t))) if spec.relative_step else step.eta
    if spec.scale_parameter:
        d = d * jnp.maximum(_rms(w), spec.epsilon_scale)
    return -rho * d - step.eta * step.decay, new


@build.register
def muon(spec: specs.Muon, dtype: Any, decayed: Names = None) -> Transformation:
    return stepwise.by_parameter(spec, dtype, decayed, _muon)


def _muon(spec: specs.Muon, step: stepwise.Update) -> stepwise.Stepped:
    if "v" in step.slots:
        m, v = step.average(spec.b1, "m", step.g), step.average(spec.b2, "v", jnp.square(step.g))
        c1, c2 = correction(spec.b1, step.t), correction(spec.b2, step.t)
        u = adam_direction(m, v, c1, c2, spec.adam_epsilon, hat=spec.epsilon_mode == "hat")
        return step.down(spec.adam_ratio * u), {"m": m, "v": v}
    m = spec.momentum * step.slots["m"] + step.g
    x = _orthogonal(spec, spec.momentum * m + step.g if spec.nesterov else m)
    return step.down(spec.scale(*step.w.shape) * x), {"m": m}


def _orthogonal(spec: specs.Muon, x: jax.Array) -> jax.Array:
    product = partial(jnp.matmul, precision=HIGHEST)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (global_norm(x) + spec.epsilon)
    a, b, c = spec.coefficients
    for _ in range(spec.iterations):
        square = product(x, x.T)
        x = a * x + product(b * square + c * product(square, square), x)
    return x.T if tall else x
