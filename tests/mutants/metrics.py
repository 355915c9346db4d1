"""Mistakes in metrics: of decisions, of areas under curves, and of variances, and in how batches of them are added."""

from __future__ import annotations

from tests.mutants.mutant import planting

_WINGS = ("nnspec.reference", "nnspec_jax", "nnspec_tensorflow")
_means, _jax_means, _tensorflow_means = (planting(f"{wing}.metrics.means", "metric") for wing in _WINGS)
_classes, _jax_classes, _tensorflow_classes = (planting(f"{wing}.metrics.classification", "metric") for wing in _WINGS)
_curves, _jax_curves, _tensorflow_curves = (planting(f"{wing}.metrics.curves", "metric") for wing in _WINGS)
_moments, _jax_moments, _tensorflow_moments = (planting(f"{wing}.metrics.moments", "metric") for wing in _WINGS)
_added = planting("nnspec_jax.metrics.base", "evaluation")
_books = planting("nnspec_tensorflow.metrics.books", "evaluation")

MUTANTS = [
    _means(
        "MAPE",
        "of the outputs",
        "PercentageError(spec.epsilon), x, targets",
        "PercentageError(spec.epsilon), targets, x",
    ),
    _jax_means("MSLE", "epsilon left out", "LogarithmicError(spec.epsilon)", "LogarithmicError()", hint="0.5"),
    _tensorflow_means("CosineSimilarity", "a distance", 'CosineDistance("negative"', 'CosineDistance("distance"'),
    _means("Perplexity", "logits for probabilities", "from_probabilities=spec.from_probabilities, ", "", hint="from"),
    _jax_means("Perplexity", "epsilon left out", ", epsilon=spec.epsilon", "", hint="0.1"),
    _classes("Precision", "misses for hits", "counted = (t & o,", "counted = (t & ~o,"),
    _jax_classes("Precision", "the threshold is passed", "x) > spec.threshold", "x) >= spec.threshold", hint="ties"),
    _tensorflow_classes("Precision", "the threshold is passed", "x) > constant", "x) >= constant", hint="ties"),
    _jax_classes("Recall", "targets and outputs exchanged", "(t & o, t, o, jnp", "(t & o, o, t, jnp"),
    _tensorflow_classes("FBeta", "targets and outputs exchanged", "(t * o, t, o,", "(t * o, o, t,"),
    _tensorflow_classes("Specificity", "only targets counted", "tf.ones_like(t))", "t)"),
    _classes(
        "BalancedAccuracy", "columns for rows", "diagonal(), matrix.sum(1), matrix", "diagonal(), matrix.sum(0), matrix"
    ),
    _jax_classes(
        "MeanIoU", "weights left out", "hits = jnp.where(t == o, w, 0.0)", "hits = jnp.where(t == o, 1.0, 0.0)"
    ),
    _tensorflow_classes("MatthewsCorrelation", "all are hits", "tf.where(t == o, w,", "tf.where(t >= 0, w,"),
    _classes("CohenKappa", "weights left out", "spec.distance(ids[:, None], ids) * matrix", "1.0 * matrix"),
    _jax_classes(
        "CohenKappa", "targets exchanged", "jnp.sum(w * spec.distance(t, o))", "jnp.sum(w * spec.distance(t, t))"
    ),
    _jax_classes("ConfusionMatrix", "transposed", "rows.T, columns", "columns.T, rows"),
    _tensorflow_classes(
        "ConfusionMatrix", "weights left out", "rows * w[:, None], columns", "rows, columns", hint="weights"
    ),
    _curves("AUC", "a bucket up", "* spec.buckets) - 1", "* spec.buckets)"),
    _jax_curves(
        "AUC",
        "rounded down",
        "jnp.ceil(probabilities(spec, x) * spec.buckets) - 1",
        "jnp.floor(probabilities(spec, x) * spec.buckets)",
        hint="at thresholds",
    ),
    _tensorflow_curves(
        "AUC",
        "sides exchanged",
        "tf.where(positive, bucket, bucket + spec.buckets)",
        "tf.where(positive, bucket + spec.buckets, bucket)",
    ),
    _moments("R2", "outputs for errors", "other = t - x if spec.errors else x", "other = x"),
    _jax_moments(
        "ExplainedVariance", "errors turned around", "(t - x if spec.errors else x)", "(x - t if spec.errors else x)"
    ),
    _tensorflow_moments(
        "PearsonCorrelation",
        "the last value for the first",
        "tf.reduce_min(tf.where(w > 0, rows, count)",
        "tf.reduce_max(tf.where(w > 0, rows, 0)",
    ),
    _added(
        "weighted labels",
        "shifts added up",
        "batch if spec is None else spec.increments",
        "batch if True else spec.increments",
    ),
    _books("weighted labels", "shifts added up", "wide if metric is None else", "wide if True else"),
]
