"""Optimizers that adapt the rate of each parameter, or of each tensor, as Optax transformations.

Their states are those of Optax's own, from which they differ in the formulas that :mod:`nnspec.adaptive` pins: where
epsilon stands, which norm a ratio divides by, and that what depends on the step alone does not cancel in float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from nnspec import adaptive as specs
from nnspec_jax import stepwise
from nnspec_jax.optimizers import (
    Names,
    Transformation,
    Tree,
    adam_direction,
    average,
    correction,
    descent,
    global_norm,
    ratio,
    with_decay,
    zeros,
)
from nnspec_jax.realize import build

# (count, dtype) -> what depends on the number of the update alone.
Numbers = Callable[[jax.Array, Any], Any]
# (these numbers, g, m, v) -> the direction of one parameter.
Direction = Callable[[Any, jax.Array, jax.Array, jax.Array], jax.Array]


def _moments(spec: specs._Moments, numbers: Numbers, direction: Direction, second: Any = None) -> Transformation:
    """A direction made of averages m of the gradient and v of its square, or of what ``second`` makes of (g, m, v).

    ``numbers`` are made once for all parameters of a dtype.
    """

    def init(params: Tree) -> optax.ScaleByAdamState:
        return optax.ScaleByAdamState(jnp.zeros((), jnp.int32), zeros(params), zeros(params))

    def update(updates: Tree, state: optax.ScaleByAdamState, params: Tree = None) -> tuple[Tree, Any]:
        count = state.count + 1
        mu = average(spec.b1, updates, state.mu)
        if second is None:
            nu = average(spec.b2, jax.tree.map(jnp.square, updates), state.nu)
        else:
            nu = jax.tree.map(second, updates, mu, state.nu)
        at = cache(lambda dtype: numbers(count, dtype))
        made = jax.tree.map(lambda g, m, v: direction(at(m.dtype), g, m, v), updates, mu, nu)
        return made, optax.ScaleByAdamState(count, mu, nu)

    return Transformation(init, update)


def _in_float64(function: Callable[..., Any], count: jax.Array, dtype: Any) -> Any:
    """What depends on the step alone, computed in float64 (where x64 is off, too) and rounded once."""
    with jax.enable_x64(True):
        return jax.tree.map(
            lambda x: x if x.dtype == jnp.bool_ else x.astype(dtype), function(count.astype(jnp.float64))
        )


def _corrections(spec: specs._Moments, count: jax.Array, dtype: Any) -> tuple[jax.Array, jax.Array]:
    """1 − b1ᵗ and 1 − b2ᵗ."""
    t = count.astype(dtype)
    return correction(spec.b1, t), correction(spec.b2, t)


def _adam(spec: Any, second: Any = None) -> Transformation:
    """m̂ / (√v̂ + epsilon)."""

    def direction(at: Any, g: jax.Array, m: jax.Array, v: jax.Array) -> jax.Array:
        c1, c2 = at
        return adam_direction(m, v, c1, c2, spec.epsilon)

    return _moments(spec, partial(_corrections, spec), direction, second)


@build.register
def adamax(spec: specs.Adamax, dtype: Any, decayed: Names = None) -> Transformation:
    inside, outside = (spec.epsilon, 0.0) if spec.epsilon_in_maximum else (0.0, spec.epsilon)

    def direction(at: Any, g: jax.Array, m: jax.Array, v: jax.Array) -> jax.Array:
        return m / at[0] / (v + outside)

    second = lambda g, m, v: jnp.maximum(spec.b2 * v, jnp.abs(g) + inside)  # noqa: E731
    return descent(spec, dtype, decayed, _moments(spec, partial(_corrections, spec), direction, second))


def _momenta(spec: specs.NAdam, t: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(1 − μ(t))/(1 − Π(t)) and μ(t + 1)/(1 − Π(t + 1))."""

    def mu(t: jax.Array) -> jax.Array:
        if spec.momentum_decay is None:
            return jnp.full_like(t, spec.b1)
        return spec.b1 * (1.0 - jnp.exp(math.log(0.96) * spec.momentum_decay * t) / 2.0)

    def left(t: jax.Array) -> jax.Array:
        if spec.b1 == 0:
            return jnp.ones_like(t)
        logarithm = t * math.log(spec.b1)
        if terms := spec.product_terms():
            c, a = np.array(terms).T
            logarithm += jnp.sum(c * jnp.expm1(-a * t))
        return -jnp.expm1(logarithm)

    return (1.0 - mu(t)) / left(t), mu(t + 1.0) / left(t + 1.0)


@build.register
def nadam(spec: specs.NAdam, dtype: Any, decayed: Names = None) -> Transformation:
    def numbers(count: jax.Array, dtype: Any) -> tuple[jax.Array, ...]:
        return *_in_float64(lambda t: _momenta(spec, t), count, dtype), correction(spec.b2, count.astype(dtype))

    def direction(at: Any, g: jax.Array, m: jax.Array, v: jax.Array) -> jax.Array:
        here, ahead, c2 = at
        return (ahead * m + here * g) / (jnp.sqrt(v / c2) + spec.epsilon)

    return descent(spec, dtype, decayed, _moments(spec, numbers, direction))


def _rectification(spec: specs.RAdam, t: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Whether ρ is above the threshold, and r there."""
    last, power = 2.0 / (1.0 - spec.b2) - 1.0, spec.b2**t
    rho = last - 2.0 * t * power / (1.0 - power)
    enough = rho > spec.threshold
    square = (rho - 4.0) * (rho - 2.0) / rho * (last / ((last - 4.0) * (last - 2.0)) if last > 4 else 1.0)
    return enough, jnp.sqrt(jnp.where(enough, square, 1.0))


@build.register
def radam(spec: specs.RAdam, dtype: Any, decayed: Names = None) -> Transformation:
    def numbers(count: jax.Array, dtype: Any) -> tuple[jax.Array, ...]:
        return *_in_float64(lambda t: _rectification(spec, t), count, dtype), *_corrections(spec, count, dtype)

    def direction(at: Any, g: jax.Array, m: jax.Array, v: jax.Array) -> jax.Array:
        enough, r, c1, c2 = at
        rectified = r * adam_direction(m, v, c1, c2, spec.epsilon, hat=spec.epsilon_mode == "hat")
        return jnp.where(enough, rectified, m / c1)

    return descent(spec, dtype, decayed, _moments(spec, numbers, direction))


@build.register
def adabelief(spec: specs.AdaBelief, dtype: Any, decayed: Names = None) -> Transformation:
    def second(g: jax.Array, m: jax.Array, v: jax.Array) -> jax.Array:
        return spec.b2 * v + (1.0 - spec.b2) * jnp.square(g - m) + spec.epsilon_root

    return descent(spec, dtype, decayed, _adam(spec, second))


@build.register
def lion(spec: specs.Lion, dtype: Any, decayed: Names = None) -> Transformation:
    return descent(spec, dtype, decayed, optax.scale_by_lion(spec.b1, spec.b2))


@build.register
def adadelta(spec: specs.AdaDelta, dtype: Any, decayed: Names = None) -> Transformation:
    return descent(spec, dtype, decayed, optax.scale_by_adadelta(spec.rho, spec.epsilon))


def _decayed(spec: Any, decayed: Names) -> Transformation:
    """Decay that stands within a norm."""
    return optax.stateless(lambda updates, params: with_decay(spec, updates, params, decayed))


@build.register
def lamb(spec: specs.LAMB, dtype: Any, decayed: Names = None) -> Transformation:
    adam = _adam(spec)

    def scaled(updates: Tree, params: Tree) -> Tree:
        return jax.tree.map(lambda u, w: ratio(global_norm(w), global_norm(u)) * u, updates, params)

    if spec.decay_in_ratio:
        rule = (adam, _decayed(spec, decayed), optax.stateless(scaled))
        return descent(spec, dtype, decayed, *rule, decays=False)
    return descent(spec, dtype, decayed, adam, scaled=scaled)


@build.register
def lars(spec: specs.LARS, dtype: Any, decayed: Names = None) -> Transformation:
    def scaled(gradients: Tree, params: Tree) -> Tree:
        directions = with_decay(spec, gradients, params, decayed)

        def scale(g: jax.Array, d: jax.Array, w: jax.Array) -> jax.Array:
            # d is g where decay does not apply.
            other = global_norm(d) if spec.joint_norm or d is g else global_norm(g) + spec.weight_decay * global_norm(w)
            other = jnp.where(other == 0, 0.0, other + spec.epsilon)
            return ratio(global_norm(w), other, spec.trust_coefficient) * d

        return jax.tree.map(scale, gradients, directions, params)

    # The spec's velocity gathers +η·r·d and is subtracted.
    velocity = optax.chain(optax.scale(-1.0), optax.trace(spec.momentum), optax.scale(-1.0))
    return descent(spec, dtype, decayed, optax.stateless(scaled), after=velocity, decays=False)


@build.register
def yogi(spec: specs.Yogi, dtype: Any, decayed: Names = None) -> Transformation:
    return stepwise.by_parameter(spec, dtype, decayed, _yogi)


def _yogi(spec: specs.Yogi, step: stepwise.Update) -> stepwise.Stepped:
    m, square, before = step.average(spec.b1, "m", step.g), jnp.square(step.g), step.slots["v"]
    v = before - (1.0 - spec.b2) * jnp.sign(before - square) * square
    c1, c2 = _corrections(spec, step.count, m.dtype)
    return step.down(adam_direction(m, v, c1, c2, spec.epsilon)), {"m": m, "v": v}


@build.register
def novograd(spec: specs.NovoGrad, dtype: Any, decayed: Names = None) -> Transformation:
    return stepwise.by_parameter(spec, dtype, decayed, _novograd)


def _novograd(spec: specs.NovoGrad, step: stepwise.Update) -> stepwise.Stepped:
    square = jnp.sum(jnp.square(step.g))
    v = jnp.where(step.count == 1, square, step.average(spec.b2, "v", square))
    m = spec.b1 * step.slots["m"] + step.g / (jnp.sqrt(v) + spec.epsilon) + step.decay
    return -step.eta * m, {"m": m, "v": v}


@build.register
def adan(spec: specs.Adan, dtype: Any, decayed: Names = None) -> Transformation:
    return stepwise.by_parameter(spec, dtype, decayed, _adan)


def _adan(spec: specs.Adan, step: stepwise.Update) -> stepwise.Stepped:
    change = jnp.where(step.count == 1, 0.0, step.g - step.slots["gradient"])
    m, d = step.average(spec.b1, "m", step.g), step.average(spec.b2, "difference", change)
    v = step.average(spec.b3, "v", jnp.square(step.g + spec.weight * change))
    c1, c2, c3 = (correction(decay, step.t) for decay in (spec.b1, spec.b2, spec.b3))
    u = (m / c1 + spec.weight * d / c2) / (jnp.sqrt(v / c3 + spec.epsilon_root) + spec.epsilon)
    return step.down(u), {"m": m, "difference": d, "v": v, "gradient": step.g}


@build.register
def optimistic_adam(spec: specs.OptimisticAdam, dtype: Any, decayed: Names = None) -> Transformation:
    return stepwise.by_parameter(spec, dtype, decayed, _optimistic_adam)


def _optimistic_adam(spec: specs.OptimisticAdam, step: stepwise.Update) -> stepwise.Stepped:
    m, v = step.average(spec.b1, "m", step.g), step.average(spec.b2, "v", jnp.square(step.g))
    c1, c2 = _corrections(spec, step.count, m.dtype)
    if spec.nesterov:
        m_hat = spec.b1 * m / correction(spec.b1, step.t + 1.0) + (1.0 - spec.b1) * step.g / c1
        d = m_hat / (jnp.sqrt(v / c2) + spec.epsilon)
    else:
        d = adam_direction(m, v, c1, c2, spec.epsilon)
    before = jnp.where(step.count == 1, d, step.slots["direction"])
    return step.down((spec.alpha + spec.beta) * d - spec.beta * before), {"m": m, "v": v, "direction": d}


@build.register
def schedule_free_adamw(spec: specs.ScheduleFreeAdamW, dtype: Any, decayed: Names = None) -> Transformation:
    return stepwise.by_parameter(spec, dtype, decayed, _schedule_free)


def _schedule_free(spec: specs.ScheduleFreeAdamW, step: stepwise.Update) -> stepwise.Stepped:
    rest, before, share = 1.0 - spec.b1, step.slots["z"], step.exact(lambda t: 1.0 / t)
    v = step.average(spec.b2, "v", jnp.square(step.g))
    z = before + step.down(step.g / (jnp.sqrt(v / correction(spec.b2, step.t)) + spec.epsilon))
    x = (1.0 - share) * ((step.w - rest * before) / spec.b1) + share * z
    return stepwise.Assigned(rest * z + spec.b1 * x), {"z": z, "v": v}
