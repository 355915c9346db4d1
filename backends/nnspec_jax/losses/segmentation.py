"""Losses of segmentations."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from nnspec.losses import segmentation as specs
from nnspec_jax.losses.base import PerPosition, elementwise, realizing


def _found(spec: specs.Dice | specs.Tversky, x: jax.Array) -> jax.Array:
    """Probabilities."""
    if spec.from_probabilities:
        return x
    return jax.nn.softmax(x, axis=-1) if spec.multiclass else jax.nn.sigmoid(x)


def _sum(spec: specs.Dice | specs.Tversky, values: jax.Array) -> jax.Array:
    """The sum over each example, or over each of its classes."""
    spec.positions(values.shape)
    return jnp.sum(values, axis=tuple(range(1, values.ndim - int(spec.per_class))))


@realizing(specs.Dice)
def _dice(spec: specs.Dice) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        y, p = elementwise(x, targets), _found(spec, x)
        common = 2.0 * _sum(spec, p * y) + (spec.smooth if spec.smooth_numerator else 0.0)
        return 1.0 - common / (_sum(spec, p) + _sum(spec, y) + spec.smooth)

    return per_position


@realizing(specs.Tversky)
def _tversky(spec: specs.Tversky) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        y, p = elementwise(x, targets), _found(spec, x)
        common, wrong, missed = (_sum(spec, part) for part in (p * y, p * (1.0 - y), (1.0 - p) * y))
        whole = common + spec.alpha * wrong + spec.beta * missed + spec.smooth
        return 1.0 - (common + (spec.smooth if spec.smooth_numerator else 0.0)) / whole

    return per_position
