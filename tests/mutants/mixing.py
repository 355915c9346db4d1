"""Mistakes in the mixing of examples."""

from __future__ import annotations

from tests.mutants.mutant import planting

_reference = planting("nnspec.reference.mixing", "training")
_jax = planting("nnspec_jax.mixing", "training", dtype="float32")
_tensorflow = planting("nnspec_tensorflow.mixing", "training", dtype="float32")

MUTANTS = [
    _reference("MixUp", "words of another stream", '"mixing"', '"shuffle"'),
    _reference("CutMix", "the share that is cut", "left.mean(1)", "1 - left.mean(1)"),
    _jax("MixUp", "mixed with the next", "jnp.roll(x, 1, 0).astype", "jnp.roll(x, -1, 0).astype"),
    _jax("MixUp", "weights left as they are", '_combined(batch["weights"], share)', 'batch["weights"]'),
    _jax("CutMix", "boxes of one element more", "(place < high)", "(place <= high)", hint="convolutional"),
    _tensorflow("MixUp", "targets left as they are", "_combined(targets, share)", "tf.cast(targets, wide)"),
    _tensorflow(
        "CutMix", "one word for all axes", "drawn[:, 1:], sixteen)", "drawn[:, 1:2], sixteen)", hint="convolutional"
    ),
    _tensorflow("CutMix", "what is left of the next", "tf.roll(x, 1, 0), x)}, share", "tf.roll(x, -1, 0), x)}, share"),
]
