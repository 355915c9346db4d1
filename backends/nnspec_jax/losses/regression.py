"""Losses of numbers."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from nnspec.losses import regression as specs
from nnspec_jax.activation import magnitude
from nnspec_jax.losses.base import PerPosition, elementwise, realizing


@realizing(specs.MeanSquaredError)
def _mean_squared_error(spec: specs.MeanSquaredError) -> PerPosition:
    return lambda x, targets: jnp.square(x - elementwise(x, targets))


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
