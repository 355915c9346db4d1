"""Mistakes in ids that are made of numbers, in the reference and in the backends."""

from __future__ import annotations

from tests.mutants.mutant import planting

_reference = planting("nnspec.reference.lookup", "forward")
_jax = planting("nnspec_jax.lookup", "forward")
_tensorflow = planting("nnspec_tensorflow.lookup", "forward")

MUTANTS = [
    _reference(
        "Discretization",
        "boundaries belong to the bin before",
        "np.digitize(x, boundaries)",
        "np.digitize(x, boundaries, True)",
    ),
    _reference(
        "Hashing",
        "the mask's bin is others', too",
        "fingerprint % (spec.num_bins - spec.masked) + spec.masked",
        "fingerprint % spec.num_bins",
        hint="mask_value",
    ),
    _jax("IntegerLookup", "no id for the mask", "spec.masks + several", "several", hint="mask_token"),
    _jax(
        "Hashing", "texts with a zero for their sign", "jnp.where(negative, _MINUS, np", "jnp.where(negative, _ZERO, np"
    ),
    _jax(
        "Hashing",
        "a text of eight bytes is as one of seven",
        "jnp.where(length >= np.uint64(8), long",
        "jnp.where(length > np.uint64(8), long",
        hint="num_bins=1000",
    ),
    _jax("HashedCrossing", "numbers without their sign", "x.astype(jnp.int64).astype", "x.astype(jnp.uint32).astype"),
    _tensorflow(
        "Discretization",
        "whole numbers compared with rounded boundaries",
        "spec.bin_boundaries if x.dtype.is_floating else spec.whole",
        "spec.bin_boundaries[:-1] if x.dtype.is_integer else spec.bin_boundaries",
        hint="3e",
        raises=True,
    ),
    _tensorflow(
        "IntegerLookup",
        "remainders with the number's sign",
        "tf.math.floormod(x, spec.num_oov_indices)",
        "tf.truncatemod(x, spec.num_oov_indices)",
        hint="num_oov_indices=3",
    ),
    _tensorflow("Hashing", "SipHash of three final rounds", "count=4)", "count=3)", hint="salt"),
    _tensorflow(
        "Hashing",
        "digits in the order in which they are found",
        "place = length - (i + 1)",
        "place = negative + i",
        hint="num_bins=1000",
    ),
]
