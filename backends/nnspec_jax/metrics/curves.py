"""Areas under curves: weights of positive and negative elements between thresholds."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from nnspec.metrics import Sums, curves as specs
from nnspec_jax.losses import elementwise
from nnspec_jax.metrics.base import probabilities, summing, weights_of


@summing(specs.AUC)
def _auc(spec: specs.AUC, x: jax.Array, targets: jax.Array, weights: jax.Array | None) -> Sums:
    positive = elementwise(x, targets) > 0.5
    place = jnp.ceil(probabilities(spec, x) * spec.buckets) - 1
    bucket = jnp.clip(place, 0, spec.buckets - 1).astype(jnp.int32).ravel()
    w = weights_of(weights, x.shape, x.dtype)
    empty = jnp.zeros(spec.buckets, x.dtype)
    sides = (jnp.where(positive, w, 0.0), jnp.where(positive, 0.0, w))
    return tuple(empty.at[bucket].add(side.ravel(), mode="drop") for side in sides)
