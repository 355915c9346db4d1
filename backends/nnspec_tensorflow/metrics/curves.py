"""Areas under curves: weights of positive and negative elements between thresholds."""

from __future__ import annotations

from typing import Any

from nnspec.metrics import Sums, curves as specs
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.losses import elementwise
from nnspec_tensorflow.metrics.base import probabilities, sums, weights_of
from nnspec_tensorflow.startup import tf

Tensor = Any


@sums.register
def _auc(spec: specs.AUC, x: Tensor, targets: Tensor, weights: Tensor | None) -> Sums:
    positive = elementwise(x, targets) > 0.5
    place = tf.math.ceil(probabilities(spec, x) * constant(spec.buckets, x)) - 1
    bucket = tf.cast(tf.clip_by_value(place, 0, spec.buckets - 1), tf.int32)
    # Positive ones first, negative ones behind them.
    side = tf.where(positive, bucket, bucket + spec.buckets)
    w = tf.reshape(weights_of(weights, x), [-1])
    found = tf.math.unsorted_segment_sum(w, tf.reshape(side, [-1]), 2 * spec.buckets)
    return found[: spec.buckets], found[spec.buckets :]
