"""Activations, and PReLU.

The derivative at every kink is the spec's: conditions are written so that the piece whose derivative holds there is
taken at equality. Where plain differentiation would overflow, divide zero by zero or
cancel, the derivative is given beside the function (``differentiated``). Constants are Python floats, which JAX takes
in the dtype of the array they meet.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx

from nnspec.layers import activation as layers
from nnspec_jax.realize import Context, at_least_float32, build, differentiated_as, rounded_once

Function = Callable[[jax.Array], jax.Array]


def differentiated(function: Function, derivative: Function) -> Function:
    """An elementwise function with its derivative written out."""
    made: jax.custom_jvp[jax.Array] = jax.custom_jvp(function)
    made.defjvp(lambda primals, tangents: (made(*primals), derivative(primals[0]) * tangents[0]))
    return made


def magnitude(x: jax.Array) -> jax.Array:
    """|x| with derivative 0 at 0 (that of ``jnp.abs`` is 1)."""
    return x * jax.lax.stop_gradient(jnp.sign(x))


def clip(x: jax.Array, low: float, high: float | jax.Array) -> jax.Array:
    """x cut to [low, high] with derivative 0 at both bounds (that of ``jnp.clip`` is ½)."""
    form: Function = lambda x: jnp.where(x <= low, low, jnp.where(x >= high, high, x))  # noqa: E731
    if isinstance(high, jax.Array):  # it has a derivative of its own
        return form(x)
    return differentiated_as(form)(lambda x: jnp.clip(x, low, high))(x)


def _softplus(x: jax.Array) -> jax.Array:
    return jnp.maximum(x, 0.0) + jnp.log1p(jnp.exp(-jnp.abs(x)))


softplus = differentiated(_softplus, jax.nn.sigmoid)


def _expm1_below(x: jax.Array, scale: float = 1.0) -> jax.Array:
    """e^(x/scale) − 1 for x ≤ 0; elsewhere 0, so that the piece that is not taken cannot overflow."""
    return jnp.expm1(jnp.where(x > 0, 0.0, x) / scale)


@build.register
def celu(spec: layers.CELU, context: Context) -> Function:
    alpha = spec.alpha
    return rounded_once(
        differentiated(
            lambda x: jnp.where(x > 0, x, alpha * _expm1_below(x, alpha)),
            lambda x: jnp.exp(jnp.where(x > 0, 0.0, x) / alpha),
        )
    )


@build.register
def elu(spec: layers.ELU, context: Context) -> Function:
    return rounded_once(lambda x: jnp.where(x > 0, x, spec.alpha * _expm1_below(x)))


@build.register
def exponential(spec: layers.Exponential, context: Context) -> Function:
    return jnp.exp


def _gelu_tanh(x: jax.Array) -> jax.Array:
    # (1 + tanh(u))/2 = σ(2u), which does not cancel for u ≪ 0. Beyond ±20 it is 0 or 1; without the cut x³ overflows,
    # and its derivative gives 0 · ∞.
    near = jnp.clip(x, -20.0, 20.0)
    return x * jax.nn.sigmoid(2.0 * math.sqrt(2.0 / math.pi) * (near + 0.044715 * near**3))


@build.register
def gelu(spec: layers.GELU, context: Context) -> Function:
    return rounded_once(_gelu_tanh if spec.approximate else partial(jax.nn.gelu, approximate=False))


@build.register
def glu(spec: layers.GLU, context: Context) -> Function:
    return rounded_once(partial(jax.nn.glu, axis=spec.axis))


@build.register
def hard_shrink(spec: layers.HardShrink, context: Context) -> Function:
    return rounded_once(lambda x: jnp.where(jnp.abs(x) <= spec.threshold, 0.0, x))


def _ramp(x: jax.Array, low: float, high: float, line: Function) -> jax.Array:
    """0 up to low, 1 from high on, ``line`` between: decided on x itself, where the bounds are exact."""
    return jnp.where(x <= low, 0.0, jnp.where(x >= high, 1.0, line(x)))


def _hard_sigmoid(x: jax.Array) -> jax.Array:
    return _ramp(x, -3.0, 3.0, lambda x: (x + 3.0) / 6.0)


@build.register
def hard_sigmoid(spec: layers.HardSigmoid, context: Context) -> Function:
    if spec.convention == "keras2":
        return rounded_once(lambda x: _ramp(x, -2.5, 2.5, lambda x: 0.2 * x + 0.5))
    return rounded_once(_hard_sigmoid)


@build.register
def hard_silu(spec: layers.HardSilu, context: Context) -> Function:
    return rounded_once(lambda x: x * _hard_sigmoid(x))


@build.register
def hard_tanh(spec: layers.HardTanh, context: Context) -> Function:
    return lambda x: clip(x, -1.0, 1.0)


@build.register
def identity(spec: layers.Identity, context: Context) -> Function:
    return lambda x: x


@build.register
def leaky_relu(spec: layers.LeakyReLU, context: Context) -> Function:
    return rounded_once(lambda x: jnp.where(x > 0, x, spec.negative_slope * x))


@build.register
def log_sigmoid(spec: layers.LogSigmoid, context: Context) -> Function:
    return rounded_once(lambda x: -softplus(-x))


@build.register
def log_softmax(spec: layers.LogSoftmax, context: Context) -> Function:
    return rounded_once(partial(jax.nn.log_softmax, axis=spec.axis))


@build.register
def mish(spec: layers.Mish, context: Context) -> Function:
    return rounded_once(lambda x: x * jnp.tanh(softplus(x)))


@build.register
def relu(spec: layers.ReLU, context: Context) -> Function:
    slope, threshold, max_value = spec.negative_slope, spec.threshold, spec.max_value

    def rectified(x: jax.Array) -> jax.Array:
        y = jnp.where(x <= threshold, slope * (x - threshold) if slope else 0.0, x)
        return y if max_value is None else jnp.where(y >= max_value, max_value, y)

    if slope or threshold:
        return rounded_once(rectified)

    @differentiated_as(rectified)
    def bounded(x: jax.Array) -> jax.Array:
        y = jnp.maximum(x, 0.0)
        return y if max_value is None else jnp.minimum(y, max_value)

    return rounded_once(bounded)


@build.register
def relu6(spec: layers.ReLU6, context: Context) -> Function:
    return lambda x: clip(x, 0.0, 6.0)


@build.register
def selu(spec: layers.SELU, context: Context) -> Function:
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return rounded_once(lambda x: jnp.where(x > 0, scale * x, (scale * alpha) * _expm1_below(x)))


@build.register
def sigmoid(spec: layers.Sigmoid, context: Context) -> Function:
    return rounded_once(jax.nn.sigmoid)


@build.register
def silu(spec: layers.Silu, context: Context) -> Function:
    return rounded_once(lambda x: x * jax.nn.sigmoid(x))


@build.register
def soft_shrink(spec: layers.SoftShrink, context: Context) -> Function:
    cut = spec.threshold
    return rounded_once(lambda x: jnp.where(jnp.abs(x) <= cut, 0.0, jnp.where(x > 0, x - cut, x + cut)))


@build.register
def soft_sign(spec: layers.SoftSign, context: Context) -> Function:
    return rounded_once(
        differentiated(lambda x: x / (1.0 + jnp.abs(x)), lambda x: jnp.square(1.0 / (1.0 + magnitude(x))))
    )


@build.register
def softmax(spec: layers.Softmax, context: Context) -> Function:
    return rounded_once(partial(jax.nn.softmax, axis=spec.axis))


@build.register(layers.Softplus)
def _(spec: layers.Softplus, context: Context) -> Function:
    return rounded_once(softplus)


@build.register
def sparse_plus(spec: layers.SparsePlus, context: Context) -> Function:
    def parabola(x: jax.Array) -> jax.Array:
        return jnp.square(clip(x, -1.0, 1.0) + 1.0) / 4.0

    return rounded_once(lambda x: jnp.where(x >= 1.0, x, parabola(x)))


@build.register
def sparse_sigmoid(spec: layers.SparseSigmoid, context: Context) -> Function:
    return rounded_once(lambda x: _ramp(x, -1.0, 1.0, lambda x: (x + 1.0) / 2.0))


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def onto_simplex(x: jax.Array, axis: int) -> jax.Array:
    """The distribution nearest to x along an axis."""
    shifted = jnp.moveaxis(x - x.max(axis, keepdims=True), axis, -1)
    falling = -jnp.sort(-shifted, axis=-1)
    ranks = jnp.arange(1, shifted.shape[-1] + 1, dtype=x.dtype)
    sums = jnp.cumsum(falling, axis=-1)
    size = jnp.sum(1.0 + ranks * falling > sums, axis=-1, keepdims=True)
    threshold = (jnp.take_along_axis(sums, size - 1, axis=-1) - 1.0) / size.astype(x.dtype)
    return jnp.moveaxis(jnp.maximum(shifted - threshold, 0.0), -1, axis)


@onto_simplex.defjvp
def _onto_simplex_jvp(axis: int, primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    y = onto_simplex(primals[0], axis)
    support = (y > 0).astype(y.dtype)
    mean = jnp.sum(support * tangents[0], axis, keepdims=True) / jnp.sum(support, axis, keepdims=True)
    return y, support * (tangents[0] - mean)


@build.register
def sparsemax(spec: layers.Sparsemax, context: Context) -> Function:
    return rounded_once(lambda x: onto_simplex(x, spec.axis))


@build.register
def squareplus(spec: layers.Squareplus, context: Context) -> Function:
    b = spec.b

    def root(x: jax.Array) -> jax.Array:
        return jnp.hypot(x, jnp.asarray(math.sqrt(b), x.dtype))  # √(x² + b) without overflow

    def value(x: jax.Array) -> jax.Array:
        # For x < 0 the same number without the cancellation of x + √(x² + b).
        return jnp.where(x < 0, b / (root(x) - jnp.where(x < 0, x, -1.0)), x + root(x)) / 2.0

    def derivative(x: jax.Array) -> jax.Array:
        at_kink = (x == 0) & (b == 0.0)
        return jnp.where(at_kink, 0.0, value(x) / jnp.where(at_kink, 1.0, root(x)))

    return rounded_once(differentiated(value, derivative))


@build.register
def standardize(spec: layers.Standardize, context: Context) -> Function:
    def standardized(x: jax.Array) -> jax.Array:
        centered = x - x.mean(spec.axis, keepdims=True)  # two passes; jax.nn.standardize takes E[x²] − E[x]²
        return centered * jax.lax.rsqrt(jnp.square(centered).mean(spec.axis, keepdims=True) + spec.epsilon)

    return rounded_once(standardized)


@build.register
def tanh(spec: layers.Tanh, context: Context) -> Function:
    return rounded_once(jnp.tanh)


@build.register
def tanh_shrink(spec: layers.TanhShrink, context: Context) -> Function:
    # Not 1 − (1 − tanh²), which is off by a rounding of 1 where the derivative is small.
    return rounded_once(differentiated(lambda x: x - jnp.tanh(x), lambda x: jnp.square(jnp.tanh(x))))


@build.register
def threshold(spec: layers.Threshold, context: Context) -> Function:
    return rounded_once(lambda x: jnp.where(x <= spec.threshold, spec.value, x))


class PReLU(nnx.Module):
    """Leaky ReLU with a learned slope per channel (``nnx.PReLU`` takes slope 1 at 0, the spec the learned one)."""

    def __init__(self, size: int, dtype: jax.typing.DTypeLike) -> None:
        self.slope = nnx.Param(jnp.zeros((size,), dtype))

    def __call__(self, x: jax.Array) -> jax.Array:
        wide = at_least_float32(x.dtype)  # in half precision the slope's gradient is a sum over the batch, too
        slope = self.slope[...].astype(wide)
        return rounded_once(lambda x: jnp.where(x > 0, x, slope * x))(x)


@build.register
def prelu(spec: layers.PReLU, context: Context) -> PReLU:
    return PReLU(1 if spec.shared else context.features, context.dtype)
