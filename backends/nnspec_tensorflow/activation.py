"""Activations: Keras's own where they are the spec's to the last derivative, the spec's formulas elsewhere.

Constants take the tensor's dtype (a Python float that passes through ``tf.cast`` is a float32 first). A piece that
could overflow sees its argument only where it is chosen, so that its derivative times zero is not NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import singledispatch
from typing import Any

from nnspec.layers import activation as layers
from nnspec.layers.base import Activation
from nnspec.spec import dump, parse
from nnspec_tensorflow.compilation import island
from nnspec_tensorflow.realize import Context, build, missing, serializable, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

# Specs whose meaning, derivatives at kinks included, is exactly that of a name in ``keras.activations``.
_STOCK: dict[Activation, str] = {
    layers.Exponential(): "exponential",
    layers.Identity(): "linear",
    layers.ReLU(): "relu",
    layers.ReLU6(): "relu6",
    layers.Sigmoid(): "sigmoid",
    layers.Softmax(): "softmax",
    layers.SoftSign(): "softsign",
    layers.Tanh(): "tanh",
}


@serializable
class SpecActivation:
    """An activation of the spec as a callable that Keras can save."""

    def __init__(self, spec: Any) -> None:
        self.spec: Activation = parse("activation", spec)

    def __call__(self, x: Tensor) -> Tensor:
        return value(self.spec, tf.convert_to_tensor(x))

    def get_config(self) -> dict[str, Any]:
        return {"spec": dump(self.spec)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SpecActivation:
        return cls(**config)


def function(spec: Activation) -> str | SpecActivation:
    """What Keras takes as ``activation=``: a name of its own, or the spec's formula."""
    return _STOCK.get(spec) or SpecActivation(spec)


@build.register
def activation(spec: Activation, context: Context) -> keras.layers.Layer:
    stock = _STOCK.get(spec)
    return keras.layers.Activation(stock, **context.options) if stock else SpecLayer(spec, **context.options)


@serializable
class SpecLayer(keras.layers.Layer):
    """An activation of the spec as a layer."""

    def __init__(self, spec: Any, **options: Any) -> None:
        super().__init__(**options)
        self.spec: Activation = parse("activation", spec)

    def call(self, x: Tensor) -> Tensor:
        return value(self.spec, x)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return self.spec.output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spec": dump(self.spec)}


@serializable
class PReLU(keras.layers.Layer):
    """Leaky ReLU with learned slopes. (``keras.layers.PReLU`` has the derivative 0 at 0.)"""

    def __init__(self, size: int, **options: Any) -> None:
        super().__init__(**options)
        self.size = size

    def build(self, input_shape: Any) -> None:
        self.slope = self.add_weight(name="slope", shape=(self.size,), initializer="zeros")

    def call(self, x: Tensor) -> Tensor:
        return tf.where(x > 0, x, tf.convert_to_tensor(self.slope) * _negative(x))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


@build.register
def prelu(spec: layers.PReLU, context: Context) -> keras.layers.Layer:
    (size,) = spec.params(*context.shapes)["slope"].shape
    return PReLU(size, **context.options)


def value(spec: Activation, x: Tensor) -> Tensor:
    """The activation in x's dtype; bfloat16 and float16 are computed in float32 and rounded once."""
    return island(lambda x: tf.cast(apply(spec, tf.cast(x, working(x.dtype.name))), x.dtype))(x)


@singledispatch
def apply(spec: Any, x: Tensor) -> Tensor:
    """The activation's formula, for float32 and float64.

    Raises:
        BackendError: there is none for this class.
    """
    raise missing(spec)


def constant(number: float, like: Tensor) -> Tensor:
    """A constant of a tensor's dtype, rounded once."""
    return tf.constant(number, like.dtype)


def clamp(x: Tensor, low: float, high: float) -> Tensor:
    """min(max(x, low), high) with derivative 0 at both bounds."""
    bottom, top = constant(low, x), constant(high, x)
    return tf.where(x <= bottom, bottom, tf.where(x >= top, top, x))


def _negative(x: Tensor) -> Tensor:
    """x where it is not positive, 0 elsewhere: the argument of pieces that could overflow on the other side."""
    return tf.where(x > 0, tf.zeros_like(x), x)


def _exponential_linear(x: Tensor, alpha: float, width: float = 1.0) -> Tensor:
    return tf.where(x > 0, x, constant(alpha, x) * tf.math.expm1(_negative(x) / constant(width, x)))


def _ramp(x: Tensor, edge: float, between: Tensor) -> Tensor:
    """0 up to −edge, 1 from edge on, both flat; ``between`` elsewhere."""
    return tf.where(
        x <= constant(-edge, x), tf.zeros_like(x), tf.where(x >= constant(edge, x), tf.ones_like(x), between)
    )


apply.register(layers.Exponential, lambda spec, x: tf.exp(x))
apply.register(layers.Identity, lambda spec, x: tf.identity(x))
apply.register(layers.LogSigmoid, lambda spec, x: -tf.math.softplus(-x))
apply.register(layers.LogSoftmax, lambda spec, x: tf.nn.log_softmax(x, axis=spec.axis))
apply.register(layers.Mish, lambda spec, x: x * tf.tanh(tf.math.softplus(x)))
apply.register(layers.Sigmoid, lambda spec, x: tf.sigmoid(x))
apply.register(layers.Silu, lambda spec, x: x * tf.sigmoid(x))
apply.register(layers.Softmax, lambda spec, x: tf.nn.softmax(x, axis=spec.axis))
apply.register(layers.Softplus, lambda spec, x: tf.math.softplus(x))
apply.register(layers.SoftSign, lambda spec, x: tf.nn.softsign(x))
apply.register(layers.Tanh, lambda spec, x: tf.tanh(x))


@apply.register
def _celu(spec: layers.CELU, x: Tensor) -> Tensor:
    return _exponential_linear(x, spec.alpha, spec.alpha)


@apply.register
def _elu(spec: layers.ELU, x: Tensor) -> Tensor:
    return _exponential_linear(x, spec.alpha)


@apply.register
def _gelu(spec: layers.GELU, x: Tensor) -> Tensor:
    if not spec.approximate:
        return x / 2 * tf.math.erfc(x * constant(-math.sqrt(0.5), x))
    z = clamp(x, -30.0, 30.0)  # beyond, the sigmoid is 0 or 1 to the last bit, and the cube of a huge x would overflow
    # (1 + tanh u)/2 is σ(2u), which does not cancel where x is negative.
    return x * tf.sigmoid(constant(2 * math.sqrt(2 / math.pi), x) * (z + constant(0.044715, x) * z * z * z))


@apply.register
def _glu(spec: layers.GLU, x: Tensor) -> Tensor:
    a, b = tf.split(x, 2, axis=spec.axis)
    return a * tf.sigmoid(b)


@apply.register
def _hard_shrink(spec: layers.HardShrink, x: Tensor) -> Tensor:
    return tf.where(tf.abs(x) <= constant(spec.threshold, x), tf.zeros_like(x), x)


@apply.register
def _hard_sigmoid(spec: layers.HardSigmoid, x: Tensor) -> Tensor:
    if spec.convention == "keras2":
        return _ramp(x, 2.5, constant(0.2, x) * x + constant(0.5, x))
    return _ramp(x, 3.0, (x + 3) / 6)


@apply.register
def _hard_silu(spec: layers.HardSilu, x: Tensor) -> Tensor:
    return x * _ramp(x, 3.0, (x + 3) / 6)


@apply.register
def _hard_tanh(spec: layers.HardTanh, x: Tensor) -> Tensor:
    return clamp(x, -1.0, 1.0)


@apply.register
def _leaky_relu(spec: layers.LeakyReLU, x: Tensor) -> Tensor:
    return tf.where(x > 0, x, constant(spec.negative_slope, x) * x)


@apply.register
def _relu(spec: layers.ReLU, x: Tensor) -> Tensor:
    threshold = constant(spec.threshold, x)
    y = tf.where(x > threshold, x, constant(spec.negative_slope, x) * (x - threshold))
    if spec.max_value is None:
        return y
    top = constant(spec.max_value, x)
    return tf.where(y >= top, top, y)


@apply.register
def _relu6(spec: layers.ReLU6, x: Tensor) -> Tensor:
    return clamp(x, 0.0, 6.0)


@apply.register
def _selu(spec: layers.SELU, x: Tensor) -> Tensor:
    return constant(_SELU_SCALE, x) * _exponential_linear(x, _SELU_ALPHA)


@apply.register
def _soft_shrink(spec: layers.SoftShrink, x: Tensor) -> Tensor:
    t = constant(spec.threshold, x)
    return tf.where(tf.abs(x) <= t, tf.zeros_like(x), tf.where(x > 0, x - t, x + t))


@apply.register
def _sparse_plus(spec: layers.SparsePlus, x: Tensor) -> Tensor:
    z = tf.where(x > 1, tf.ones_like(x), x)
    return tf.where(x <= -1, tf.zeros_like(x), tf.where(x > 1, x, tf.square(z + 1) / 4))


@apply.register
def _sparse_sigmoid(spec: layers.SparseSigmoid, x: Tensor) -> Tensor:
    return _ramp(x, 1.0, (x + 1) / 2)


@apply.register
def _sparsemax(spec: layers.Sparsemax, x: Tensor) -> Tensor:
    return onto_simplex(x, spec.axis)


def onto_simplex(x: Tensor, axis: int) -> Tensor:
    """The distribution nearest to x along an axis."""
    z = x - tf.stop_gradient(tf.reduce_max(x, axis=axis, keepdims=True))
    # The support: the largest k with 1 + k · z₍ₖ₎ > z₍₁₎ + … + z₍ₖ₎. On a given support y is linear in x.
    descending = tf.sort(tf.stop_gradient(z), axis=axis, direction="DESCENDING")
    counts = tf.cumsum(tf.ones_like(z), axis=axis)
    reached = 1 + counts * descending > tf.cumsum(descending, axis=axis)
    bound = _mean_excess(descending, reached, axis)
    tau = _mean_excess(z, z > bound, axis)
    y = tf.where((z <= bound) | (z <= tau), tf.zeros_like(z), z - tau)
    # Maxima and comparisons pass over NaN, here and there.
    lost = tf.reduce_any(tf.math.is_nan(x), axis=axis, keepdims=True)
    return tf.where(lost, constant(math.nan, x), y)


def _mean_excess(z: Tensor, chosen: Tensor, axis: int) -> Tensor:
    """(Σ z − 1) / count over the chosen elements."""
    total = tf.reduce_sum(tf.where(chosen, z, tf.zeros_like(z)), axis=axis, keepdims=True)
    return (total - 1) / tf.reduce_sum(tf.cast(chosen, z.dtype), axis=axis, keepdims=True)


@apply.register
def _squareplus(spec: layers.Squareplus, x: Tensor) -> Tensor:
    def root(x: Tensor) -> Tensor:  # √(x² + b) without overflow
        a, c = tf.abs(x), constant(math.sqrt(spec.b), x)
        large, small = tf.maximum(a, c), tf.minimum(a, c)
        return large * tf.sqrt(1 + tf.square(tf.math.divide_no_nan(small, large)))

    @tf.custom_gradient
    def forward(x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        def backward(upstream: Tensor) -> Tensor:
            r = root(x)
            slope = tf.where(r > 0, x / tf.where(r > 0, r, tf.ones_like(r)), -tf.ones_like(r))  # b = 0: the flat piece
            return upstream * (1 + slope) / 2

        return x / 2 + root(x) / 2, backward

    return forward(x)


@apply.register
def _tanh_shrink(spec: layers.TanhShrink, x: Tensor) -> Tensor:
    @tf.custom_gradient
    def forward(x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        # Not 1 − (1 − tanh²), which is off by a rounding of 1 where the derivative is small.
        return x - tf.tanh(x), lambda upstream: upstream * tf.square(tf.tanh(x))

    return forward(x)


@apply.register
def _standardize(spec: layers.Standardize, x: Tensor) -> Tensor:
    centered = x - tf.reduce_mean(x, axis=spec.axis, keepdims=True)
    variance = tf.reduce_mean(tf.square(centered), axis=spec.axis, keepdims=True)
    return centered / tf.sqrt(variance + constant(spec.epsilon, x))


@apply.register
def _threshold(spec: layers.Threshold, x: Tensor) -> Tensor:
    return tf.where(x <= constant(spec.threshold, x), constant(spec.value, x), x)
