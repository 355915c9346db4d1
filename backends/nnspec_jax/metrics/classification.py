"""Metrics of decisions: weights of hits, targets and outputs of each class."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from nnspec.metrics import Sums, classification as specs
from nnspec_jax.losses import elementwise, one_hot
from nnspec_jax.metrics.base import labels, probabilities, summing, weights_of
from nnspec_jax.realize import HIGHEST


def _elements(spec: Any, x: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
    """For each element whether it is positive, and whether it was decided to be."""
    return elementwise(x, targets) > 0.5, probabilities(spec, x) > spec.threshold


@summing(specs.Precision, specs.Recall, specs.FBeta, specs.Specificity)
def _scores(spec: Any, x: jax.Array, targets: jax.Array, weights: jax.Array | None) -> Sums:
    if spec.threshold is None:
        t, o = one_hot(x, labels(x, targets)), one_hot(x, jnp.argmax(x, axis=-1))
        w = weights_of(weights, x.shape[:-1], x.dtype)[..., None]
    else:
        t, o = _elements(spec, x, targets)
        w = weights_of(weights, x.shape, x.dtype)
    rows = x.shape[-1] if x.ndim > 1 else 1
    return tuple((w * each).reshape(-1, rows).sum(0) for each in (t & o, t, o, jnp.ones_like(t)))


def _decided(
    spec: Any, x: jax.Array, targets: jax.Array, weights: jax.Array | None
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The target's class, the class that was decided for, and the weight of all positions, each as a vector."""
    if spec.threshold is None:
        t, o = labels(x, targets), jnp.argmax(x, axis=-1)
    else:
        t, o = _elements(spec, x, targets)
    w = weights_of(weights, t.shape, x.dtype)
    return t.astype(jnp.int32).ravel(), o.astype(jnp.int32).ravel(), w.ravel()


def _of_class(ids: jax.Array, w: jax.Array, classes: int) -> jax.Array:
    """The weight of each class."""
    return jnp.sum(jnp.where(ids[:, None] == jnp.arange(classes), w[:, None], 0.0), axis=0)


@summing(specs.BalancedAccuracy, specs.MeanIoU, specs.MatthewsCorrelation)
def _agreement(spec: Any, x: jax.Array, targets: jax.Array, weights: jax.Array | None) -> Sums:
    t, o, w = _decided(spec, x, targets, weights)
    classes = spec.classes(x.shape)
    hits = jnp.where(t == o, w, 0.0)
    return _of_class(t, hits, classes), _of_class(t, w, classes), _of_class(o, w, classes)


@summing(specs.CohenKappa)
def _cohen_kappa(spec: specs.CohenKappa, x: jax.Array, targets: jax.Array, weights: jax.Array | None) -> Sums:
    t, o, w = _decided(spec, x, targets, weights)
    classes = spec.classes(x.shape)
    return jnp.sum(w * spec.distance(t, o)), _of_class(t, w, classes), _of_class(o, w, classes)


@summing(specs.ConfusionMatrix)
def _confusion_matrix(spec: specs.ConfusionMatrix, x: jax.Array, targets: jax.Array, weights: jax.Array | None) -> Sums:
    t, o, w = _decided(spec, x, targets, weights)
    ids = jnp.arange(spec.classes(x.shape))
    rows, columns = jnp.where(t[:, None] == ids, w[:, None], 0.0), (o[:, None] == ids).astype(w.dtype)
    return (jnp.matmul(rows.T, columns, precision=HIGHEST),)
