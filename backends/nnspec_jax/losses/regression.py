"""Losses of numbers."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from nnspec.losses import regression as specs
from nnspec_jax.activation import magnitude
from nnspec_jax.losses.base import PerPosition, elementwise, realizing


@realizing(specs.MeanSquaredError)
def _mean_squared_error(spec: specs.MeanSquaredError) -> PerPosition:
    return lambda x, targets: jnp.square(x - elementwise(x, targets))


@realizing(specs.HalfSquaredError)
def _half_squared_error(spec: specs.HalfSquaredError) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        e = x - elementwise(x, targets)
        return e * e / 2.0

    return per_position


@realizing(specs.MeanAbsoluteError)
def _mean_absolute_error(spec: specs.MeanAbsoluteError) -> PerPosition:
    return lambda x, targets: magnitude(x - elementwise(x, targets))


@realizing(specs.Huber)
def _huber(spec: specs.Huber) -> PerPosition:
    delta = spec.delta

    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        e = magnitude(x - elementwise(x, targets))
        near = jnp.where(e <= delta, e, 0.0)  # the square of a huge error is never taken
        return jnp.where(e <= delta, jnp.square(near) / 2.0, delta * (e - delta / 2.0))

    return per_position


@realizing(specs.LogCosh)
def _log_cosh(spec: specs.LogCosh) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        e = magnitude(x - elementwise(x, targets))
        near = jnp.log1p(2.0 * jnp.square(jnp.sinh(jnp.where(e <= 1, e, 0.0) / 2.0)))  # cosh e − 1, uncancelled
        return jnp.where(e <= 1, near, e + jnp.log1p(jnp.exp(-2.0 * e)) - math.log(2.0))

    return per_position


@realizing(specs.MeanAbsolutePercentageError)
def _mean_absolute_percentage_error(spec: specs.MeanAbsolutePercentageError) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        y = elementwise(x, targets)
        return 100.0 * magnitude(x - y) / jnp.maximum(jnp.abs(y), spec.epsilon)

    return per_position


@realizing(specs.MeanSquaredLogarithmicError)
def _mean_squared_logarithmic_error(spec: specs.MeanSquaredLogarithmicError) -> PerPosition:
    def logarithm(v: jax.Array) -> jax.Array:
        return jnp.log1p(jnp.where(v <= spec.epsilon, spec.epsilon, v))

    return lambda x, targets: jnp.square(logarithm(x) - logarithm(elementwise(x, targets)))


@realizing(specs.Pinball)
def _pinball(spec: specs.Pinball) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        e = elementwise(x, targets) - x
        return jnp.where(e >= 0, spec.quantile * e, (spec.quantile - 1.0) * e)

    return per_position


def unit(v: jax.Array, epsilon: float) -> jax.Array:
    """v / max(‖v‖, ε) along the last axis; the norm is a constant up to ε."""
    squares = jnp.sum(jnp.square(v), axis=-1, keepdims=True)
    short = squares <= epsilon**2
    return v / jnp.where(short, epsilon, jnp.sqrt(jnp.where(short, 1.0, squares)))


@realizing(specs.CosineDistance)
def _cosine_distance(spec: specs.CosineDistance) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        cosine = jnp.sum(unit(x, spec.epsilon) * unit(elementwise(x, targets), spec.epsilon), axis=-1)
        return -cosine if spec.form == "negative" else 1.0 - cosine

    return per_position


@realizing(specs.PoissonNLL)
def _poisson_nll(spec: specs.PoissonNLL) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        y = elementwise(x, targets)
        value = jnp.exp(x) - y * x if spec.log_input else x - y * jnp.log(x + spec.epsilon)
        if not spec.full:
            return value
        many = jnp.maximum(y, 1.0)
        return value + jnp.where(y > 1, many * jnp.log(many) - many + jnp.log(2.0 * math.pi * many) / 2.0, 0.0)

    return per_position


@realizing(specs.GaussianNLL)
def _gaussian_nll(spec: specs.GaussianNLL) -> PerPosition:
    constant = math.log(2.0 * math.pi) / 2.0 if spec.full else 0.0

    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        mean, s = jnp.split(x, [spec.target_shape(x.shape)[-1] or 0], axis=-1)
        squares = jnp.square(mean - elementwise(mean, targets))
        bound = math.log(spec.epsilon) if spec.log_variance else spec.epsilon
        s = jnp.where(s <= bound, bound, s)
        parts = (s, squares * jnp.exp(-s)) if spec.log_variance else (jnp.log(s), squares / s)
        return (parts[0] + parts[1]) / 2.0 + constant

    return per_position
