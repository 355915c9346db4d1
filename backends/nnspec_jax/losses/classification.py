"""Losses of classes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from nnspec.losses import classification as specs
from nnspec.losses.base import Loss, of_classes
from nnspec_jax.activation import clip, softplus
from nnspec_jax.losses.base import PerPosition, class_weights, distribution, elementwise, realizing


def _dot(y: jax.Array, logs: jax.Array) -> jax.Array:
    """Σ y · logs along the last axis, where 0 · anything is 0."""
    return jnp.sum(jnp.where(y == 0, 0.0, y * jnp.where(y == 0, 0.0, logs)), axis=-1)


def _smoothed(spec: Any, y: jax.Array, outcomes: int) -> jax.Array:
    """Targets of which a share is spread over all outcomes."""
    return y * (1.0 - spec.label_smoothing) + spec.label_smoothing / outcomes if spec.label_smoothing else y


def _by_class(spec: Loss, x: jax.Array, y: jax.Array) -> jax.Array:
    """The targets times the weights of their classes."""
    weights = class_weights(spec, x)
    return y if weights is None else y * weights


def _normalized(spec: Any, p: jax.Array) -> jax.Array:
    """Probabilities that sum to 1, and are clipped."""
    return clip(p / p.sum(-1, keepdims=True), spec.epsilon, 1.0 - spec.epsilon)


def _logs(spec: Any, x: jax.Array, y: jax.Array) -> jax.Array:
    """The logarithms of the classes' probabilities, 0 where the target is 0."""
    logs = jnp.log(_normalized(spec, x)) if spec.from_probabilities else jax.nn.log_softmax(x, axis=-1)
    return jnp.where(y == 0, 0.0, logs)


@realizing(specs.SoftmaxCrossEntropy)
def _softmax_cross_entropy(spec: specs.SoftmaxCrossEntropy) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        y = _smoothed(spec, distribution(x, targets), x.shape[-1])
        y = _by_class(spec, x, y)
        if not spec.from_probabilities:
            return -_dot(y, jax.nn.log_softmax(x, axis=-1))
        return -_dot(y, jnp.log(_normalized(spec, x)))

    return per_position


def _binary_entropy(
    spec: specs.BinaryCrossEntropy | specs.BinaryFocalCrossEntropy, x: jax.Array, y: jax.Array
) -> jax.Array:
    if not spec.from_probabilities:
        return softplus(x) - x * y
    q = clip(x, spec.epsilon, 1.0 - spec.epsilon)
    return -y * jnp.log(q) - (1.0 - y) * jnp.log1p(-q)


@realizing(specs.BinaryCrossEntropy)
def _binary_cross_entropy(spec: specs.BinaryCrossEntropy) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        y = _smoothed(spec, elementwise(x, targets), 2)
        if spec.pos_weight is None:
            return _binary_entropy(spec, x, y)
        weight = spec.pos_weight
        if isinstance(weight, tuple):
            weight = jnp.asarray(of_classes("pos_weight", weight, x.shape[-1]), x.dtype)
        if not spec.from_probabilities:  # softplus(x) − x·y would cancel
            return weight * y * softplus(-x) + (1.0 - y) * softplus(x)
        q = clip(x, spec.epsilon, 1.0 - spec.epsilon)
        return -weight * y * jnp.log(q) - (1.0 - y) * jnp.log1p(-q)

    return per_position


@realizing(specs.KLDivergence)
def _kl_divergence(spec: specs.KLDivergence) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        y, own = _measure(elementwise(x, targets), spec.log_targets)
        logs = jnp.log(clip(x, spec.epsilon, 1.0)) if spec.from_probabilities else jax.nn.log_softmax(x, axis=-1)
        return _dot(y, own - logs)

    return per_position


def _measure(given: jax.Array, logarithms: bool) -> tuple[jax.Array, jax.Array]:
    """y and ln y, any number where y is 0, from one of them."""
    return (jnp.exp(given), given) if logarithms else (given, jnp.log(jnp.where(given == 0, 1.0, given)))


@realizing(specs.GeneralizedKLDivergence)
def _generalized_kl_divergence(spec: specs.GeneralizedKLDivergence) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        y, own = _measure(elementwise(x, targets), False)
        q = jnp.exp(x) if spec.log_input else jnp.where(x <= spec.epsilon, spec.epsilon, x)
        return _dot(y, own - (x if spec.log_input else jnp.log(q))) + jnp.sum(q - y, axis=-1)

    return per_position


@realizing(specs.NegativeLogLikelihood)
def _negative_log_likelihood(spec: specs.NegativeLogLikelihood) -> PerPosition:
    return lambda x, targets: -_dot(_by_class(spec, x, distribution(x, targets)), x)


def _power(base: jax.Array, exponent: float) -> jax.Array:
    """base^exponent for base ≥ 0; at 0 the derivative is 0, too."""
    if not exponent:
        return jnp.ones_like(base)
    zero = base <= 0
    return jnp.where(zero, 0.0, jnp.power(jnp.where(zero, 1.0, base), exponent))


@realizing(specs.CategoricalFocalCrossEntropy)
def _categorical_focal(spec: specs.CategoricalFocalCrossEntropy) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        y = _smoothed(spec, distribution(x, targets), x.shape[-1])
        logs = _logs(spec, x, y)
        return -_dot(_by_class(spec, x, y), _power(-jnp.expm1(logs), spec.gamma) * logs)

    return per_position


@realizing(specs.BinaryFocalCrossEntropy)
def _binary_focal(spec: specs.BinaryFocalCrossEntropy) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        y = _smoothed(spec, elementwise(x, targets), 2)
        if spec.from_probabilities:
            q = clip(x, spec.epsilon, 1.0 - spec.epsilon)
            rest = y * (1.0 - q) + (1.0 - y) * q
        else:
            rest = y * jax.nn.sigmoid(-x) + (1.0 - y) * jax.nn.sigmoid(x)
        value = _power(rest, spec.gamma) * _binary_entropy(spec, x, y)
        return value if spec.alpha is None else (spec.alpha * y + (1.0 - spec.alpha) * (1.0 - y)) * value

    return per_position


@realizing(specs.PolyCrossEntropy)
def _poly_cross_entropy(spec: specs.PolyCrossEntropy) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        y = _smoothed(spec, distribution(x, targets), x.shape[-1])
        logs = _logs(spec, x, y)
        return -_dot(_by_class(spec, x, y), logs + spec.epsilon1 * jnp.expm1(logs))

    return per_position


@realizing(specs.GeneralizedCrossEntropy)
def _generalized_cross_entropy(spec: specs.GeneralizedCrossEntropy) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        y = distribution(x, targets)
        return -_dot(_by_class(spec, x, y), jnp.expm1(spec.q * _logs(spec, x, y)) / spec.q)

    return per_position
