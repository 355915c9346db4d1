"""Losses of classes.

TensorFlow's fused cross-entropy kernels are not used: their gradient p − y is wrong where Σy ≠ 1.
"""

from __future__ import annotations

from typing import Any

from nnspec.losses import classification as specs
from nnspec.losses.base import Loss, of_classes
from nnspec_tensorflow.activation import clamp, constant
from nnspec_tensorflow.losses.base import Tensor, class_weights, distribution, elementwise, loss
from nnspec_tensorflow.startup import tf


def _dot(y: Tensor, logs: Tensor) -> Tensor:
    """Σ y · ln q along the last axis, where 0 · ln q is 0 for any q."""
    zero = tf.zeros_like(y)
    return tf.reduce_sum(tf.where(y == 0, zero, y * tf.where(y == 0, zero, logs)), axis=-1)


def _smoothed(spec: Any, y: Tensor, outcomes: int) -> Tensor:
    """Targets of which a share is spread over all outcomes."""
    return y * constant(1 - spec.label_smoothing, y) + constant(spec.label_smoothing / outcomes, y)


def _by_class(spec: Loss, x: Tensor, y: Tensor) -> Tensor:
    """The targets times the weights of their classes."""
    weights = class_weights(spec, x)
    return y if weights is None else y * weights


def _normalized(spec: Any, p: Tensor) -> Tensor:
    """Probabilities that sum to 1, and are clipped."""
    return clamp(p / tf.reduce_sum(p, axis=-1, keepdims=True), spec.epsilon, 1 - spec.epsilon)


def _logs(spec: Any, x: Tensor, y: Tensor) -> Tensor:
    """The logarithms of the classes' probabilities, 0 where the target is 0."""
    logs = tf.math.log(_normalized(spec, x)) if spec.from_probabilities else _log_softmax(x)
    return tf.where(y == 0, tf.zeros_like(logs), logs)


@loss.register
def _softmax_cross_entropy(spec: specs.SoftmaxCrossEntropy, x: Tensor, targets: Tensor) -> Tensor:
    y = _smoothed(spec, distribution(x, targets), x.shape[-1])
    y = _by_class(spec, x, y)
    if not spec.from_probabilities:
        return -_dot(y, _log_softmax(x))
    return -_dot(y, tf.math.log(_normalized(spec, x)))


def _binary_entropy(spec: specs.BinaryCrossEntropy | specs.BinaryFocalCrossEntropy, x: Tensor, y: Tensor) -> Tensor:
    if not spec.from_probabilities:
        # max(x, 0) + ln(1 + e^(−|x|)) is softplus, whose derivative σ(x) has no kink to get wrong.
        return tf.math.softplus(x) - x * y
    q = clamp(x, spec.epsilon, 1 - spec.epsilon)
    return -y * tf.math.log(q) - (1 - y) * tf.math.log(1 - q)


@loss.register
def _binary_cross_entropy(spec: specs.BinaryCrossEntropy, x: Tensor, targets: Tensor) -> Tensor:
    y = _smoothed(spec, elementwise(x, targets), 2)
    if spec.pos_weight is None:
        return _binary_entropy(spec, x, y)
    weight = spec.pos_weight
    weight = tf.constant(
        of_classes("pos_weight", weight, x.shape[-1]) if isinstance(weight, tuple) else weight, x.dtype
    )
    if not spec.from_probabilities:  # softplus(x) − x·y would cancel
        return weight * y * tf.math.softplus(-x) + (1 - y) * tf.math.softplus(x)
    q = clamp(x, spec.epsilon, 1 - spec.epsilon)
    return -weight * y * tf.math.log(q) - (1 - y) * tf.math.log(1 - q)


@loss.register
def _kl_divergence(spec: specs.KLDivergence, x: Tensor, targets: Tensor) -> Tensor:
    y, own = _measure(elementwise(x, targets), spec.log_targets)
    logs = tf.math.log(clamp(x, spec.epsilon, 1.0)) if spec.from_probabilities else _log_softmax(x)
    return _dot(y, own - logs)


def _measure(given: Tensor, logarithms: bool) -> tuple[Tensor, Tensor]:
    """y and ln y, any number where y is 0, from one of them."""
    if logarithms:
        return tf.exp(given), given
    return given, tf.math.log(tf.where(given == 0, tf.ones_like(given), given))


@loss.register
def _generalized_kl_divergence(spec: specs.GeneralizedKLDivergence, x: Tensor, targets: Tensor) -> Tensor:
    y, own = _measure(elementwise(x, targets), False)
    bound = constant(spec.epsilon, x)
    q = tf.exp(x) if spec.log_input else tf.where(x <= bound, bound, x)
    return _dot(y, own - (x if spec.log_input else tf.math.log(q))) + tf.reduce_sum(q - y, axis=-1)


def _log_softmax(x: Tensor) -> Tensor:
    return tf.nn.log_softmax(x, axis=-1)


@loss.register
def _negative_log_likelihood(spec: specs.NegativeLogLikelihood, x: Tensor, targets: Tensor) -> Tensor:
    return -_dot(_by_class(spec, x, distribution(x, targets)), x)


def _power(base: Tensor, exponent: float) -> Tensor:
    """base^exponent for base ≥ 0; at 0 the derivative is 0, too."""
    if not exponent:
        return tf.ones_like(base)
    zero = base <= 0
    return tf.where(
        zero, tf.zeros_like(base), tf.pow(tf.where(zero, tf.ones_like(base), base), constant(exponent, base))
    )


@loss.register
def _categorical_focal(spec: specs.CategoricalFocalCrossEntropy, x: Tensor, targets: Tensor) -> Tensor:
    y = _smoothed(spec, distribution(x, targets), x.shape[-1])
    logs = _logs(spec, x, y)
    return -_dot(_by_class(spec, x, y), _power(-tf.math.expm1(logs), spec.gamma) * logs)


@loss.register
def _binary_focal(spec: specs.BinaryFocalCrossEntropy, x: Tensor, targets: Tensor) -> Tensor:
    y = _smoothed(spec, elementwise(x, targets), 2)
    if spec.from_probabilities:
        q = clamp(x, spec.epsilon, 1 - spec.epsilon)
        rest = y * (1 - q) + (1 - y) * q
    else:
        rest = y * tf.sigmoid(-x) + (1 - y) * tf.sigmoid(x)
    value = _power(rest, spec.gamma) * _binary_entropy(spec, x, y)
    if spec.alpha is None:
        return value
    return (constant(spec.alpha, x) * y + constant(1 - spec.alpha, x) * (1 - y)) * value


@loss.register
def _poly_cross_entropy(spec: specs.PolyCrossEntropy, x: Tensor, targets: Tensor) -> Tensor:
    y = _smoothed(spec, distribution(x, targets), x.shape[-1])
    logs = _logs(spec, x, y)
    return -_dot(_by_class(spec, x, y), logs + constant(spec.epsilon1, x) * tf.math.expm1(logs))


@loss.register
def _generalized_cross_entropy(spec: specs.GeneralizedCrossEntropy, x: Tensor, targets: Tensor) -> Tensor:
    y, q = distribution(x, targets), constant(spec.q, x)
    return -_dot(_by_class(spec, x, y), tf.math.expm1(q * _logs(spec, x, y)) / q)
