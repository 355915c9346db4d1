"""Mistakes in what layers and operations become in TensorFlow."""

from __future__ import annotations

from tests.mutants.mutant import planting

_dropout = planting("nnspec_tensorflow.dropout", "forward", "masks")
_linear = planting("nnspec_tensorflow.linear", "forward")
_normalization = planting("nnspec_tensorflow.normalization", "forward", "state")
_ops = planting("nnspec_tensorflow.ops", "forward", "kinks")
_scaling = planting("nnspec_tensorflow.scaling", "forward", "state")
_model = planting("nnspec_tensorflow.model", "state", "masks", "forward")
_net = planting("nnspec_tensorflow.net", "gradients", "state")
_arrays = planting("nnspec_tensorflow.arrays", "forward")
_random = planting("nnspec_tensorflow.random", "words", "masks")

_ROOT = "tf.sqrt(variance + constant(epsilon, x))"
_VARIANCE = "tf.reduce_mean(tf.square(x - mean), axis=axes, keepdims=keepdims)"

MUTANTS = [
    _normalization("LayerNorm", "epsilon outside the root", _ROOT, "(tf.sqrt(variance) + constant(epsilon, x))"),
    _normalization(
        "LayerNorm", "epsilon in float32", _ROOT, "tf.sqrt(variance + tf.cast(epsilon, x.dtype))", hint="0.001"
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
        "moments(x, axes, keepdims=True), epsilon)[0]",
        "moments(x, list(range(1, x.shape.rank)), keepdims=True), epsilon)[0]",
        hint="use_scale=False",
    ),
    _normalization(
        "BatchNorm",
        "unbiased running variance",
        "add * statistics[1])",
        "add * statistics[1] * (n := x.shape[0]) / (n - 1))",
        "state",
    ),
    _normalization(
        "BatchRenorm", "the shift before the scale", "d * scale + bias, spec.epsilon)", "d + bias, spec.epsilon)"
    ),
    _normalization(
        "BatchRenorm", "gradients through r", "moments(tf.stop_gradient(x), others", "moments(x, others", "gradients"
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
        "keep * running[0]",
        "keep * (keep * running[0] + add * statistics[0])",
        "state",
    ),
    _normalization(
        "BatchNorm",
        "running statistics in training",
        "normalized(x, others, features, scale, bias, self.epsilon), [*",
        "_standardized(x, *running, self.epsilon)[0] * scale + bias, [*",
        "forward",
    ),
    _normalization(
        "BatchNorm",
        "no gradient through the statistics",
        "(upstream - by_bias / rows - z * (by_scale / rows))",
        "upstream",
        "gradients",
    ),
    _normalization(
        "BatchNorm",
        "the gradient's part of the variance left out",
        "(upstream - by_bias / rows - z * (by_scale / rows))",
        "(upstream - by_bias / rows)",
        "gradients",
    ),
    _normalization(
        "BatchNorm",
        "as many rows as examples",
        "tf.size(x) // tf.size(scale)",
        "tf.shape(x)[0]",
        "gradients",
        hint="rank 4",
    ),
    _normalization(
        "convolutional",
        "the unbiased variance of the kernel",
        "y, mean, _, _, variance, _ =",
        "y, mean, variance, _, _, _ =",
        "state",
        dtype="float32",
    ),
    _normalization(
        "LayerNorm", "no gradient through the variance", "keepdims=True) - along_z)", "keepdims=True))", "gradients"
    ),
    _normalization(
        "LayerNorm",
        "the scale left out of the gradient's means",
        "tf.reduce_mean(h * z, axis",
        "tf.reduce_mean(upstream * z, axis",
        "gradients",
    ),
    _normalization(
        "BatchNorm", "mean over the batch alone", "axis not in axes]", "axis < 1]", hint="rank 4", raises=True
    ),
    _normalization(
        "BatchNorm", "Keras's default momentum", "momentum=spec.momentum", "momentum=0.99", "state", hint="momentum=0.9"
    ),
    _normalization(
        "RMSNorm",
        "epsilon in float32",
        "keepdims=True) + constant(self.epsilon, x))",
        "keepdims=True) + tf.cast(self.epsilon, x.dtype))",
        hint="1e-3",
    ),
    _normalization(
        "LayerNorm",
        "sizes in the order that is written",
        "self.axis = front(written, input_shape)",
        "pass",
        hint="axes=",
        raises=True,
    ),
    _normalization(
        "BatchNorm",
        "running statistics used in inference alone",
        " and not self.use_running_average",
        "",
        hint="use_running",
    ),
    _normalization(
        "GroupNorm",
        "every other channel",
        "[*shape[:-1], self.groups, shape[-1] // self.groups]",
        "[*shape[:-1], shape[-1] // self.groups, self.groups]",
        hint="GroupNorm-num_groups=3",
        raises=True,
    ),
    _normalization("GroupNorm", "means over the channels alone", "[*range(1, rank - 1), rank]", "[rank]"),
    _normalization("InstanceNorm", "one group", "_grouped(spec, -1, context)", "_grouped(spec, 1, context)"),
    _normalization(
        "UnitNorm", "no derivative at zero", "tf.where(short, tf.ones_like(total), total)", "total", "kinks"
    ),
    _scaling(
        "Rescaling",
        "scale in float32",
        "x * constant(self.scale, x)",
        "x * tf.cast(self.scale, x.dtype)",
        hint="0.00392",
    ),
    _scaling(
        "LayerScale",
        "the first channel's factor for all",
        "x * tf.cast(self.scale, x.dtype)",
        "x * tf.cast(self.scale[0], x.dtype)",
    ),
    _dropout("SpatialDropout", "elements for channels", "slice(1) if size == 1", "slice(None) if size == 1"),
    _dropout("AlphaDropout", "dropped to zero", "constant(SELU_LIMIT, wide)", "tf.zeros_like(wide)"),
    _dropout("GaussianSample", "log variances first", "mean, log_variance = tf.split", "log_variance, mean = tf.split"),
    _dropout("GaussianDropout", "added noise", "if self.multiplies else", "if not self.multiplies else"),
    _random("GaussianNoise", "24 bits", "tf.constant(9, tf.uint32)", "tf.constant(8, tf.uint32)", "forward"),
    _random(
        "GaussianNoise",
        "half a step off",
        "2 * k + tf.constant(1 - 2**23, tf.int32)",
        "2 * k + tf.constant(-(2**23), tf.int32)",
        "forward",
    ),
    _dropout("Dropout", "not scaled", "x / constant(1 - self.rate_of(use), x)", "x"),
    _dropout(
        "Dropout",
        "rate in float32",
        "constant(1 - self.rate_of(use), x)",
        "tf.cast(1 - self.rate, x.dtype)",
        hint="0.1",
    ),
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
        "_FORMULAS[type(spec)](*inputs)",
        "_FORMULAS[type(spec)](*inputs[::-1])",
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
        "x = tf.cast(inputs, working(inputs.dtype.name))\n        axes = front(self.axis, x.shape)\n        y = norm",
        "x = inputs\n        axes = front(self.axis, x.shape)\n        y = norm",
        dtype="bfloat16",
    ),
]
