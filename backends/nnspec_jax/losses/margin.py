"""Losses of margins."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from nnspec.losses import margin as specs
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
