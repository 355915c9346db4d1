"""Mistakes in what layers and operations become in TensorFlow."""

from __future__ import annotations

from tests.mutants.mutant import planting

_dropout = planting("nnspec_tensorflow.dropout", "forward", "masks")
_linear = planting("nnspec_tensorflow.linear", "forward")
_normalization = planting("nnspec_tensorflow.normalization", "forward", "state")
_ops = planting("nnspec_tensorflow.ops", "forward", "kinks")
_model = planting("nnspec_tensorflow.model", "state", "masks", "forward")
_net = planting("nnspec_tensorflow.net", "gradients", "state")
_arrays = planting("nnspec_tensorflow.arrays", "forward")
_random = planting("nnspec_tensorflow.random", "words", "masks")

_ROOT = "tf.sqrt(variance + constant(layer.epsilon, x))"
_VARIANCE = "tf.reduce_mean(tf.square(x - mean), axis=axes, keepdims=keepdims)"

MUTANTS = [
    _normalization("LayerNorm", "epsilon outside the root", _ROOT, "(tf.sqrt(variance) + constant(layer.epsilon, x))"),
    _normalization(
        "LayerNorm", "epsilon in float32", _ROOT, "tf.sqrt(variance + tf.cast(layer.epsilon, x.dtype))", hint="0.001"
    ),
    _normalization(
        "LayerNorm",
        "unbiased variance",
        _VARIANCE,
        "tf.reduce_sum(tf.square(x - mean), axis=axes, keepdims=keepdims) / (x.shape[-1] - 1)",
    ),
    _normalization(
        "LayerNorm",
        "variance as E[x²] − E[x]²",
        _VARIANCE,
        "tf.reduce_mean(tf.square(x), axis=axes, keepdims=keepdims) - tf.square(mean)",
        hint="large",
    ),
    _normalization(
        "LayerNorm",
        "mean over all axes but the first",
        "moments(x, [-1]",
        "moments(x, list(range(1, x.shape.rank))",
        hint="use_scale=False",
    ),
    _normalization(
        "BatchNorm",
        "unbiased running variance",
        "add * variance)",
        "add * variance * (n := x.shape[0]) / (n - 1))",
        "state",
    ),
    _normalization("BatchNorm", "momentum inverted", "keep, add = constant", "add, keep = constant", "state"),
    _normalization(
        "BatchNorm",
        "momentum in float32",
        "constant(self.momentum, x), constant(1 - self.momentum, x)",
        "tf.cast(self.momentum, x.dtype), tf.cast(1 - self.momentum, x.dtype)",
        "state",
    ),
    _normalization(
        "BatchNorm", "statistics updated in inference", "if training and self.trainable", "if True", "state"
    ),
    _normalization(
        "BatchNorm",
        "statistics updated twice",
        "running = mean, variance",
        "running = (keep * mean + add * moments(x, list(range(x.shape.rank - 1)))[0], variance)",
        "state",
    ),
    _normalization(
        "BatchNorm",
        "running statistics in training",
        "mean, variance = moments(x, list(range(x.shape.rank - 1)))",
        "running = moments(x, list(range(x.shape.rank - 1)))",
        "forward",
    ),
    _normalization(
        "BatchNorm",
        "no gradient through the statistics",
        "mean, variance = moments(x, list(range(x.shape.rank - 1)))",
        "mean, variance = map(tf.stop_gradient, moments(x, list(range(x.shape.rank - 1))))",
        "gradients",
    ),
    _normalization(
        "BatchNorm", "mean over the batch alone", "list(range(x.shape.rank - 1))", "[0]", hint="rank 4", raises=True
    ),
    _normalization(
        "BatchNorm", "Keras's default momentum", "momentum=spec.momentum", "momentum=0.99", "state", hint="momentum=0.9"
    ),
    _dropout("Dropout", "not scaled", "x / constant(1 - self.rate, x)", "x"),
    _dropout("Dropout", "rate in float32", "constant(1 - self.rate, x)", "tf.cast(1 - self.rate, x.dtype)", hint="0.1"),
    _dropout("Dropout", "drops in inference", "if not training or self.rate == 0", "if self.rate == 0"),
    _dropout(
        "Dropout",
        "the same mask at every step",
        "tf.convert_to_tensor(self.state.step)",
        "tf.constant(0, tf.uint32)",
        "masks",
    ),
    _dropout("shared layers", "the same mask in every call", "call_number(self.calls, use))", "0)", "masks"),
    _dropout("nested models", "the model around not counted", "_run.get() * calls + use", "use", "masks"),
    _dropout(
        "nested models",
        "streams named after the inner node",
        "bits.stream_of(self.place",
        "bits.stream_of(self.name",
        "masks",
    ),
    _model(
        "shared layers",
        "statistics in another order",
        "for step in self.plan.steps:",
        "for step in sorted(self.plan.steps, key=lambda s: s.use == 0):",
    ),
    _model(
        "Dropout",
        "the step moves in inference",
        "if training:\n            self.random_step",
        "if True:\n            self.random_step",
    ),
    _model(
        "Dropout", "the step stays in training", "self.random_step) + tf.constant(1, tf.uint32)", "self.random_step)"
    ),
    _net("BatchNorm", "gradients update statistics", "with self.unchanged(), tf.GradientTape", "with tf.GradientTape"),
    _arrays(
        "Dense",
        "inputs through float32",
        "return x.astype(numpy_dtype(dtype), copy=False)",
        "return x.astype(np.float32).astype(numpy_dtype(dtype))",
    ),
    _linear("Dense", "Keras's own GELU", "function(spec.activation)", '"gelu"', hint="activation=gelu"),
    _ops(
        "Divide",
        "the other way round",
        "tf.cast(_FORMULAS[type(self.spec)](*wide)",
        "tf.cast(_FORMULAS[type(self.spec)](*wide[::-1])",
    ),
    _ops("Maximum", "all to the second at ties", "x1 > x2, x2 > x1", "x1 > x2, x2 >= x1", "kinks"),
    _ops("Minimum", "TensorFlow's own", "_half_each(x1, x2, x1 < x2, x2 < x1)", "tf.minimum(x1, x2)", "kinks"),
    _ops(
        "Concat",
        "the last axis instead of the one that is asked for",
        "axis=spec.axis",
        "axis=-1",
        hint="axis=1",
        raises=True,
    ),
    _random("seed above 2**32", "the seed's high word ignored", "(key[0], key[1])", "(key[0], key[0] - key[0])"),
    _random(
        "across block 2**32",
        "the block's high word ignored",
        "tf.cast(tf.bitwise.right_shift(numbers, tf.constant(32, tf.uint64)), tf.uint32)",
        "tf.zeros_like(low)",
    ),
    _random("first word", "key words grow from the first round on", "if r:", "if True:"),
    _random(
        "Dropout",
        "drops what it should keep",
        "word < threshold",
        "word >= threshold",
        "masks",
    ),
    _random(
        "Dropout",
        "the first half's mask twice",
        "tf.cast(half, tf.uint64)",
        "tf.constant(0, tf.uint64)",
        "masks",
    ),
    # What only lower precision shows.
    _normalization(
        "BatchNorm",
        "moments in bfloat16",
        "x = tf.cast(inputs, working(inputs.dtype.name))  #",
        "x = inputs  #",
        dtype="bfloat16",
    ),
    _normalization(
        "LayerNorm",
        "moments in bfloat16",
        "x = tf.cast(inputs, working(inputs.dtype.name))\n        return",
        "x = inputs\n        return",
        dtype="bfloat16",
    ),
]
