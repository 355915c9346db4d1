"""Mistakes in what activations become in TensorFlow."""

from __future__ import annotations

from tests.mutants.mutant import planting

_activation = planting("nnspec_tensorflow.activation", "forward", "kinks", "extremes")
_CLAMPED = "return tf.where(x <= bottom, bottom, tf.where(x >= top, top, x))"
_EXPONENTIAL = "tf.where(x > 0, x, constant(alpha, x) * tf.math.expm1(_negative(x) / constant(width, x)))"
_SLOPED = "tf.where(x > 0, x, constant(spec.negative_slope, x) * x)"
_LINE = "tf.where(x > threshold, x, constant(spec.negative_slope, x) * (x - threshold))"

MUTANTS = [
    _activation("HardTanh", "1 at the bounds", _CLAMPED, "return tf.clip_by_value(x, bottom, top)", "kinks"),
    _activation(
        "LeakyReLU",
        "constants through float32",
        "return tf.constant(number, like.dtype)",
        "return tf.cast(number, like.dtype)",
    ),
    _activation(
        "GELU",
        "constants through float32",
        "return tf.constant(number, like.dtype)",
        "return tf.cast(number, like.dtype)",
    ),
    _activation(
        "SoftShrink",
        "constants through float32",
        "return tf.constant(number, like.dtype)",
        "return tf.cast(number, like.dtype)",
        hint="0.2",
    ),
    _activation("ELU", "1 at the kink", _EXPONENTIAL, _EXPONENTIAL.replace("x > 0", "x >= 0"), "kinks"),
    _activation(
        "ELU", "the other piece overflows", _EXPONENTIAL, _EXPONENTIAL.replace("_negative(x)", "x"), "extremes"
    ),
    _activation(
        "CELU",
        "alpha not in the exponent",
        "_exponential_linear(x, spec.alpha, spec.alpha)",
        "_exponential_linear(x, spec.alpha)",
        hint="alpha",
    ),
    _activation("GELU", "tanh for erf", "if not spec.approximate", "if False"),
    _activation(
        "LeakyReLU", "TensorFlow's own, with a float32 slope", _SLOPED, "tf.nn.leaky_relu(x, spec.negative_slope)"
    ),
    _activation("LeakyReLU", "1 at the kink", _SLOPED, _SLOPED.replace("x > 0", "x >= 0"), "kinks"),
    _activation("LeakyReLU", "slope .2", _SLOPED, "tf.where(x > 0, x, constant(0.2, x) * x)"),
    _activation(
        "LeakyReLU",
        "NaN swallowed",
        _SLOPED,
        "tf.where(x > 0, x, constant(spec.negative_slope, x) * tf.where(x < 0, x, tf.zeros_like(x)))",
        "NaN",
    ),
    _activation(
        "LogSoftmax",
        "masked elements NaN",
        "tf.nn.log_softmax(x, axis=spec.axis)",
        "tf.nn.log_softmax(x - tf.reduce_mean(x, axis=spec.axis, keepdims=True), axis=spec.axis)",
        "masked",
    ),
    _activation(
        "ReLU",
        "line through zero below the threshold",
        _LINE,
        _LINE.replace("(x - threshold)", "x"),
        hint="0.1-max_value=1.0",
    ),
    _activation(
        "ReLU", "1 at the threshold", _LINE, _LINE.replace("x > threshold", "x >= threshold"), "kinks", hint="threshold"
    ),
    _activation("HardSigmoid", "Keras 3's for Keras 2's", 'spec.convention == "keras2"', "False", hint="keras2"),
    _activation("HardShrink", "1 at the kink", "tf.abs(x) <= constant", "tf.abs(x) < constant", "kinks"),
    _activation(
        "LogSigmoid", "logarithm of the sigmoid", "-tf.math.softplus(-x)", "tf.math.log(tf.sigmoid(x))", "extremes"
    ),
    _activation(
        "LogSoftmax", "the axis ignored", "tf.nn.log_softmax(x, axis=spec.axis)", "tf.nn.log_softmax(x)", hint="axis=1"
    ),
    _activation("Softmax", "the axis ignored", "tf.nn.softmax(x, axis=spec.axis)", "tf.nn.softmax(x)", hint="axis=1"),
    _activation(
        "Softplus",
        "overflows",
        "lambda spec, x: tf.math.softplus(x)",
        "lambda spec, x: tf.math.log(1 + tf.exp(x))",
        "extremes",
    ),
    _activation("SELU", "one constant rounded", "constant(_SELU_SCALE, x) *", "constant(1.050701, x) *"),
    _activation("GLU", "halves swapped", "a, b = tf.split", "b, a = tf.split"),
    _activation(
        "PReLU",
        "1 at the kink",
        "tf.where(x > 0, x, tf.convert_to_tensor(self.slope)",
        "tf.where(x >= 0, x, tf.convert_to_tensor(self.slope)",
        "kinks",
    ),
    _activation(
        "Standardize",
        "the axis ignored",
        "x - tf.reduce_mean(x, axis=spec.axis",
        "x - tf.reduce_mean(x, axis=-1",
        hint="axis=1",
    ),
    _activation(
        "Sparsemax",
        "ties keep their gradients",
        "tf.where((z <= bound) | (z <= tau)",
        "tf.where((z < bound) | (z < tau)",
        "kinks",
    ),
    _activation(
        "SparsePlus",
        "1 at the lower bound",
        "tf.where(x <= -1, tf.zeros_like(x), tf.where(x > 1, x, tf.square(z + 1) / 4))",
        "tf.where(x < -1, tf.zeros_like(x), tf.where(x > 1, x, tf.square(z + 1) / 2))",
    ),
    _activation(
        "Threshold",
        "1 at the kink",
        "tf.where(x <= constant(spec.threshold",
        "tf.where(x < constant(spec.threshold",
        "kinks",
    ),
    _activation("Squareplus", "0 in the root's derivative", "(1 + slope) / 2", "slope", "gradients"),
    _activation(
        "Silu",
        "the gradient of Keras 2's swish",
        "lambda spec, x: x * tf.sigmoid(x)",
        "lambda spec, x: x * tf.stop_gradient(tf.sigmoid(x))",
        "gradients",
    ),
    _activation("Squareplus", "½ at the kink", "-tf.ones_like(r))", "tf.zeros_like(r))", "kinks"),
    _activation(
        "Mish",
        "softplus overflows in the gradient",
        "x * tf.tanh(tf.math.softplus(x))",
        "x * tf.tanh(tf.math.log1p(tf.exp(x)))",
        "extremes",
    ),
]
