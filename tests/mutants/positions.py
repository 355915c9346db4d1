"""Mistakes in positions, in the reference and in the backends."""

from __future__ import annotations

from tests.mutants.mutant import planting

_reference = planting("nnspec.reference.positions", "forward")
_jax = planting("nnspec_jax.positions", "forward", "gradients")
_tensorflow = planting("nnspec_tensorflow.positions", "forward", "gradients")

MUTANTS = [
    _reference(
        "SinusoidalPositions",
        "cosines first",
        "waves = np.sin(angles), np.cos(angles)",
        "waves = np.cos(angles), np.sin(angles)",
    ),
    _reference(
        "RotaryPositions",
        "rotated the other way",
        "a * cos - b * sin, b * cos + a * sin",
        "a * cos + b * sin, b * cos - a * sin",
    ),
    _reference(
        "RelativePositionBias",
        "queries after keys",
        "return np.arange(sequences[-1].shape[1]) - places(sequences[0].shape[1], start)[..., None]",
        "return places(sequences[0].shape[1], start)[..., None] - np.arange(sequences[-1].shape[1])",
    ),
    _reference("ALiBi", "growing with the distance", "-spec.slopes()", "spec.slopes()"),
    _jax(
        "SinusoidalPositions",
        "halves and neighbors exchanged",
        'jnp.stack(waves, -1 if spec.pairs == "interleaved" else -2)',
        'jnp.stack(waves, -2 if spec.pairs == "interleaved" else -1)',
    ),
    _jax(
        "RotaryPositions",
        "halves of all features, not of those that are rotated",
        "pairs = x[..., :count].reshape",
        "pairs = x[..., -count:].reshape",
        hint="fraction",
    ),
    _jax(
        "RelativePositionBias",
        "the distances beyond the farthest are the nearest",
        "jnp.clip(_offsets(self.spec, inputs), -most, most) + most",
        "_offsets(self.spec, inputs) % (2 * most + 1)",
        hint="beyond",
    ),
    _jax(
        "LearnedPositions", "in the place of what is there", "_placed(table, x, self.add)", "_placed(table, x, False)"
    ),
    _jax("ALiBi", "the same slope for all heads", "jnp.asarray(spec.slopes(), wide)", "jnp.full(spec.num_heads, 0.5)"),
    _tensorflow(
        "SinusoidalPositions",
        "waves of the features, not of their pairs",
        "waves = _waves(spec.frequencies(x.shape[2]), x, start)",
        "waves = _waves(spec.frequencies(2 * x.shape[2])[: x.shape[2] // 2], x, start)",
    ),
    _tensorflow(
        "RotaryPositions",
        "rotated the other way",
        "a * cos - b * sin, b * cos + a * sin",
        "a * cos + b * sin, b * cos - a * sin",
    ),
    _tensorflow(
        "RotaryPositions",
        "waves in float32",
        "tf.constant(np.sin(angles), x.dtype)",
        "tf.cast(tf.constant(np.sin(angles), tf.float32), x.dtype)",
    ),
    _tensorflow(
        "LearnedPositions",
        "counted from the end of the table",
        "table = table[:length]",
        "table = table[-length:]",
        hint="max_length=5",
    ),
    _tensorflow(
        "RelativePositionBias",
        "heads and keys exchanged",
        "(0, 3, 1, 2))",
        "(0, 3, 2, 1))",
        raises=True,
    ),
]
