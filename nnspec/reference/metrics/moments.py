"""Metrics of variances and covariances: sums about the first values of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.metrics import Sums, moments as specs
from nnspec.reference.base import Array
from nnspec.reference.losses import elementwise
from nnspec.reference.metrics.base import sums, weights_of


@sums.register(specs.R2)
@sums.register(specs.ExplainedVariance)
@sums.register(specs.PearsonCorrelation)
def _moments(spec: Any, x: Array, targets: Array, weights: Any) -> Sums:
    t = elementwise(x, targets)
    other = t - x if spec.errors else x
    size = x.shape[-1] if x.ndim > 1 else 1
    w = weights_of(weights, x.shape, x.dtype).reshape(-1, size)
    first = (w > 0).argmax(0)  # that counts
    apart, shifts = [], []
    for values in (t.reshape(-1, size), other.reshape(-1, size)):
        shifts.append(values[first, np.arange(size)])
        apart.append(values - shifts[-1])
    a, b = apart
    return (w.sum(0), *shifts, *((w * d).sum(0) for d in (a, b, a * a, b * b, a * b)))
