"""Mistakes in what losses, metrics, optimizers and schedules become in TensorFlow."""

from __future__ import annotations

from tests.mutants.mutant import planting

_loss = planting("nnspec_tensorflow.losses.base", "loss", "loss kinks", "loss extremes")
_classes = planting("nnspec_tensorflow.losses.classification", "loss", "loss kinks", "loss extremes")
_numbers = planting("nnspec_tensorflow.losses.regression", "loss", "loss kinks", "loss extremes")
_metric = planting("nnspec_tensorflow.metrics.means", "metric")
_optimizer = planting("nnspec_tensorflow.optimizers", "optimizer")
_schedule = planting("nnspec_tensorflow.schedules", "schedule")
_GRADIENT = """\
            g=tf.cast(tf.convert_to_tensor(gradient), dtype),
            decay=tf.constant(own.weight_decay, dtype) * w if decays else tf.zeros_like(w),
"""
_COUPLED = """\
            g=tf.cast(tf.convert_to_tensor(gradient), dtype) + (own.weight_decay * w if decays else 0),
            decay=tf.zeros_like(w),
"""
_POSITION = "tf.reduce_sum(tf.cast(s[..., None] >= bounds, tf.int64), axis=-1) - 1"
_LOGARITHM = "tf.math.log(tf.cast(s, tf.float64) / first * (spec.t_mul - 1) + 1) / math.log(spec.t_mul)"
_CLAMPED = "clamp(p / tf.reduce_sum(p, axis=-1, keepdims=True), spec.epsilon, 1 - spec.epsilon)"
_CUT = "tf.clip_by_value(p / tf.reduce_sum(p, axis=-1, keepdims=True), spec.epsilon, 1 - spec.epsilon)"
_ROOT = "tf.sqrt(power + epsilon) if spec.epsilon_in_root else tf.sqrt(power) + epsilon"
_POWERS = "tf.pow(tf.constant(b, tf.float64), step.t)"

MUTANTS = [
    _classes(
        "SoftmaxCrossEntropy",
        "the fused kernel",
        "return -_dot(y, _log_softmax(x))",
        "return tf.nn.softmax_cross_entropy_with_logits(y, x)",
        hint="unnormalized",
    ),
    _classes(
        "SoftmaxCrossEntropy",
        "smoothing in float32",
        "constant(spec.label_smoothing / outcomes, y)",
        "tf.cast(spec.label_smoothing / outcomes, y.dtype)",
        hint="smoothing",
    ),
    _classes(
        "SoftmaxCrossEntropy",
        "smoothing over K − 1",
        "constant(spec.label_smoothing / outcomes, y)",
        "constant(spec.label_smoothing / (outcomes - 1), y)",
        hint="smoothing",
    ),
    _loss(
        "SoftmaxCrossEntropy",
        "divided by the number of examples",
        "positions = tf.cast(tf.size(values), values.dtype)",
        "positions = tf.cast(tf.shape(values)[0], values.dtype)",
        hint="rank",
    ),
    _classes(
        "SoftmaxCrossEntropy",
        "1 at the bounds",
        _CLAMPED,
        _CUT,
        "loss kinks",
    ),
    _classes(
        "SoftmaxCrossEntropy",
        "0 · ln 0",
        "tf.where(y == 0, zero, y * tf.where(y == 0, zero, logs))",
        "y * logs",
        hint="masked",
    ),
    _classes(
        "KLDivergence",
        "logarithm of the softmax",
        "return tf.nn.log_softmax(x, axis=-1)",
        "return tf.math.log(tf.nn.softmax(x, axis=-1))",
        "loss extremes",
    ),
    _loss(
        "BinaryCrossEntropy",
        "divided by the weights",
        'if self.spec.reduction == "weighted_mean"',
        "if True",
        hint="weights",
    ),
    _classes(
        "BinaryCrossEntropy",
        "Keras's kink at zero",
        "return tf.math.softplus(x) - x * y",
        "return tf.maximum(x, 0) - x * y + tf.math.log1p(tf.exp(-tf.abs(x)))",
        "loss kinks",
    ),
    _classes(
        "BinaryCrossEntropy",
        "smoothing not halved",
        "spec.label_smoothing / outcomes",
        "spec.label_smoothing",
        hint="smoothing",
    ),
    _loss("MeanSquaredError", "weights ignored", "if weights is None:", "if True:", hint="weights"),
    _loss(
        "MeanSquaredError",
        "weights counted per example",
        "return tf.reduce_sum(w * values), tf.reduce_sum(w)",
        "return tf.reduce_sum(w * values), tf.reduce_sum(weights)",
        hint="weighted_mean",
    ),
    _numbers("Huber", "delta in float32", "constant(spec.delta, x)", "tf.cast(spec.delta, x.dtype)", hint="0.4"),
    _numbers(
        "MeanAbsoluteError",
        "1 at zero",
        "return tf.abs(x - elementwise(x, targets))",
        "return tf.where(x < targets, elementwise(x, targets) - x, x - elementwise(x, targets))",
        "loss kinks",
    ),
    _metric("TopKAccuracy", "ties count for all", "(x == own) & (classes >= label)", "x == own", hint="ties"),
    _metric("Accuracy", "the last of equal outputs", "classes >= label", "classes <= label", hint="ties"),
    _metric("BinaryAccuracy", "at the threshold counts", "x) > constant", "x) >= constant", hint="ties"),
    _metric("MAE", "squared", "return tf.abs(x", "return tf.square(x"),
    _optimizer("Adam", "powers of the betas in float32", _POWERS, "tf.pow(tf.cast(b, tf.float64), step.t)"),
    _optimizer(
        "Adam", "t off by one", "tf.float64) + tf.constant(1, tf.float64)", "tf.float64) + tf.constant(2, tf.float64)"
    ),
    _optimizer("Adam", "no bias correction", _POWERS, "tf.zeros_like(step.t)"),
    _optimizer("Adam", "the other epsilon", 'spec.epsilon_mode == "hat"', 'spec.epsilon_mode != "hat"'),
    _optimizer("Adam", "corrected once more", "c2 = tf.ones_like(c2)", "c2 = c2 + 0", hint="corrected"),
    _optimizer(
        "Adam", "first and second momentum exchanged", "step.c(spec.b1) * step.slots", "step.c(spec.b2) * step.slots"
    ),
    _optimizer("Adam", "no maximum", 'tf.maximum(step.slots["v_max"], v if', "(v if", hint="amsgrad"),
    _optimizer("AdamW", "decay coupled with the gradient", _GRADIENT, _COUPLED),
    _optimizer(
        "AdamW",
        "decay not scaled by the rate",
        "self.w - self.eta * (direction + self.decay)",
        "self.w - self.eta * direction - self.decay",
    ),
    _optimizer(
        "AdamW",
        "decay in float32",
        "tf.constant(own.weight_decay, dtype) * w",
        "tf.cast(own.weight_decay, dtype) * w",
    ),
    _optimizer("SGD", "decay of biases", "self.decayed[index]", "True", hint="kernels"),
    _optimizer(
        "SGD",
        "learning rate in float32",
        "eta=tf.cast(learning_rate, dtype)",
        "eta=tf.cast(tf.cast(learning_rate, tf.float32), dtype)",
    ),
    _optimizer(
        "Momentum",
        "momentum in float32",
        "def _momentum(spec: specs.Momentum, step: Update) -> Stepped:\n    mu = step.c(spec.momentum)",
        "def _momentum(spec: specs.Momentum, step: Update) -> Stepped:\n    mu = tf.cast(spec.momentum, step.w.dtype)",
    ),
    _optimizer(
        "Momentum",
        "learning rate inside the velocity",
        'v = mu * step.slots["velocity"] + step.g\n    return step.down(v)',
        'v = mu * step.slots["velocity"] - step.eta * step.g\n    return step.w + v - step.eta * step.decay',
    ),
    _optimizer("Nesterov", "plain momentum", "step.down(mu * v + step.g)", "step.down(v)"),
    _optimizer(
        "AdaGrad",
        "epsilon outside the root",
        "tf.sqrt(a + step.c(spec.epsilon))",
        "(tf.sqrt(a) + step.c(spec.epsilon))",
    ),
    _optimizer("RMSProp", "epsilon on the other side", _ROOT, _ROOT.replace("if spec", "if not spec")),
    _optimizer("RMSProp", "mean not squared", 'tf.square(new["mean"])', 'tf.abs(new["mean"])', hint="centered"),
    _optimizer(
        "clip global_norm",
        "each tensor by its own norm",
        "_shortened(g, norm, spec.global_norm)",
        "_shortened(g, global_norm([g]), spec.global_norm)",
    ),
    _optimizer(
        "clip norm", "elements instead of norms", "_shortened(g, global_norm([g]), spec.norm)", "_cut(g, spec.norm)"
    ),
    _optimizer("clip value", "no clipping", "clipped(self.clip, grads)", "list(grads)"),
    _schedule("Cyclic", "gamma in float32", "tf.pow(_c(spec.gamma), ", "tf.pow(tf.cast(spec.gamma, 'float64'), "),
    _schedule("PolynomialDecay", "a cycle late", "tf.maximum(-(-s // n), 1) * n", "(s // n + 1) * n", hint="cycle"),
    _schedule(
        "BatchScaled",
        "linear for the square root",
        "value(spec.learning_rate, s) * _c(spec.factor)",
        "value(spec.learning_rate, s) * _c(spec.factor**2)",
        hint="root",
    ),
    _schedule("Join", "from the step after", "tf.where(s < first, rates", "tf.where(s <= first, rates"),
    _schedule(
        "StepDecay",
        "constants in float32",
        "return tf.constant(number, tf.float64)",
        "return tf.cast(number, tf.float64)",
        hint="0.9",
    ),
    _schedule(
        "Piecewise",
        "the old value at the boundary",
        "s[..., None] >= tf.constant(spec.boundaries",
        "s[..., None] > tf.constant(spec.boundaries",
    ),
    _schedule(
        "ExponentialDecay",
        "one step late",
        "self.counted(tf.cast(step, tf.int64))",
        "self.counted(tf.cast(step, tf.int64)) + 1",
    ),
    _schedule(
        "CosineDecay",
        "to zero instead of the end",
        "end + (start - end) * (1 + tf.cos",
        "start * (1 + tf.cos",
        hint="0.004",
    ),
    _schedule(
        "CosineRestarts",
        "a logarithm misplaces the boundaries",
        _POSITION,
        f"tf.cast(tf.floor({_LOGARITHM}), tf.int64)",
    ),
    _schedule("OneCycle", "falls one step late", "tf.cast(s, tf.float64) <= up", "tf.cast(s, tf.float64) <= up + 1"),
    _schedule("Warmup", "what follows is not shifted", "tf.maximum(s - steps, tf.constant(0, tf.int64))", "s"),
    _schedule(
        "WarmupCosine",
        "decay_steps without the warm-up",
        "spec.warmup_steps, spec.decay_steps - spec.warmup_steps)",
        "spec.warmup_steps, spec.decay_steps)",
    ),
    _schedule("InverseSquareRoot", "counted from zero", "tf.cast(s + 1, tf.float64)", "tf.cast(s, tf.float64)"),
    _schedule(
        "LinearDecay",
        "goes on past the end",
        "return tf.clip_by_value((tf.cast(step, tf.float64) - _c(start)) / _c(length), _c(0), _c(1))",
        "return (tf.cast(step, tf.float64) - _c(start)) / _c(length)",
    ),
    _schedule(
        "ReduceOnPlateau", "minimum ignored", "* factor, _c(spec.minimum))", "* factor, _c(0.0))", hint="minimum"
    ),
    _optimizer("clip norm", "bound in float32", "c = tf.constant(bound, norm.dtype)", "c = tf.cast(bound, norm.dtype)"),
    # What only lower precision shows.
    _loss(
        "SoftmaxCrossEntropy",
        "computed in bfloat16",
        "loss(self.spec, tf.cast(y_pred, self.dtype)",
        "loss(self.spec, tf.cast(y_pred, 'bfloat16')",
        dtype="bfloat16",
    ),
    _optimizer(
        "Adam",
        "epsilon below float16's smallest",
        "dtype = working(tf.as_dtype(variable.dtype).name)",
        "dtype = tf.as_dtype(variable.dtype).name",
        dtype="float16",
    ),
]
