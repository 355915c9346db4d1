"""Mistakes in spectra, in the reference and in the backends."""

from __future__ import annotations

from tests.mutants.mutant import planting

_reference = planting("nnspec.reference.spectra", "forward")
_jax = planting("nnspec_jax.spectra", "forward", "gradients", "kinks")
_tensorflow = planting("nnspec_tensorflow.spectra", "forward", "gradients", "kinks")

MUTANTS = [
    _reference("STFTSpectrogram", "the conjugate", "return a, 0 - b", "return a, b", hint="imag"),
    _reference(
        "STFTSpectrogram",
        "two mirror images of each frequency",
        "np.where(mirrored, 2, 1)",
        "np.where(mirrored, 3, 1)",
        hint="psd",
    ),
    _reference("MelSpectrogram", "powers of magnitudes twice", "kind(spec.power / 2)", "kind(spec.power)"),
    _reference(
        "MelSpectrogram", "the largest of each frame", "else (1, 2), keepdims", "else 2, keepdims", hint="top_db"
    ),
    _jax(
        "STFTSpectrogram", "channels within frequencies", "y.swapaxes(1, 2).reshape", "y.transpose(0, 2, 3, 1).reshape"
    ),
    _jax(
        "STFTSpectrogram",
        "ends repeated in the mirror",
        "(size - 1) - np.abs((size - 1) - np.abs(place))",
        "np.where(place < 0, -place - 1, np.where(place < size, place, 2 * size - 1 - place))",
        hint="centered",
    ),
    _jax("STFTSpectrogram", "the gradient at the smallest square", "x <= bound, bound, x", "x < bound, bound, x"),
    _jax(
        "MelSpectrogram",
        "no gradient of the largest",
        "jnp.where(y >= bound, y, bound)",
        "jnp.where(y >= bound, y, jax.lax.stop_gradient(bound))",
        hint="top_db=6",
    ),
    _jax(
        "MelSpectrogram",
        "no reference power",
        "/ jnp.asarray(reference, powers.dtype)",
        "/ jnp.asarray(1, powers.dtype)",
        hint="ref_power",
    ),
    _tensorflow(
        "STFTSpectrogram",
        "zeros before frames alone",
        "before, after = _pads(spec, size)",
        "before, after = sum(_pads(spec, size)), 0",
        hint="same",
    ),
    _tensorflow(
        "STFTSpectrogram",
        "the window in float32",
        "tf.constant(spec.taps(), x.dtype)",
        "tf.cast(tf.constant(spec.taps(), tf.float32), x.dtype)",
    ),
    _tensorflow(
        "STFTSpectrogram",
        "rounding in place of nothing",
        "tf.where(own, b, a - a)",
        "b + 1e-17 * tf.cast(~own, b.dtype)",
        hint="angle",
    ),
    _tensorflow(
        "MelSpectrogram",
        "the natural logarithm in decibels",
        "constant(10 / np.log(10), powers)",
        "constant(10, powers)",
    ),
    _tensorflow(
        "MelSpectrogram", "the largest of the batch", "1 if spec.over_batch else sizes(y)[0]", "1", hint="top_db=6"
    ),
]
