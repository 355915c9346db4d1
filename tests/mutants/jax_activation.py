"""Mistakes in what activations become in JAX."""

from __future__ import annotations

from tests.mutants.mutant import planting

_activation = planting("nnspec_jax.activation", "forward", "kinks", "extremes")
_RECTIFIED = "jnp.where(x <= threshold, slope * (x - threshold) if slope else 0.0, x)"
_CAPPED = "jnp.where(y >= max_value, max_value, y)"
_CENTERED = "jnp.square(centered).mean(spec.axis, keepdims=True)"
_MEAN_OF_SQUARES = "(jnp.square(x).mean(spec.axis, keepdims=True) - jnp.square(x.mean(spec.axis, keepdims=True)))"

MUTANTS = [
    _activation(
        "HardTanh",
        "½ at the bounds",
        "differentiated_as(form)(lambda x: jnp.clip(x, low, high))(x)",
        "jnp.clip(x, low, high)",
        "kinks",
    ),
    _activation(
        "ReLU6",
        "½ at the bounds",
        "differentiated_as(form)(lambda x: jnp.clip(x, low, high))(x)",
        "jnp.clip(x, low, high)",
        "kinks",
    ),
    _activation(
        "Softplus",
        "overflows",
        "jnp.maximum(x, 0.0) + jnp.log1p(jnp.exp(-jnp.abs(x)))",
        "jnp.log(1.0 + jnp.exp(x))",
        "extremes",
    ),
    _activation(
        "CELU", "alpha not in the exponent", "alpha * _expm1_below(x, alpha)", "alpha * _expm1_below(x)", hint="alpha"
    ),
    _activation(
        "CELU",
        "alpha in the derivative",
        "jnp.exp(jnp.where(x > 0, 0.0, x) / alpha)",
        "jnp.where(x > 0, 1.0, alpha * jnp.exp(jnp.where(x > 0, 0.0, x) / alpha))",
        "gradients",
        hint="alpha",
    ),
    _activation(
        "ELU",
        "1 at the kink",
        "jnp.where(x > 0, x, spec.alpha * _expm1",
        "jnp.where(x >= 0, x, spec.alpha * _expm1",
        "kinks",
    ),
    _activation(
        "ELU",
        "the other piece overflows",
        "jnp.expm1(jnp.where(x > 0, 0.0, x) / scale)",
        "jnp.expm1(x / scale)",
        "extremes",
    ),
    _activation(
        "GELU", "tanh for erf", "partial(jax.nn.gelu, approximate=False)", "partial(jax.nn.gelu, approximate=True)"
    ),
    _activation(
        "GLU",
        "the axis ignored",
        "partial(jax.nn.glu, axis=spec.axis)",
        "partial(jax.nn.glu, axis=-1)",
        hint="axis=1",
        raises=True,
    ),
    _activation("HardShrink", "1 at the kink", "jnp.abs(x) <= spec.threshold", "jnp.abs(x) < spec.threshold", "kinks"),
    _activation("HardSigmoid", "Keras 3's for Keras 2's", 'spec.convention == "keras2"', "False", hint="keras2"),
    _activation(
        "HardSigmoid",
        "1/6 at the bounds",
        "jnp.where(x <= low, 0.0, jnp.where(x >= high, 1.0, line(x)))",
        "jnp.where(x < low, 0.0, jnp.where(x > high, 1.0, line(x)))",
        "kinks",
    ),
    _activation(
        "HardSilu",
        "3/2 at the bound",
        "x * _hard_sigmoid(x)",
        "x * jnp.where(x <= -3.0, 0.0, jnp.where(x > 3.0, 1.0, (x + 3.0) / 6.0))",
        "kinks",
    ),
    _activation(
        "LeakyReLU",
        "1 at the kink",
        "jnp.where(x > 0, x, spec.negative_slope * x)",
        "jnp.where(x >= 0, x, spec.negative_slope * x)",
        "kinks",
    ),
    _activation(
        "LeakyReLU",
        "slope in float32",
        "spec.negative_slope * x))",
        "jnp.asarray(spec.negative_slope, jnp.float32).astype(x.dtype) * x))",
    ),
    _activation("LogSigmoid", "logarithm of the sigmoid", "-softplus(-x)", "jnp.log(jax.nn.sigmoid(x))", "extremes"),
    _activation(
        "LogSoftmax",
        "logarithm of the softmax",
        "partial(jax.nn.log_softmax, axis=spec.axis)",
        "lambda x: jnp.log(jax.nn.softmax(x, axis=spec.axis))",
        "extremes",
    ),
    _activation(
        "Softmax",
        "the maximum is not taken off",
        "partial(jax.nn.softmax, axis=spec.axis)",
        "lambda x: jnp.exp(x) / jnp.exp(x).sum(spec.axis, keepdims=True)",
        hint="large offset",
    ),
    _activation(
        "Softmax",
        "the axis ignored",
        "partial(jax.nn.softmax, axis=spec.axis)",
        "partial(jax.nn.softmax, axis=-1)",
        hint="axis=1",
    ),
    _activation(
        "Mish",
        "softplus overflows in the gradient",
        "x * jnp.tanh(softplus(x))",
        "x * jnp.tanh(jnp.log1p(jnp.exp(x)))",
        "extremes",
    ),
    _activation("ReLU", "½ at the cap", _CAPPED, "jnp.minimum(y, max_value)", "kinks", hint="max_value"),
    _activation(
        "ReLU",
        "line through zero below the threshold",
        _RECTIFIED,
        _RECTIFIED.replace("(x - threshold)", "x"),
        hint="0.1-max_value=1.0",
    ),
    _activation("ReLU", "1 at the threshold", _RECTIFIED, _RECTIFIED.replace("<=", "<"), "kinks"),
    _activation("ReLU", "½ at zero", _RECTIFIED, "jnp.maximum(x, 0.0)", "kinks"),
    _activation(
        "ReLU",
        "NaN swallowed",
        _RECTIFIED,
        "jnp.where(x > threshold, x, slope * (x - threshold) if slope else 0.0)",
        "NaN",
    ),
    _activation("SELU", "constants rounded", "1.0507009873554805, 1.6732632423543772", "1.0507, 1.67326"),
    _activation("SoftShrink", "1 at the kink", "jnp.abs(x) <= cut", "jnp.abs(x) < cut", "kinks"),
    _activation(
        "Sparsemax", "gradient off the support", "support * (tangents[0] - mean)", "tangents[0] - mean", "gradients"
    ),
    _activation(
        "SparsePlus",
        "½ at the bound",
        "jnp.square(clip(x, -1.0, 1.0) + 1.0) / 4.0",
        "jnp.square(jnp.maximum(x, -1.0) + 1.0) / 2.0",
    ),
    _activation(
        "SparseSigmoid",
        "sigmoid for the ramp",
        "lambda x: _ramp(x, -1.0, 1.0, lambda x: (x + 1.0) / 2.0)",
        "jax.nn.sigmoid",
    ),
    _activation(
        "Squareplus",
        "derivative of ReLU",
        "value(x) / jnp.where(at_kink, 1.0, root(x))",
        "jnp.where(x > 0, 1.0, 0.0)",
        "gradients",
    ),
    _activation("Standardize", "variance as E[x²] − E[x]²", _CENTERED, _MEAN_OF_SQUARES, hint="large mean"),
    _activation(
        "Threshold",
        "1 at the kink",
        "jnp.where(x <= spec.threshold, spec.value",
        "jnp.where(x < spec.threshold, spec.value",
        "kinks",
    ),
    _activation(
        "TanhShrink", "tanh in float32", "x - jnp.tanh(x)", "x - jnp.tanh(x.astype(jnp.float32)).astype(x.dtype)"
    ),
    _activation("PReLU", "1 at the kink", "jnp.where(x > 0, x, slope * x)", "jnp.where(x >= 0, x, slope * x)", "kinks"),
    _activation("SoftSign", "x/√(1 + x²)", "x / (1.0 + jnp.abs(x))", "x / jnp.sqrt(1.0 + x * x)"),
    _activation("Exponential", "base 2", "return jnp.exp\n", "return jnp.exp2\n"),
    _activation(
        "Identity", "no gradient", "return lambda x: x\n", "return lambda x: jax.lax.stop_gradient(x)\n", "gradients"
    ),
    _activation(
        "Sigmoid",
        "by tanh in float32",
        "return rounded_once(jax.nn.sigmoid)",
        "return lambda x: (jnp.tanh(x.astype(jnp.float32) / 2) / 2 + 0.5).astype(x.dtype)",
    ),
    _activation("Silu", "1.702 from the quick GELU", "x * jax.nn.sigmoid(x))", "x * jax.nn.sigmoid(1.702 * x))"),
    _activation(
        "Tanh", "in float32", "rounded_once(jnp.tanh)", "lambda x: jnp.tanh(x.astype(jnp.float32)).astype(x.dtype)"
    ),
    _activation(
        "Squareplus", "½ at the kink", "jnp.where(at_kink, 0.0, value(x)", "jnp.where(at_kink, 0.5, value(x)", "kinks"
    ),
    _activation(
        "Standardize",
        "moments in bfloat16",
        "return rounded_once(standardized)",
        "return standardized",
        dtype="bfloat16",
    ),
    _activation(
        "HardTanh",
        "NaN swallowed",
        "(lambda x: jnp.clip(x, low, high))(x)",
        "(lambda x: jnp.where(x > low, jnp.where(x < high, x, high), low))(x)",
        "NaN",
    ),
    _activation(
        "Softmax",
        "masked elements NaN",
        "partial(jax.nn.softmax, axis=spec.axis)",
        "lambda x: jax.nn.softmax(x - x.mean(spec.axis, keepdims=True), axis=spec.axis)",
        "masked",
    ),
]
