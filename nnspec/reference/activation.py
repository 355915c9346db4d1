"""Activations.

Constants are Python numbers, which take the array's dtype. ``np.errstate`` stands only where a value that is not used,
or one that rightly rounds to infinity or to a limit, overflows on the way.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from nnspec.layers import activation as specs
from nnspec.reference.base import Array, Scope, apply

SELU_SCALE = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772


def sigmoid(x: Array) -> Array:
    """1 / (1 + e⁻ˣ), from e^(−|x|), which cannot overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def softplus(x: Array) -> Array:
    """ln(1 + eˣ), from e^(−|x|), which cannot overflow."""
    y: Array = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return y


def log_softmax(x: Array, axis: int = -1) -> Array:
    """x − ln Σ eˣ, with the maximum taken off first."""
    with np.errstate(over="ignore"):  # the distance of two huge numbers
        shifted = x - x.max(axis, keepdims=True)
    y: Array = shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))
    return y


def _exponential_linear(x: Array, alpha: float) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


@apply.register(specs.CELU)
def _celu(spec: specs.CELU, scope: Scope, x: Array) -> Array:
    with np.errstate(over="ignore"):  # x / alpha to −∞, where the exponential is 0
        return np.where(x > 0, x, spec.alpha * np.expm1(np.minimum(x, 0) / spec.alpha))


@apply.register(specs.ELU)
def _elu(spec: specs.ELU, scope: Scope, x: Array) -> Array:
    return _exponential_linear(x, spec.alpha)


@apply.register(specs.Exponential)
def _exponential(spec: specs.Exponential, scope: Scope, x: Array) -> Array:
    with np.errstate(over="ignore"):
        y: Array = np.exp(x)
    return y


@apply.register(specs.GELU)
def _gelu(spec: specs.GELU, scope: Scope, x: Array) -> Array:
    y: Array
    if not spec.approximate:
        y = x * ndtr(x)
        return y
    with np.errstate(over="ignore"):  # x³ to ±∞, where tanh is ±1
        y = x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return y


@apply.register(specs.GLU)
def _glu(spec: specs.GLU, scope: Scope, x: Array) -> Array:
    a, b = np.split(x, 2, spec.axis)
    return a * sigmoid(b)


@apply.register(specs.HardShrink)
def _hard_shrink(spec: specs.HardShrink, scope: Scope, x: Array) -> Array:
    return np.where(np.abs(x) <= spec.threshold, 0, x)


def _hard_sigmoid_relu6(x: Array) -> Array:
    y: Array = np.clip(x + 3, 0, 6) / 6
    return y


@apply.register(specs.HardSigmoid)
def _hard_sigmoid(spec: specs.HardSigmoid, scope: Scope, x: Array) -> Array:
    return np.clip(0.2 * x + 0.5, 0, 1) if spec.convention == "keras2" else _hard_sigmoid_relu6(x)


@apply.register(specs.HardSilu)
def _hard_silu(spec: specs.HardSilu, scope: Scope, x: Array) -> Array:
    return x * _hard_sigmoid_relu6(x)


@apply.register(specs.HardTanh)
def _hard_tanh(spec: specs.HardTanh, scope: Scope, x: Array) -> Array:
    return np.clip(x, -1, 1)


@apply.register(specs.Identity)
def _identity(spec: specs.Identity, scope: Scope, x: Array) -> Array:
    return x


@apply.register(specs.LeakyReLU)
def _leaky_relu(spec: specs.LeakyReLU, scope: Scope, x: Array) -> Array:
    return np.where(x > 0, x, spec.negative_slope * x)


@apply.register(specs.LogSigmoid)
def _log_sigmoid(spec: specs.LogSigmoid, scope: Scope, x: Array) -> Array:
    return -softplus(-x)


@apply.register(specs.LogSoftmax)
def _log_softmax(spec: specs.LogSoftmax, scope: Scope, x: Array) -> Array:
    return log_softmax(x, spec.axis)


@apply.register(specs.Mish)
def _mish(spec: specs.Mish, scope: Scope, x: Array) -> Array:
    return x * np.tanh(softplus(x))


@apply.register(specs.ReLU)
def _relu(spec: specs.ReLU, scope: Scope, x: Array) -> Array:
    y = np.where(x > spec.threshold, x, spec.negative_slope * (x - spec.threshold))
    return y if spec.max_value is None else np.minimum(y, spec.max_value)


@apply.register(specs.ReLU6)
def _relu6(spec: specs.ReLU6, scope: Scope, x: Array) -> Array:
    return np.clip(x, 0, 6)


@apply.register(specs.SELU)
def _selu(spec: specs.SELU, scope: Scope, x: Array) -> Array:
    return SELU_SCALE * _exponential_linear(x, SELU_ALPHA)


@apply.register(specs.Sigmoid)
def _sigmoid(spec: specs.Sigmoid, scope: Scope, x: Array) -> Array:
    return sigmoid(x)


@apply.register(specs.Silu)
def _silu(spec: specs.Silu, scope: Scope, x: Array) -> Array:
    return x * sigmoid(x)


@apply.register(specs.SoftShrink)
def _soft_shrink(spec: specs.SoftShrink, scope: Scope, x: Array) -> Array:
    return np.where(np.abs(x) <= spec.threshold, 0, np.where(x > 0, x - spec.threshold, x + spec.threshold))


@apply.register(specs.SoftSign)
def _soft_sign(spec: specs.SoftSign, scope: Scope, x: Array) -> Array:
    y: Array = x / (1 + np.abs(x))
    return y


@apply.register(specs.Softmax)
def _softmax(spec: specs.Softmax, scope: Scope, x: Array) -> Array:
    with np.errstate(over="ignore"):  # the distance of two huge numbers
        e = np.exp(x - x.max(spec.axis, keepdims=True))
    y: Array = e / e.sum(spec.axis, keepdims=True)
    return y


@apply.register(specs.Softplus)
def _softplus(spec: specs.Softplus, scope: Scope, x: Array) -> Array:
    return softplus(x)


@apply.register(specs.SparsePlus)
def _sparse_plus(spec: specs.SparsePlus, scope: Scope, x: Array) -> Array:
    return np.where(x >= 1, x, (np.clip(x, -1, 1) + 1) ** 2 / 4)


@apply.register(specs.SparseSigmoid)
def _sparse_sigmoid(spec: specs.SparseSigmoid, scope: Scope, x: Array) -> Array:
    return np.clip((x + 1) / 2, 0, 1)


@apply.register(specs.Sparsemax)
def _sparsemax(spec: specs.Sparsemax, scope: Scope, x: Array) -> Array:
    return sparsemax(x, spec.axis)


def sparsemax(x: Array, axis: int = -1) -> Array:
    """The distribution nearest to x along an axis."""
    z = np.moveaxis(x, axis, -1)
    with np.errstate(over="ignore"):  # far below the maximum, hence off the support
        z = z - z.max(-1, keepdims=True)
        descending = -np.sort(-z, axis=-1)
        sums = np.cumsum(descending, axis=-1, dtype=x.dtype)
        # The support is the largest k with 1 + k · z₍ₖ₎ > z₍₁₎ + … + z₍ₖ₎.
        counts = np.arange(1, z.shape[-1] + 1, dtype=x.dtype)
        support = np.sum(1 + counts * descending > sums, axis=-1, keepdims=True)
        support = np.maximum(support, 1)  # the largest is in it, be it NaN
    tau = (np.take_along_axis(sums, support - 1, -1) - 1) / support.astype(x.dtype)
    return np.moveaxis(np.maximum(z - tau, 0), -1, axis)


@apply.register(specs.Squareplus)
def _squareplus(spec: specs.Squareplus, scope: Scope, x: Array) -> Array:
    return x / 2 + np.hypot(x, math.sqrt(spec.b)) / 2  # √(x² + b) without overflow


@apply.register(specs.Standardize)
def _standardize(spec: specs.Standardize, scope: Scope, x: Array) -> Array:
    mean, variance = x.mean(spec.axis, keepdims=True), x.var(spec.axis, keepdims=True)
    y: Array = (x - mean) / np.sqrt(variance + spec.epsilon)
    return y


@apply.register(specs.Tanh)
def _tanh(spec: specs.Tanh, scope: Scope, x: Array) -> Array:
    return np.tanh(x)


@apply.register(specs.TanhShrink)
def _tanh_shrink(spec: specs.TanhShrink, scope: Scope, x: Array) -> Array:
    return x - np.tanh(x)


@apply.register(specs.Threshold)
def _threshold(spec: specs.Threshold, scope: Scope, x: Array) -> Array:
    return np.where(x <= spec.threshold, spec.value, x)


@apply.register(specs.PReLU)
def _prelu(spec: specs.PReLU, scope: Scope, x: Array) -> Array:
    return np.where(x > 0, x, scope["slope"] * x)
