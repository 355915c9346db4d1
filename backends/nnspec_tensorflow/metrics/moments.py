"""Metrics of variances and covariances: sums about the first values of a batch, in float64."""

from __future__ import annotations

from typing import Any

from nnspec.metrics import Sums, moments as specs
from nnspec_tensorflow.losses import elementwise
from nnspec_tensorflow.metrics.base import sums, weights_of
from nnspec_tensorflow.startup import tf

Tensor = Any


@sums.register(specs.R2)
@sums.register(specs.ExplainedVariance)
@sums.register(specs.PearsonCorrelation)
def _moments(spec: Any, x: Tensor, targets: Tensor, weights: Tensor | None) -> Sums:
    size = x.shape[-1] if x.shape.rank > 1 else 1
    w = tf.reshape(weights_of(weights, x), [-1, size])
    outputs, t = (tf.cast(tf.reshape(each, [-1, size]), w.dtype) for each in (x, elementwise(x, targets)))
    # The first of each column that counts, or the first where none does; picked by a sum in which all others are 0.
    count = tf.shape(w)[0]
    rows = tf.range(count)[:, None]
    first = tf.reduce_min(tf.where(w > 0, rows, count), axis=0) % count
    variables = (t, t - outputs if spec.errors else outputs)
    shifts = [tf.reduce_sum(tf.where(rows == first, values, tf.zeros_like(values)), axis=0) for values in variables]
    a, b = (values - shift for values, shift in zip(variables, shifts, strict=True))
    return (
        tf.reduce_sum(w, axis=0),
        *shifts,
        *(tf.reduce_sum(w * d, axis=0) for d in (a, b, a * a, b * b, a * b)),
    )
