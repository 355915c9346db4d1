"""Losses of segmentations."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from nnspec.losses import segmentation as specs
from nnspec_jax.losses.base import PerPosition, elementwise, factors, realizing


def _found(x: jax.Array, from_probabilities: bool, multiclass: bool) -> jax.Array:
    """Probabilities."""
    if from_probabilities:
        return x
    return jax.nn.softmax(x, axis=-1) if multiclass else jax.nn.sigmoid(x)


def _sum(spec: specs.Dice | specs.Tversky, values: jax.Array, weights: jax.Array | None) -> jax.Array:
    """The sum over each example or the whole batch, or over each of its classes."""
    spec.positions(values.shape)
    first = 1
    if spec.over_batch:
        values, first = factors(spec, weights, values) * values, 0
    return jnp.sum(values, axis=tuple(range(first, values.ndim - int(spec.per_class))))


def _of_each(spec: specs.Dice | specs.Tversky, value: jax.Array, x: jax.Array) -> jax.Array:
    """The value of each example: that of the batch where there is one of the batch."""
    return jnp.broadcast_to(value, (x.shape[0], *value.shape)) if spec.over_batch else value


@realizing(specs.Dice)
def _dice(spec: specs.Dice) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array, weights: jax.Array | None = None) -> jax.Array:
        y, p = elementwise(x, targets), _found(x, spec.from_probabilities, spec.multiclass)
        common, found, there = (_sum(spec, part, weights) for part in (p * y, p, y))
        common = 2.0 * common + (spec.smooth if spec.smooth_numerator else 0.0)
        return _of_each(spec, 1.0 - common / (found + there + spec.smooth), x)

    return per_position


@realizing(specs.Tversky)
def _tversky(spec: specs.Tversky) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array, weights: jax.Array | None = None) -> jax.Array:
        y, p = elementwise(x, targets), _found(x, spec.from_probabilities, spec.multiclass)
        common, wrong, missed = (_sum(spec, part, weights) for part in (p * y, p * (1.0 - y), (1.0 - p) * y))
        whole = common + spec.alpha * wrong + spec.beta * missed + spec.smooth
        return _of_each(spec, 1.0 - (common + (spec.smooth if spec.smooth_numerator else 0.0)) / whole, x)

    return per_position


@realizing(specs.GeneralizedDice)
def _generalized_dice(spec: specs.GeneralizedDice) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array, weights: jax.Array | None = None) -> jax.Array:
        spec.positions(x.shape)
        w, y, p = factors(spec, weights, x), elementwise(x, targets), _found(x, spec.from_probabilities, True)
        inner = tuple(range(1, x.ndim - 1))
        shares = 1.0 / (jnp.square(jnp.sum(w * y, axis=(0, *inner))) + spec.epsilon)
        common = 2.0 * jnp.sum(p * y, axis=inner) + spec.smooth
        classes = 1.0 - common / (jnp.sum(p, axis=inner) + jnp.sum(y, axis=inner) + spec.smooth)
        return jnp.sum(shares / jnp.sum(shares) * classes, axis=-1)

    return per_position
