"""Optimizers whose steps follow signs, norms, noise, or sums of gradients; see :mod:`nnspec_jax.stepwise`."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from nnspec import steps as specs
from nnspec.optimizers import demand_value
from nnspec.random import key_of, stream_of
from nnspec_jax import stepwise
from nnspec_jax.optimizers import Names, Transformation, Tree, descent, global_norm, ratio
from nnspec_jax.random import normals
from nnspec_jax.realize import build


@build.register
def rprop(spec: specs.Rprop, dtype: Any, decayed: Names = None) -> Transformation:
    return stepwise.by_parameter(spec, dtype, decayed, _rprop)


def _rprop(spec: specs.Rprop, step: stepwise.Update) -> stepwise.Stepped:
    before, sign = step.slots["step"], jnp.sign(step.g) * step.slots["sign"]
    grown = before * jnp.where(sign > 0, spec.increase, spec.decrease).astype(before.dtype)
    size = jnp.where(sign == 0, before, jnp.clip(grown, spec.min_step, spec.max_step))
    kept = jnp.where(sign < 0, 0.0, jnp.sign(step.g))
    return step.down(size * kept), {"step": size, "sign": kept}


@build.register
def fromage(spec: specs.Fromage, dtype: Any, decayed: Names = None) -> Transformation:
    return stepwise.by_parameter(spec, dtype, decayed, _fromage)


def _fromage(spec: specs.Fromage, step: stepwise.Update) -> stepwise.Stepped:
    r = ratio(*(jnp.maximum(global_norm(x), spec.min_norm) for x in (step.w, step.g)))
    with jax.enable_x64(True):  # 1 + η² rounds the same way at every update
        divisor = jnp.sqrt(1.0 + jnp.square(step.eta.astype(jnp.float64))).astype(step.w.dtype)
    return stepwise.Assigned((step.w + step.down(r * step.g)) / divisor), {}


@build.register
def noisy_sgd(spec: specs.NoisySGD, dtype: Any, decayed: Names = None) -> Transformation:
    return stepwise.by_parameter(spec, dtype, decayed, _noisy_sgd)


def _noisy_sgd(spec: specs.NoisySGD, step: stepwise.Update) -> stepwise.Stepped:
    stream = stream_of(step.name, "noise")
    z = normals(step.g.shape, step.g.dtype, key_of(spec.seed), stream, step.count - 1)
    spread = step.exact(lambda t: jnp.sqrt(spec.variance * t**-spec.decay_rate))
    return step.down(step.g + spread * z), {}


@build.register
def optimistic_gradient_descent(
    spec: specs.OptimisticGradientDescent, dtype: Any, decayed: Names = None
) -> Transformation:
    return stepwise.by_parameter(spec, dtype, decayed, _optimistic)


def _optimistic(spec: specs.OptimisticGradientDescent, step: stepwise.Update) -> stepwise.Stepped:
    before = jnp.where(step.count == 1, step.g, step.slots["gradient"])
    return step.down((spec.alpha + spec.beta) * step.g - spec.beta * before), {"gradient": step.g}


@build.register
def ftrl(spec: specs.FTRL, dtype: Any, decayed: Names = None) -> Transformation:
    return stepwise.by_parameter(spec, dtype, decayed, _ftrl)


def _ftrl(spec: specs.FTRL, step: stepwise.Update) -> stepwise.Stepped:
    still = step.eta == 0
    w, before, eta = step.w - step.eta * step.decay, step.slots["accumulator"], jnp.where(still, 1.0, step.eta)
    a = before + jnp.square(step.g)
    grown, old = (jnp.sqrt(x) if spec.power == 0.5 else x**spec.power for x in (a, before))
    linear = step.slots["linear"] + step.g + 2.0 * spec.l2_shrinkage * w - (grown - old) / eta * w
    quadratic = grown / eta + 2.0 * spec.l2 + spec.beta / eta
    above = jnp.clip(linear, -spec.l1, spec.l1) - linear
    value = jnp.where(above == 0, 0.0, above / jnp.where(above == 0, 1.0, quadratic))
    made = (value, {"accumulator": a, "linear": linear})
    value, slots = jax.tree.map(partial(jnp.where, still), (step.w, step.slots), made)
    return stepwise.Assigned(value), slots


@build.register
def frozen(spec: specs.Frozen, dtype: Any, decayed: Names = None) -> Transformation:
    return stepwise.by_parameter(spec, dtype, decayed, _frozen)


def _frozen(spec: specs.Frozen, step: stepwise.Update) -> stepwise.Stepped:
    return stepwise.Assigned(step.w), {}


@build.register
def polyak_sgd(spec: specs.PolyakSGD, dtype: Any, decayed: Names = None) -> Transformation:
    def update(grads: Tree, state: Any, params: Tree = None, *, value: Any = None, **extra: Any) -> tuple[Tree, Any]:
        demand_value(spec, value)
        size = global_norm(grads)
        gap, square = value.astype(size.dtype) - spec.minimum, jnp.square(size) + spec.epsilon
        gap = jnp.maximum(gap, 0.0) if spec.positive else gap
        none = square == 0
        rate = jnp.where(none, 0.0, jnp.minimum(gap / jnp.where(none, 1.0, square), spec.max_rate))
        return jax.tree.map(lambda g: rate * g, grads), state

    rule = optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)
    return descent(spec, dtype, decayed, rule)
