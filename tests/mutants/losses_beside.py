"""Mistakes in losses that pull less, that are sparse, that take a whole batch, groups, or sequences."""

from __future__ import annotations

from tests.mutants.mutant import planting

_WINGS = ("nnspec.reference", "nnspec_jax", "nnspec_tensorflow")
_classes, _jax_classes, _tensorflow_classes = (
    planting(f"{wing}.losses.classification", "loss", "loss kinks") for wing in _WINGS
)
_margin, _jax_margin, _tensorflow_margin = (planting(f"{wing}.losses.margin", "loss", "loss kinks") for wing in _WINGS)
_numbers = planting("nnspec_jax.losses.regression", "loss")
_contrast, _jax_contrast, _tensorflow_contrast = (
    planting(f"{wing}.losses.contrastive", "loss", "loss kinks") for wing in _WINGS
)
_overlap, _jax_overlap, _tensorflow_overlap = (
    planting(f"{wing}.losses.segmentation", "loss", "loss kinks") for wing in _WINGS
)
_sequence, _jax_sequence, _tensorflow_sequence = (
    planting(f"{wing}.losses.sequences", "loss", "loss kinks") for wing in _WINGS
)

MUTANTS = [
    _tensorflow_classes(
        "KLDivergence", "targets as they are", "return tf.exp(given), given", "return given, given", hint="log_targets"
    ),
    _classes("GeneralizedKLDivergence", "masses left out", "divergence + (q - y).sum(-1)", "divergence"),
    _jax_classes(
        "GeneralizedKLDivergence",
        "1 at the bound",
        "jnp.where(x <= spec.epsilon, spec.epsilon, x)",
        "jnp.where(x < spec.epsilon, spec.epsilon, x)",
        "loss kinks",
    ),
    _classes("PolyCrossEntropy", "the other sign", "logs + spec.epsilon1", "logs - spec.epsilon1"),
    _tensorflow_classes(
        "PolyCrossEntropy",
        "epsilon1 in float32",
        "constant(spec.epsilon1, x)",
        "tf.cast(spec.epsilon1, x.dtype)",
        hint="0.7",
    ),
    _classes("GeneralizedCrossEntropy", "not divided by q", "_logs(spec, x, y)) / spec.q)", "_logs(spec, x, y)))"),
    _jax_classes(
        "GeneralizedCrossEntropy",
        "power of what is left",
        "jnp.expm1(spec.q * _logs(spec, x, y))",
        "-jnp.power(-jnp.expm1(_logs(spec, x, y)), spec.q)",
    ),
    _numbers("HalfSquaredError", "not halved", "return e * e / 2.0", "return e * e"),
    _margin("SparsemaxLoss", "probabilities' squares added", "(y * y).sum(-1) - (p", "(y * y).sum(-1) + (p"),
    _jax_margin("SparsemaxLoss", "softmax instead", "onto_simplex(x, -1)", "jax.nn.softmax(x, axis=-1)"),
    _tensorflow_margin(
        "SparsemaxLoss",
        "sums of targets taken for 1",
        "(1 - tf.reduce_sum(y, axis=-1)) * largest[..., 0]",
        "0 * largest[..., 0]",
        hint="unnormalized",
    ),
    _jax_margin("BinarySparsemaxLoss", "all pay beyond", "(1.0 - y) * jnp.where(high", "jnp.where(high"),
    _margin("BinarySparsemaxLoss", "flat beyond the bounds", "+ (1 - y) * np.maximum(x - 1, 0)", ""),
    _jax_overlap("Tversky", "all terms doubled", "values, first = factors", "values, first = 2 * factors", hint="over"),
    _overlap("GeneralizedDice", "frequencies not squared", "(0, *inner)) ** 2", "(0, *inner))"),
    _jax_overlap("GeneralizedDice", "weights of each example", "axis=(0, *inner)", "axis=inner"),
    _tensorflow_overlap("GeneralizedDice", "sample weights left out", "_added(w * y", "_added(y", hint="weights"),
    _contrast(
        "NTXent", "an example is its own partner", "spec.temperature, same & ~np.eye", "spec.temperature, same | np.eye"
    ),
    _jax_contrast("NTXent", "a mean over examples", "jnp.maximum(found.sum(), 1).astype(x.dtype)", "x.shape[0]"),
    _tensorflow_contrast(
        "NTXent", "partners among the rivals", "_log_sum(scores, ~same)", "_log_sum(scores, ~same | found)"
    ),
    _contrast("Circle", "one margin for both", "(1 - margin - cosines)", "(margin - cosines)"),
    _jax_contrast(
        "Circle",
        "weights may be negative",
        "jnp.where(cosines + margin <= 0, 0.0, cosines + margin)",
        "cosines + margin",
    ),
    _tensorflow_contrast(
        "Circle",
        "margin in float32",
        "constant(spec.gamma, x), constant(spec.margin, x)",
        "constant(spec.gamma, x), tf.cast(spec.margin, x.dtype)",
    ),
    _contrast(
        "TripletMargin",
        "negative first",
        "distances[..., 0] - distances[..., 1]",
        "distances[..., 1] - distances[..., 0]",
    ),
    _jax_contrast(
        "TripletMargin",
        "1 at the margin",
        "jnp.where(missing <= 0, 0.0, missing)\n\n    return per_position\n\n\n@realizing(specs.ContrastiveMargin)",
        "jnp.where(missing < 0, 0.0, missing)\n\n    return per_position\n\n\n@realizing(specs.ContrastiveMargin)",
        "loss kinks",
    ),
    _tensorflow_contrast(
        "TripletMargin",
        "epsilon left out",
        "tf.sqrt(squares + constant(spec.epsilon, squares))",
        "tf.sqrt(squares)",
        hint="epsilon=0.3",
    ),
    _contrast("BatchHardTriplet", "the nearest of all", "np.where(same, np.inf, distances)", "distances"),
    _jax_contrast(
        "BatchHardTriplet", "the nearest partner", "largest(jnp.where(_others", "-largest(-1 * jnp.where(_others"
    ),
    _tensorflow_contrast(
        "BatchHardTriplet",
        "an example is its own partner",
        "tf.where(_others(same), distances, never)",
        "tf.where(same, distances, never)",
    ),
    _jax_contrast(
        "BatchSemiHardTriplet", "a rival as near as the partner", "(far > near)", "(far >= near)", "loss kinks"
    ),
    _contrast("BatchSemiHardTriplet", "the nearest where none is farther", "else others.max()", "else others.min()"),
    _jax_contrast(
        "BatchSemiHardTriplet",
        "the farthest of those beyond",
        "-largest(jnp.where(beyond, -far,",
        "largest(jnp.where(beyond, far,",
    ),
    _tensorflow_contrast(
        "BatchSemiHardTriplet",
        "the mean over examples",
        "_mean_over(pairs, tf.reduce_sum(positive(missing)",
        "_mean_over(positive(missing) >= 0, tf.reduce_sum(positive(missing)",
    ),
    _contrast("ContrastiveMargin", "the paper's labels", "y * squares + (1 - y)", "(1 - y) * squares + y"),
    _jax_contrast(
        "ContrastiveMargin",
        "NaN for equal vectors",
        "jnp.where(equal, 0.0, jnp.sqrt(jnp.where(equal, 1.0, squares)))",
        "jnp.sqrt(squares)",
        "loss kinks",
    ),
    _sequence("CTC", "repetitions need no blank", "& (extended[2:] != extended[:-2])", ""),
    _jax_sequence("CTC", "ends with a blank", "jnp.where(last > 0, jnp.take", "jnp.where(last > 99, jnp.take"),
    _tensorflow_sequence("CTC", "all steps count", "(k < counts)[:, None]", "(k < 99 + counts)[:, None]", hint="step"),
    _jax_sequence("CTC", "infinite where nothing aligns", "if spec.zero_infinity else", "if False else", hint="zero"),
]
