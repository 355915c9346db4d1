"""Losses of numbers."""

from __future__ import annotations

import math

import numpy as np

from nnspec.losses import regression as specs
from nnspec.reference.base import Array
from nnspec.reference.losses.base import elementwise, loss


@loss.register(specs.MeanSquaredError)
def _mean_squared_error(spec: specs.MeanSquaredError, x: Array, targets: Array) -> Array:
    return (x - elementwise(x, targets)) ** 2


@loss.register(specs.HalfSquaredError)
def _half_squared_error(spec: specs.HalfSquaredError, x: Array, targets: Array) -> Array:
    e = x - elementwise(x, targets)
    return np.asarray(e * e / 2)


@loss.register(specs.MeanAbsoluteError)
def _mean_absolute_error(spec: specs.MeanAbsoluteError, x: Array, targets: Array) -> Array:
    return np.asarray(np.abs(x - elementwise(x, targets)))


@loss.register(specs.Huber)
def _huber(spec: specs.Huber, x: Array, targets: Array) -> Array:
    e: Array = np.abs(x - elementwise(x, targets))
    return np.where(e <= spec.delta, np.minimum(e, spec.delta) ** 2 / 2, spec.delta * (e - spec.delta / 2))


@loss.register(specs.LogCosh)
def _log_cosh(spec: specs.LogCosh, x: Array, targets: Array) -> Array:
    e: Array = np.abs(x - elementwise(x, targets))
    near = np.log1p(2 * np.sinh(np.minimum(e, 1) / 2) ** 2)  # cosh e − 1 = 2 sinh²(e/2) does not cancel
    return np.asarray(np.where(e <= 1, near, e + np.log1p(np.exp(-2 * e)) - math.log(2)))


@loss.register(specs.MeanAbsolutePercentageError)
def _mean_absolute_percentage_error(spec: specs.MeanAbsolutePercentageError, x: Array, targets: Array) -> Array:
    y = elementwise(x, targets)
    return np.asarray(100 * np.abs(x - y) / np.maximum(np.abs(y), spec.epsilon))


@loss.register(specs.MeanSquaredLogarithmicError)
def _mean_squared_logarithmic_error(spec: specs.MeanSquaredLogarithmicError, x: Array, targets: Array) -> Array:
    y = elementwise(x, targets)
    one, other = (np.log1p(np.maximum(v, spec.epsilon)) for v in (x, y))
    return np.asarray((one - other) ** 2)


@loss.register(specs.Pinball)
def _pinball(spec: specs.Pinball, x: Array, targets: Array) -> Array:
    e = elementwise(x, targets) - x
    return np.maximum(spec.quantile * e, (spec.quantile - 1) * e)


def unit(v: Array, epsilon: float) -> Array:
    """v / max(‖v‖, ε) along the last axis."""
    return np.asarray(v / np.maximum(np.sqrt((v * v).sum(-1, keepdims=True)), epsilon))


@loss.register(specs.CosineDistance)
def _cosine_distance(spec: specs.CosineDistance, x: Array, targets: Array) -> Array:
    cosine: Array = (unit(x, spec.epsilon) * unit(elementwise(x, targets), spec.epsilon)).sum(-1)
    return -cosine if spec.form == "negative" else 1 - cosine


@loss.register(specs.PoissonNLL)
def _poisson_nll(spec: specs.PoissonNLL, x: Array, targets: Array) -> Array:
    y = elementwise(x, targets)
    value = np.exp(x) - y * x if spec.log_input else x - y * np.log(x + spec.epsilon)
    if spec.full:
        many = np.maximum(y, 1)
        value = value + np.where(y > 1, many * np.log(many) - many + np.log(2 * math.pi * many) / 2, 0)
    return np.asarray(value, x.dtype)


@loss.register(specs.GaussianNLL)
def _gaussian_nll(spec: specs.GaussianNLL, x: Array, targets: Array) -> Array:
    features = spec.target_shape(x.shape)[-1] or 0
    mean, s = x[..., :features], x[..., features:]
    squares = (mean - elementwise(mean, targets)) ** 2
    log_variance = np.maximum(s, math.log(spec.epsilon)) if spec.log_variance else np.log(np.maximum(s, spec.epsilon))
    value = (log_variance + squares * np.exp(-log_variance)) / 2
    return np.asarray(value + math.log(2 * math.pi) / 2 if spec.full else value)
