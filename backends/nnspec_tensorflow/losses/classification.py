"""Losses of classes.

TensorFlow's fused cross-entropy kernels are not used: their gradient p − y is wrong where Σy ≠ 1.
"""

from __future__ import annotations

from nnspec.losses import classification as specs
from nnspec_tensorflow.activation import clamp, constant
from nnspec_tensorflow.losses.base import Tensor, distribution, elementwise, loss
from nnspec_tensorflow.startup import tf


def _dot(y: Tensor, logs: Tensor) -> Tensor:
    """Σ y · ln q along the last axis, where 0 · ln q is 0 for any q."""
    zero = tf.zeros_like(y)
    return tf.reduce_sum(tf.where(y == 0, zero, y * tf.where(y == 0, zero, logs)), axis=-1)


@loss.register
def _softmax_cross_entropy(spec: specs.SoftmaxCrossEntropy, x: Tensor, targets: Tensor) -> Tensor:
    y = distribution(x, targets)
    y = y * constant(1 - spec.label_smoothing, x) + constant(spec.label_smoothing / x.shape[-1], x)
    if not spec.from_probabilities:
        return -_dot(y, _log_softmax(x))
    q = clamp(x / tf.reduce_sum(x, axis=-1, keepdims=True), spec.epsilon, 1 - spec.epsilon)
    return -_dot(y, tf.math.log(q))


@loss.register
def _binary_cross_entropy(spec: specs.BinaryCrossEntropy, x: Tensor, targets: Tensor) -> Tensor:
    y = elementwise(x, targets) * constant(1 - spec.label_smoothing, x) + constant(spec.label_smoothing / 2, x)
    if not spec.from_probabilities:
        # max(x, 0) + ln(1 + e^(−|x|)) is softplus, whose derivative σ(x) has no kink to get wrong.
        return tf.math.softplus(x) - x * y
    q = clamp(x, spec.epsilon, 1 - spec.epsilon)
    return -y * tf.math.log(q) - (1 - y) * tf.math.log(1 - q)


@loss.register
def _kl_divergence(spec: specs.KLDivergence, x: Tensor, targets: Tensor) -> Tensor:
    y = elementwise(x, targets)
    logs = tf.math.log(clamp(x, spec.epsilon, 1.0)) if spec.from_probabilities else _log_softmax(x)
    return _dot(y, tf.math.log(tf.where(y == 0, tf.ones_like(y), y)) - logs)


def _log_softmax(x: Tensor) -> Tensor:
    return tf.nn.log_softmax(x, axis=-1)
