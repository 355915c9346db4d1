"""Metrics: functions (outputs, targets, weights) -> (total, count), of sums that add up over batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from nnspec import metrics
from nnspec_jax.losses import elementwise, is_class_ids, weighted
from nnspec_jax.realize import build, widened

Sums = tuple[jax.Array, jax.Array]
Metric = Callable[..., Sums]


def _value(*classes: Any) -> Callable[[Callable[[Any, jax.Array, jax.Array], jax.Array]], Any]:
    """Register the per-position function (spec, outputs, targets) of classes of metrics."""

    def register(value: Callable[[Any, jax.Array, jax.Array], jax.Array]) -> Any:
        def make(spec: Any, *args: Any) -> Metric:
            def metric(outputs: jax.Array, targets: jax.Array, weights: jax.Array | None = None) -> Sums:
                x = widened(outputs)
                return weighted(value(spec, x, targets).astype(x.dtype), weights)

            return metric

        for cls in classes:
            build.register(cls, make)
        return value

    return register


def _labels(x: jax.Array, targets: jax.Array) -> jax.Array:
    """The target's class at every position: the id, or the first of the largest in a distribution."""
    return targets if is_class_ids(x, targets) else jnp.argmax(elementwise(x, targets), axis=-1)


@_value(metrics.Accuracy)
def _accuracy(spec: metrics.Accuracy, x: jax.Array, targets: jax.Array) -> jax.Array:
    return jnp.argmax(x, axis=-1) == _labels(x, targets)


@_value(metrics.TopKAccuracy)
def _top_k_accuracy(spec: metrics.TopKAccuracy, x: jax.Array, targets: jax.Array) -> jax.Array:
    label = _labels(x, targets)[..., None]
    own = jnp.take_along_axis(x, label, axis=-1)
    ahead = (x > own) | ((x == own) & (jnp.arange(x.shape[-1], dtype=label.dtype) < label))
    return jnp.sum(ahead, axis=-1) < spec.k


@_value(metrics.BinaryAccuracy)
def _binary_accuracy(spec: metrics.BinaryAccuracy, x: jax.Array, targets: jax.Array) -> jax.Array:
    p = x if spec.from_probabilities else jax.nn.sigmoid(x)
    return (p > spec.threshold) == (elementwise(x, targets) > 0.5)


@_value(metrics.MSE, metrics.RMSE)
def _squared_error(spec: metrics.MSE | metrics.RMSE, x: jax.Array, targets: jax.Array) -> jax.Array:
    return jnp.square(x - elementwise(x, targets))


@_value(metrics.MAE)
def _absolute_error(spec: metrics.MAE, x: jax.Array, targets: jax.Array) -> jax.Array:
    return jnp.abs(x - elementwise(x, targets))
