"""Mistakes in losses of margins and of numbers."""

from __future__ import annotations

from tests.mutants.mutant import planting

_margin, _jax_margin, _tensorflow_margin = (
    planting(f"{home}.losses.margin", "loss", "loss kinks")
    for home in ("nnspec.reference", "nnspec_jax", "nnspec_tensorflow")
)
_numbers, _jax_numbers, _tensorflow_numbers = (
    planting(f"{home}.losses.regression", "loss", "loss kinks")
    for home in ("nnspec.reference", "nnspec_jax", "nnspec_tensorflow")
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
        "np.sqrt((v * v).sum(-1, keepdims=True)), spec.epsilon)",
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
]
