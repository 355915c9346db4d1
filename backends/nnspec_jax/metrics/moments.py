"""Metrics of variances and covariances: sums about the first values of a batch."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from nnspec.metrics import Sums, moments as specs
from nnspec_jax.losses import elementwise
from nnspec_jax.metrics.base import summing, weights_of


@summing(specs.R2, specs.ExplainedVariance, specs.PearsonCorrelation)
def _moments(spec: Any, x: jax.Array, targets: jax.Array, weights: jax.Array | None) -> Sums:
    t = elementwise(x, targets)
    size = x.shape[-1] if x.ndim > 1 else 1
    w = weights_of(weights, x.shape, x.dtype).reshape(-1, size)
    first = jnp.argmax(w > 0, axis=0)[None]  # that counts
    variables = [t.reshape(-1, size), (t - x if spec.errors else x).reshape(-1, size)]
    shifts = [jnp.take_along_axis(values, first, axis=0) for values in variables]
    a, b = (values - shift for values, shift in zip(variables, shifts, strict=True))
    return (w.sum(0), *(shift[0] for shift in shifts), *(jnp.sum(w * d, axis=0) for d in (a, b, a * a, b * b, a * b)))
