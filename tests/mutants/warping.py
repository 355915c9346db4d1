"""Mistakes in layers that shift, turn, stretch and distort images: in the reference and in both adapters."""

from __future__ import annotations

from tests.mutants.mutant import planting

_warp = planting("nnspec.reference.warping", "forward")
_jax = planting("nnspec_jax.warping", "forward")
_tf = planting("nnspec_tensorflow.warping", "forward")

MUTANTS = [
    _warp("RandomTranslation", "the other way", "return p - down, q - right", "return p + down, q + right"),
    _warp("RandomTranslation", "the period of the mode mirror", "2 * n - 1 - k", "2 * n - 2 - k"),
    _warp("RandomRotation", "clockwise", " + sin * (q - cq)", " - sin * (q - cq)"),
    _warp("RandomZoom", "about the corner", "(len(p) - 1) / 2, (len(q) - 1) / 2", "0.0, 0.0"),
    _warp("RandomShear", "rows for columns", "q + sign * across * (p - op)", "q + sign * down * (p - op)"),
    _jax("RandomTranslation", "halves down", "s, t = s + 0.5, t + 0.5", "s, t = s + 0.499, t + 0.499", hint="ties"),
    _jax(
        "RandomTranslation",
        "numbers of float32",
        "(spec.height_factor), jnp.float64",
        "(spec.height_factor), jnp.float32",
    ),
    _jax("RandomRotation", "degrees for turns", "2 * math.pi * (turns", "math.pi / 180 * (turns"),
    _jax("RandomZoom", "wrapped by one less", "jnp.clip(place, 0, n - 1)", "jnp.mod(place, n)", hint="nearest"),
    _jax("RandomShear", "no sign", "jnp.where(draws.happens(2, 0.5), -1.0, 1.0)", "1.0", hint="corner"),
    _tf(
        "RandomTranslation",
        "edges for the fill",
        "constant(spec.fill_value, x))",
        "found)",
        hint="constant",
    ),
    _tf(
        "RandomRotation",
        "three quarters for one",
        "tf.where(more, -sin, cos), tf.where(more, cos, sin)",
        "tf.where(more, sin, cos), tf.where(more, -cos, sin)",
    ),
    _tf("RandomZoom", "the middle of the sizes", "constant((p.shape[0] - 1) / 2, p)", "constant(p.shape[0] / 2, p)"),
    _tf(
        "RandomShear",
        "always about the corner",
        'if spec.origin == "center"',
        'if spec.origin == "middle"',
        hint="wrap",
    ),
    _warp("RandomElasticTransform", "not smoothed by σ", "alpha * f * (sigma * f) * np", "alpha * f * np"),
    _warp("RandomPerspective", "changed always", "np.where(draws.happens(0, spec.chance()), y, x)", "y", hint="0.8"),
    _jax("RandomPerspective", "corners forth, not back", "(e - f * h, c * h - b, b * f - c * e)", "(a, b, c)"),
    _jax(
        "RandomElasticTransform",
        "kernels that never end",
        "abs(i) <= 3 * jnp.floor(sigma)",
        "abs(i) <= 3 + 0 * sigma",
        hint="blurred",
    ),
    _tf("RandomPerspective", "rows for columns", "for n in (p, q))\n    corners", "for n in (q, p))\n    corners"),
    _tf("RandomElasticTransform", "one field for both", "q + moved[..., 1:]", "q + moved[..., :1]"),
]
