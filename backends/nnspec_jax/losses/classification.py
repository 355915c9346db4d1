"""Losses of classes."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from nnspec.losses import classification as specs
from nnspec_jax.activation import clip, softplus
from nnspec_jax.losses.base import PerPosition, distribution, elementwise, realizing


def _dot(y: jax.Array, logs: jax.Array) -> jax.Array:
    """Σ y · logs along the last axis, where 0 · anything is 0."""
    return jnp.sum(jnp.where(y == 0, 0.0, y * jnp.where(y == 0, 0.0, logs)), axis=-1)


@realizing(specs.SoftmaxCrossEntropy)
def _softmax_cross_entropy(spec: specs.SoftmaxCrossEntropy) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        y = distribution(x, targets)
        if spec.label_smoothing:
            y = y * (1.0 - spec.label_smoothing) + spec.label_smoothing / x.shape[-1]
        if not spec.from_probabilities:
            return -_dot(y, jax.nn.log_softmax(x, axis=-1))
        q = clip(x / x.sum(-1, keepdims=True), spec.epsilon, 1.0 - spec.epsilon)
        return -_dot(y, jnp.log(q))

    return per_position


@realizing(specs.BinaryCrossEntropy)
def _binary_cross_entropy(spec: specs.BinaryCrossEntropy) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        y = elementwise(x, targets) * (1.0 - spec.label_smoothing) + spec.label_smoothing / 2.0
        if not spec.from_probabilities:
            return softplus(x) - x * y
        q = clip(x, spec.epsilon, 1.0 - spec.epsilon)
        return -y * jnp.log(q) - (1.0 - y) * jnp.log1p(-q)

    return per_position


@realizing(specs.KLDivergence)
def _kl_divergence(spec: specs.KLDivergence) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        y = elementwise(x, targets)
        logs = jnp.log(clip(x, spec.epsilon, 1.0)) if spec.from_probabilities else jax.nn.log_softmax(x, axis=-1)
        return _dot(y, jnp.log(jnp.where(y == 0, 1.0, y)) - logs)

    return per_position
