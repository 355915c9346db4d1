"""Mistakes in variables that are values by themselves, in the backends."""

from __future__ import annotations

from tests.mutants.mutant import planting

_reference = planting("nnspec.reference.parameter", "forward")
_jax = planting("nnspec_jax.parameter", "forward", "gradients")
_tensorflow = planting("nnspec_tensorflow.parameter", "forward", "gradients")

MUTANTS = [
    _reference(
        "Parameter",
        "divided by the number of examples",
        'np.broadcast_to(scope["value"], (len(x), *spec.shape))',
        'np.broadcast_to(scope["value"] / len(x), (len(x), *spec.shape))',
    ),
    _jax(
        "Parameter",
        "no gradient",
        "widened(self.value[...])",
        "jax.lax.stop_gradient(widened(self.value[...]))",
        "gradients",
    ),
    _tensorflow(
        "Parameter",
        "in float32",
        "tf.cast(self.value, working(self.compute_dtype))",
        "tf.cast(self.value, tf.float32)",
    ),
]
