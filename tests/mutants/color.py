"""Mistakes in the layers that change colors."""

from __future__ import annotations

from tests.mutants.mutant import planting

_reference = planting("nnspec.reference.color", "forward")
_jax = planting("nnspec_jax.color", "forward")
_tensorflow = planting("nnspec_tensorflow.color", "forward")

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
]
