"""Losses of margins."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from nnspec.losses import margin as specs
from nnspec_jax.activation import onto_simplex
from nnspec_jax.losses.base import PerPosition, distribution, elementwise, one_hot, realizing


def _lacking(spec: specs.Hinge | specs.SquaredHinge, x: jax.Array, targets: jax.Array) -> jax.Array:
    """max(0, margin − y·x) with derivative 0 at the kink."""
    y = elementwise(x, targets)
    missing = spec.margin - (2.0 * y - 1.0 if spec.binary_targets else y) * x
    return jnp.where(missing <= 0, 0.0, missing)


@realizing(specs.Hinge)
def _hinge(spec: specs.Hinge) -> PerPosition:
    return lambda x, targets: _lacking(spec, x, targets)


@realizing(specs.SquaredHinge)
def _squared_hinge(spec: specs.SquaredHinge) -> PerPosition:
    return lambda x, targets: jnp.square(_lacking(spec, x, targets))


def largest(x: jax.Array) -> jax.Array:
    """The largest along the last axis, of which the first of several has the derivative (``max`` shares it)."""
    return jnp.sum(jnp.where(one_hot(x, jnp.argmax(x, axis=-1)), x, 0.0), axis=-1)


@realizing(specs.CategoricalHinge)
def _categorical_hinge(spec: specs.CategoricalHinge) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        y = distribution(x, targets)
        # The margin comes after what is masked: its rounding would make ties.
        masked = spec.rival == "masked"
        rival = spec.margin + largest((1.0 - y) * x) if masked else largest(x + spec.margin * (1.0 - y))
        missing = rival - jnp.sum(y * x, axis=-1)
        return jnp.where(missing <= 0, 0.0, missing)

    return per_position


@realizing(specs.SparsemaxLoss)
def _sparsemax_loss(spec: specs.SparsemaxLoss) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        # The gradient is p − y: p is where its terms are largest, hence as good as constant.
        y, p = distribution(x, targets), jax.lax.stop_gradient(onto_simplex(x, -1))
        largest = jax.lax.stop_gradient(x.max(-1, keepdims=True))
        linear = jnp.sum((p - y) * (x - largest), axis=-1) + (1.0 - y.sum(-1)) * largest[..., 0]
        return linear + (jnp.sum(y * y, axis=-1) - jnp.sum(p * p, axis=-1)) / 2.0

    return per_position


@realizing(specs.BinarySparsemaxLoss)
def _binary_sparsemax_loss(spec: specs.BinarySparsemaxLoss) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        y, low, high = elementwise(x, targets), x <= -1, x >= 1
        p = jnp.where(low, 0.0, jnp.where(high, 1.0, (x + 1.0) / 2.0))
        beyond = y * jnp.where(low, -1.0 - x, 0.0) + (1.0 - y) * jnp.where(high, x - 1.0, 0.0)
        return jnp.square(p - y) + beyond

    return per_position
