"""Mistakes in the layers that change colors, blur, and make of values other ones."""

from __future__ import annotations

from tests.mutants.mutant import planting

_reference = planting("nnspec.reference.color", "forward")
_jax = planting("nnspec_jax.color", "forward")
_tensorflow = planting("nnspec_tensorflow.color", "forward")
_tones = planting("nnspec.reference.tones", "forward")
_jax_tones = planting("nnspec_jax.tones", "forward")
_tf_tones = planting("nnspec_tensorflow.tones", "forward")
_filtering = planting("nnspec.reference.filtering", "forward")
_jax_filtering = planting("nnspec_jax.filtering", "forward")
_tf_filtering = planting("nnspec_tensorflow.filtering", "forward")
_histogram = planting("nnspec.reference.histogram", "forward")
_jax_histogram = planting("nnspec_jax.histogram", "forward", "kinks")
_tf_histogram = planting("nnspec_tensorflow.histogram", "forward", "kinks")
_CLAHE = "ContrastLimitedAdaptiveHistogramEqualization"

MUTANTS = [
    _reference("RandomBrightness", "from 0 to 1 whatever the range", "*spec.bounds) * spec.extent", "*spec.bounds)"),
    _reference("RandomContrast", "the mean of all channels", "x.mean((1, 2), keep", "x.mean((1, 2, 3), keep"),
    _reference("RandomHue", "green's place for blue", "r - g + 4 * c))", "r - g + 2 * c))"),
    _reference("RandomColorJitter", "the same words for all", "draws.after(step.draws())", "draws", hint="0.7"),
    _jax("RandomSaturation", "no largest one", "within = m * chroma < most", "within = m * chroma < jnp.inf"),
    _jax("RandomSaturation", "values from 0 on", "value - spec.value_range[0], ", "value, ", hint="value_range"),
    _jax("RandomHue", "turned one way", "jnp.where(draws.happens(0, 0.5), turn, -turn)", "turn"),
    _jax("RandomGrayscale", "the mean of channels", "LUMA[0] * r + LUMA[1] * g + LUMA[2] * b", "(r + g + b) / 3"),
    _tensorflow("RandomContrast", "not clipped", "+ mean, *spec.value_range)", "+ mean, -1e9, 1e9)"),
    _tensorflow("RandomHue", "not turned round", "tf.where(h < 0, h + 6 * c,", "tf.where(h < 0, h,"),
    _tensorflow("RandomColorDegeneration", "away from gray", "(gray(x) - x)", "(x - gray(x))"),
    _tensorflow("RandomColorJitter", "hue before saturation", "in spec.steps():", "in spec.steps()[::-1]:", hint="0.7"),
    _tones("RandomInvert", "from the highest alone", "sum(spec.value_range) - x", "spec.value_range[1] - x", hint="-1"),
    _tones("Solarization", "nothing added", "clipped(x + addition, ", "clipped(x, ", hint="addition"),
    _jax_tones("RandomPosterization", "rounded to the nearest", "jnp.floor(", "jnp.round("),
    _jax_tones("Solarization", "the threshold from 0 on", "z < low + threshold", "z < threshold", hint="value_range"),
    _tf_tones("RandomPosterization", "never the most bits", "most - fewest + 1", "most - fewest + 0", hint="1,3"),
    _tf_tones("RandomInvert", "only the sign", "constant(sum(spec.value_range), x) - x", "-x"),
    _filtering(
        "RandomGaussianBlur",
        "others not clipped",
        "clipped(np.where(draws.happens(0, spec.probability), blurred, x), spec.value_range)",
        "np.where(draws.happens(0, spec.probability), clipped(blurred, spec.value_range), x)",
    ),
    _filtering("RandomSharpness", "the other way round", "(1 - 2 * f)", "(2 * f - 1)"),
    _jax_filtering("RandomGaussianBlur", "one number for both", "draws.uniform(axis, ", "draws.uniform(1, "),
    _jax_filtering("RandomGaussianBlur", "no sum of 1", "weights / jnp.sum(weights, -1, keepdims=True)", "weights"),
    _tf_filtering("RandomGaussianBlur", "rows for columns", "(spec.sizes, 1)", "(spec.sizes[::-1], 1)", hint="5,3"),
    _tf_filtering("RandomSharpness", "a mean of nine", "+ 4 * x) / 13", "+ 0 * x) / 9"),
    _histogram("AutoContrast", "the whole image", "x.min((1, 2), keepdims=True)", "x.min((1, 2, 3), keepdims=True)"),
    _histogram("Equalization", "the least count left in", "255 * (below - fewest)", "255 * below"),
    _histogram(_CLAHE, "what is cut off is lost", "limited + (counts - limited).sum() / 256", "limited"),
    _jax_histogram("Equalization", "halves up", "((double % (2 * b) == 0) & (quotient % 2 == 1))", "0"),
    _jax_histogram(_CLAHE, "zeros beyond the edge", 'mode="symmetric"', 'mode="constant"', hint="20.0"),
    _tf_histogram("AutoContrast", "ends that stay", "(x - smallest) *", "(x - tf.stop_gradient(smallest)) *", "kinks"),
    _tf_histogram(_CLAHE, "above for below", "(upper * (1 - v) + lower * v)", "(upper * v + lower * (1 - v))"),
]
