"""Mistakes in the normalization of kernels: in the reference and in both adapters."""

from __future__ import annotations

from tests.mutants.mutant import planting

_reference = planting("nnspec.reference.weight_normalization", "forward", "state", "gradients")
_jax = planting("nnspec_jax.weight_normalization", "forward", "state", "gradients")
_tensorflow = planting("nnspec_tensorflow.weight_normalization", "forward", "state", "gradients")

MUTANTS = [
    _reference("SpectralNorm", "σ squared", "kernel / sigma if sigma", "kernel / sigma**2 if sigma"),
    _reference("WeightNorm", "without the lengths", "kernel * np.expand_dims(", "kernel + 0 * np.expand_dims("),
    _jax("SpectralNorm", "u stays", "self.u.set_value(u.astype(stored.dtype))", "u.astype(stored.dtype)"),
    _jax("SpectralNorm", "σ is a constant", "jnp.matmul(v, matrix, precision", "jnp.matmul(v, fixed, precision"),
    _jax(
        "WeightNorm", "a length for each input", "summed = self.spec.summed(kernel.ndim)", "summed = (0,)", raises=True
    ),
    _tensorflow(
        "SpectralNorm",
        "in inference, too",
        "        if training:\n            if spec.n_steps",
        "        if True:\n            if spec.n_steps",
    ),
    _tensorflow(
        "WeightNorm",
        "epsilon beside the root",
        "tf.sqrt(squares + constant(self.spec.epsilon, kernel))",
        "(tf.sqrt(squares) + constant(self.spec.epsilon, kernel))",
        hint="epsilon",
    ),
]
