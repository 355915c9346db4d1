"""Mistakes in what losses count, and in losses of classes, margins, numbers and
segmentations."""

from __future__ import annotations

from tests.mutants.mutant import planting

_WINGS = ("nnspec.reference", "nnspec_jax", "nnspec_tensorflow")
_shared, _jax_shared, _tensorflow_shared = (planting(f"{wing}.losses.base", "loss", "loss kinks") for wing in _WINGS)
_classes, _jax_classes, _tensorflow_classes = (
    planting(f"{wing}.losses.classification", "loss", "loss kinks") for wing in _WINGS
)
_margin, _jax_margin, _tensorflow_margin = (planting(f"{wing}.losses.margin", "loss", "loss kinks") for wing in _WINGS)
_numbers, _jax_numbers, _tensorflow_numbers = (
    planting(f"{wing}.losses.regression", "loss", "loss kinks") for wing in _WINGS
)
_contrast, _jax_contrast, _tensorflow_contrast = (
    planting(f"{wing}.losses.contrastive", "loss", "loss kinks") for wing in _WINGS
)
_overlap, _jax_overlap, _tensorflow_overlap = (
    planting(f"{wing}.losses.segmentation", "loss", "loss kinks") for wing in _WINGS
)

MUTANTS = [
    _margin("Hinge", "binary targets as they are", "2 * y - 1 if spec.binary_targets else y", "y", hint="binary"),
    _jax_margin(
        "Hinge",
        "1 at the kink",
        "missing <= 0, 0.0, missing)\n\n\n@realizing(specs.Hinge)",
        "missing < 0, 0.0, missing)\n\n\n@realizing(specs.Hinge)",
        "loss kinks",
    ),
    _tensorflow_margin("Hinge", "margin left out", "constant(spec.margin, x) - (2", "1 - (2", hint="0.6"),
    _jax_margin("SquaredHinge", "not squared", "jnp.square(_lacking(spec, x, targets))", "_lacking(spec, x, targets)"),
    _margin("CategoricalHinge", "the target is its own rival", "spec.margin * (1 - y)", "spec.margin"),
    _jax_margin(
        "CategoricalHinge",
        "rivals share",
        "jnp.sum(jnp.where(one_hot(x, jnp.argmax(x, axis=-1)), x, 0.0), axis=-1)",
        "jnp.max(x, axis=-1)",
        "loss kinks",
    ),
    _tensorflow_margin(
        "CategoricalHinge", "the other rival", 'if spec.rival == "class"', 'if spec.rival != "class"', hint="rival"
    ),
    _numbers(
        "LogCosh", "logarithm of 2 left out", "np.log1p(np.exp(-2 * e)) - math.log(2)", "np.log1p(np.exp(-2 * e))"
    ),
    _jax_numbers(
        "LogCosh",
        "no error cancels",
        "jnp.log1p(2.0 * jnp.square(jnp.sinh(jnp.where(e <= 1, e, 0.0) / 2.0)))",
        "e + jnp.log1p(jnp.exp(-2.0 * e)) - jnp.log(jnp.float32(2.0))",
    ),
    _tensorflow_numbers(
        "LogCosh", "logarithm of 2 in float32", "constant(math.log(2), x))", "tf.cast(math.log(2), x.dtype))"
    ),
    _numbers(
        "MeanAbsolutePercentageError",
        "of the output",
        "np.maximum(np.abs(y), spec.epsilon)",
        "np.maximum(np.abs(x), spec.epsilon)",
    ),
    _jax_numbers("MeanAbsolutePercentageError", "no percent", "100.0 * magnitude", "magnitude"),
    _numbers(
        "MeanSquaredLogarithmicError",
        "of the plain logarithm",
        "(np.log1p(np.maximum(v, spec.epsilon))",
        "(np.log(np.maximum(v, spec.epsilon))",
    ),
    _tensorflow_numbers(
        "MeanSquaredLogarithmicError",
        "1 at the bound",
        "tf.where(v <= bound, bound, v)",
        "tf.where(v < bound, bound, v)",
        "loss kinks",
    ),
    _jax_numbers(
        "Pinball",
        "the other side",
        "e >= 0, spec.quantile * e, (spec.quantile - 1.0) * e",
        "e <= 0, spec.quantile * e, (spec.quantile - 1.0) * e",
        hint="0.9",
    ),
    _tensorflow_numbers("Pinball", "1 − q at no error", "tf.where(e >= 0", "tf.where(e > 0", "loss kinks"),
    _numbers(
        "CosineDistance",
        "norms not bounded",
        "np.sqrt((v * v).sum(-1, keepdims=True)), epsilon)",
        "np.sqrt((v * v).sum(-1, keepdims=True)), 0)",
        hint="short",
    ),
    _jax_numbers(
        "CosineDistance",
        "bounds the squared norm",
        "short = squares <= epsilon**2",
        "short = squares <= epsilon",
        hint="short",
    ),
    _tensorflow_numbers(
        "CosineDistance", "similarity instead", 'if spec.form == "negative"', "if False", hint="negative"
    ),
    _numbers("PoissonNLL", "Stirling's from 0 on", "np.where(y > 1, many", "np.where(y > 0, many", hint="full"),
    _jax_numbers("PoissonNLL", "logarithm of the rate forgotten", "if spec.log_input else", "if False else"),
    _tensorflow_numbers(
        "PoissonNLL",
        "epsilon left out",
        "tf.math.log(x + constant(spec.epsilon, x))",
        "tf.math.log(x)",
        hint="log_input",
    ),
    _numbers(
        "GaussianNLL",
        "deviations for variances",
        "squares * np.exp(-log_variance)",
        "squares * np.exp(-2 * log_variance)",
    ),
    _jax_numbers(
        "GaussianNLL",
        "variances are not bounded",
        "s = jnp.where(s <= bound, bound, s)",
        "s = jnp.where(False, bound, s)",
        hint="small",
    ),
    _tensorflow_numbers(
        "GaussianNLL",
        "variances first",
        "mean, s = x[..., :features], x[..., features:]",
        "s, mean = x[..., :features], x[..., features:]",
    ),
    _shared(
        "SoftmaxCrossEntropy",
        "class weights count nowhere",
        "np.ones_like(losses) if shares is None else shares",
        "np.ones_like(losses)",
        hint="class_weights",
    ),
    _jax_shared(
        "SoftmaxCrossEntropy",
        "ignored positions count",
        "positions = shares.sum()",
        "positions = positions",
        hint="ignore",
    ),
    _tensorflow_shared(
        "SoftmaxCrossEntropy",
        "class weights count nowhere",
        "shares * class_shares(self.spec, x, targets)",
        "shares",
        hint="class_weights",
    ),
    _tensorflow_shared(
        "SoftmaxCrossEntropy",
        "ignored positions are right",
        "tf.where(counted, values, tf.zeros_like(values))",
        "values",
        hint="ignore_label=2",
    ),
    _jax_classes(
        "BinaryCrossEntropy",
        "weight of the other side",
        "weight * y * softplus(-x) + (1.0 - y) * softplus(x)",
        "y * softplus(-x) + weight * (1.0 - y) * softplus(x)",
        hint="pos_weight",
    ),
    _tensorflow_classes(
        "BinaryCrossEntropy",
        "weight in float32",
        "weight * y * tf.math.softplus(-x)",
        "tf.cast(tf.cast(weight, tf.float32), x.dtype) * y * tf.math.softplus(-x)",
        hint="pos_weight=2.7",
    ),
    _jax_classes(
        "NegativeLogLikelihood",
        "logarithm once more",
        "distribution(x, targets)), x)",
        "distribution(x, targets)), jax.nn.log_softmax(x, axis=-1))",
    ),
    _classes(
        "CategoricalFocalCrossEntropy",
        "power of the class itself",
        "(-np.expm1(logs)) ** spec.gamma",
        "np.exp(logs) ** spec.gamma",
    ),
    _jax_classes(
        "CategoricalFocalCrossEntropy",
        "0 · ∞ where nothing is left",
        "jnp.power(jnp.where(zero, 1.0, base), exponent)",
        "jnp.power(base, exponent)",
        "loss kinks",
    ),
    _tensorflow_classes(
        "CategoricalFocalCrossEntropy",
        "class weights left out",
        "_by_class(spec, x, y), _power",
        "y, _power",
        hint="class_weights",
    ),
    _classes(
        "BinaryFocalCrossEntropy",
        "alpha for both sides",
        "spec.alpha * y + (1 - spec.alpha) * (1 - y)",
        "spec.alpha",
        hint="alpha",
    ),
    _jax_classes(
        "BinaryFocalCrossEntropy",
        "sides exchanged",
        "rest = y * jax.nn.sigmoid(-x) + (1.0 - y) * jax.nn.sigmoid(x)",
        "rest = y * jax.nn.sigmoid(x) + (1.0 - y) * jax.nn.sigmoid(-x)",
    ),
    _tensorflow_classes(
        "BinaryFocalCrossEntropy",
        "squared, whatever gamma",
        "_power(rest, spec.gamma) * _binary",
        "tf.square(rest) * _binary",
        hint="gamma",
    ),
    _overlap("Dice", "not doubled", "common = 2 * common + (spec", "common = common + (spec"),
    _jax_overlap("Dice", "means for sums", "return jnp.sum(values, axis=", "return jnp.mean(values, axis="),
    _tensorflow_overlap("Dice", "sigmoid for classes", "if multiclass else", "if False else", hint="multiclass"),
    _jax_overlap(
        "Dice", "weights left out of sums", "factors(spec, weights, values) * values, 0", "values, 0", hint="over_batch"
    ),
    _overlap("Tversky", "smoothed twice", "spec.beta * missed + spec.smooth", "spec.beta * missed + 2 * spec.smooth"),
    _jax_overlap(
        "Tversky",
        "Keras's order",
        "spec.alpha * wrong + spec.beta * missed",
        "spec.alpha * missed + spec.beta * wrong",
        hint="alpha",
    ),
    _tensorflow_overlap(
        "Tversky",
        "alpha in float32",
        "constant(spec.alpha, x) * wrong",
        "tf.cast(spec.alpha, x.dtype) * wrong",
        hint="alpha=0.3",
    ),
    _contrast(
        "InfoNCE",
        "outputs are searched",
        "found = -np.diagonal(log_softmax(scores))",
        "found = -np.diagonal(log_softmax(scores.T))",
    ),
    _jax_contrast(
        "InfoNCE", "temperature multiplied", "spec.epsilon)) / spec.temperature", "spec.epsilon)) * spec.temperature"
    ),
    _tensorflow_contrast(
        "InfoNCE",
        "temperature in float32",
        "keys) / constant(spec.temperature, x)",
        "keys) / tf.cast(spec.temperature, x.dtype)",
    ),
]
