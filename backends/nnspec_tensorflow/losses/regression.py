"""Losses of numbers."""

from __future__ import annotations

import math

from nnspec.losses import regression as specs
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.losses.base import Tensor, elementwise, loss
from nnspec_tensorflow.startup import tf


@loss.register
def _mean_squared_error(spec: specs.MeanSquaredError, x: Tensor, targets: Tensor) -> Tensor:
    return tf.square(x - elementwise(x, targets))


@loss.register
def _half_squared_error(spec: specs.HalfSquaredError, x: Tensor, targets: Tensor) -> Tensor:
    return tf.square(x - elementwise(x, targets)) / 2


@loss.register
def _mean_absolute_error(spec: specs.MeanAbsoluteError, x: Tensor, targets: Tensor) -> Tensor:
    return tf.abs(x - elementwise(x, targets))


@loss.register
def _huber(spec: specs.Huber, x: Tensor, targets: Tensor) -> Tensor:
    e, delta = x - elementwise(x, targets), constant(spec.delta, x)
    inside = tf.abs(e) <= delta
    quadratic = tf.square(tf.where(inside, e, delta)) / 2
    return tf.where(inside, quadratic, delta * (tf.abs(e) - delta / 2))


@loss.register
def _log_cosh(spec: specs.LogCosh, x: Tensor, targets: Tensor) -> Tensor:
    e = tf.abs(x - elementwise(x, targets))
    near = tf.math.log1p(2 * tf.square(tf.sinh(tf.where(e <= 1, e, tf.zeros_like(e)) / 2)))  # cosh e − 1, uncancelled
    return tf.where(e <= 1, near, e + tf.math.log1p(tf.exp(-2 * e)) - constant(math.log(2), x))


@loss.register
def _mean_absolute_percentage_error(spec: specs.MeanAbsolutePercentageError, x: Tensor, targets: Tensor) -> Tensor:
    y = elementwise(x, targets)
    return 100 * tf.abs(x - y) / tf.maximum(tf.abs(y), constant(spec.epsilon, x))


@loss.register
def _mean_squared_logarithmic_error(spec: specs.MeanSquaredLogarithmicError, x: Tensor, targets: Tensor) -> Tensor:
    bound = constant(spec.epsilon, x)
    x, y = (tf.math.log1p(tf.where(v <= bound, bound, v)) for v in (x, elementwise(x, targets)))
    return tf.square(x - y)


@loss.register
def _pinball(spec: specs.Pinball, x: Tensor, targets: Tensor) -> Tensor:
    e = elementwise(x, targets) - x
    return tf.where(e >= 0, constant(spec.quantile, x) * e, constant(spec.quantile - 1, x) * e)


def unit(v: Tensor, epsilon: float) -> Tensor:
    """v / max(‖v‖, ε) along the last axis; the norm is a constant up to ε."""
    squares = tf.reduce_sum(tf.square(v), axis=-1, keepdims=True)
    short = squares <= constant(epsilon**2, v)
    return v / tf.where(short, constant(epsilon, v), tf.sqrt(tf.where(short, tf.ones_like(squares), squares)))


@loss.register
def _cosine_distance(spec: specs.CosineDistance, x: Tensor, targets: Tensor) -> Tensor:
    cosine = tf.reduce_sum(unit(x, spec.epsilon) * unit(elementwise(x, targets), spec.epsilon), axis=-1)
    return -cosine if spec.form == "negative" else 1 - cosine


@loss.register
def _poisson_nll(spec: specs.PoissonNLL, x: Tensor, targets: Tensor) -> Tensor:
    y = elementwise(x, targets)
    value = tf.exp(x) - y * x if spec.log_input else x - y * tf.math.log(x + constant(spec.epsilon, x))
    if not spec.full:
        return value
    many = tf.maximum(y, 1)
    stirling = many * tf.math.log(many) - many + tf.math.log(constant(2 * math.pi, x) * many) / 2
    return value + tf.where(y > 1, stirling, tf.zeros_like(y))


@loss.register
def _gaussian_nll(spec: specs.GaussianNLL, x: Tensor, targets: Tensor) -> Tensor:
    features = spec.target_shape(tuple(x.shape))[-1]
    mean, s = x[..., :features], x[..., features:]
    squares = tf.square(mean - elementwise(mean, targets))
    bound = constant(math.log(spec.epsilon) if spec.log_variance else spec.epsilon, x)
    s = tf.where(s <= bound, bound, s)
    value = s + squares * tf.exp(-s) if spec.log_variance else tf.math.log(s) + squares / s
    return value / 2 + constant(math.log(2 * math.pi) / 2 if spec.full else 0.0, x)
