"""Weighted means: functions of the value at every position."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from nnspec import losses
from nnspec.metrics import Sums, means as specs
from nnspec_jax.losses import elementwise, weighted
from nnspec_jax.metrics.base import labels, probabilities, summing
from nnspec_jax.realize import build


def _value(*classes: Any) -> Callable[[Callable[[Any, jax.Array, jax.Array], jax.Array]], Any]:
    """Register the per-position function (spec, outputs, targets) of classes of metrics."""

    def register(value: Callable[[Any, jax.Array, jax.Array], jax.Array]) -> Any:
        def sums(spec: Any, x: jax.Array, targets: jax.Array, weights: jax.Array | None) -> Sums:
            return weighted(value(spec, x, targets).astype(x.dtype), weights)

        summing(*classes)(sums)
        return value

    return register


@_value(specs.Accuracy)
def _accuracy(spec: specs.Accuracy, x: jax.Array, targets: jax.Array) -> jax.Array:
    return jnp.argmax(x, axis=-1) == labels(x, targets)


@_value(specs.TopKAccuracy)
def _top_k_accuracy(spec: specs.TopKAccuracy, x: jax.Array, targets: jax.Array) -> jax.Array:
    label = labels(x, targets)[..., None]
    own = jnp.take_along_axis(x, label, axis=-1)
    ahead = (x > own) | ((x == own) & (jnp.arange(x.shape[-1], dtype=label.dtype) < label))
    return jnp.sum(ahead, axis=-1) < spec.k


@_value(specs.BinaryAccuracy)
def _binary_accuracy(spec: specs.BinaryAccuracy, x: jax.Array, targets: jax.Array) -> jax.Array:
    return (probabilities(spec, x) > spec.threshold) == (elementwise(x, targets) > 0.5)


@_value(specs.MSE, specs.RMSE)
def _squared_error(spec: specs.MSE | specs.RMSE, x: jax.Array, targets: jax.Array) -> jax.Array:
    return jnp.square(x - elementwise(x, targets))


@_value(specs.MAE)
def _absolute_error(spec: specs.MAE, x: jax.Array, targets: jax.Array) -> jax.Array:
    return jnp.abs(x - elementwise(x, targets))


@_value(specs.MAPE)
def _absolute_percentage_error(spec: specs.MAPE, x: jax.Array, targets: jax.Array) -> jax.Array:
    return _like(losses.MeanAbsolutePercentageError(spec.epsilon), x, targets)


@_value(specs.MSLE)
def _squared_logarithmic_error(spec: specs.MSLE, x: jax.Array, targets: jax.Array) -> jax.Array:
    return _like(losses.MeanSquaredLogarithmicError(spec.epsilon), x, targets)


@_value(specs.CosineSimilarity)
def _cosine_similarity(spec: specs.CosineSimilarity, x: jax.Array, targets: jax.Array) -> jax.Array:
    return -_like(losses.CosineDistance("negative", spec.epsilon), x, targets)


@_value(specs.Perplexity)
def _cross_entropy(spec: specs.Perplexity, x: jax.Array, targets: jax.Array) -> jax.Array:
    entropy = losses.SoftmaxCrossEntropy(from_probabilities=spec.from_probabilities, epsilon=spec.epsilon)
    return _like(entropy, x, targets)


def _like(loss: losses.Loss, x: jax.Array, targets: jax.Array) -> jax.Array:
    """A loss at every position."""
    found: jax.Array = build(loss).per_position(x, targets)
    return found
