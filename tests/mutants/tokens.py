"""Mistakes in the ids that training changes, in the reference and in the backends."""

from __future__ import annotations

from tests.mutants.mutant import planting

_reference = planting("nnspec.reference.tokens", "forward")
_jax = planting("nnspec_jax.tokens", "forward")
_tensorflow = planting("nnspec_tensorflow.tokens", "forward")
_mixing = planting("nnspec.reference.mixing", "training")
_jax_mixing = planting("nnspec_jax.mixing", "training", dtype="float32")
_tensorflow_mixing = planting("nnspec_tensorflow.mixing", "training", dtype="float32")

MUTANTS = [
    _mixing(
        "MaskedLM", "those are asked for that are not chosen", "return {name: y}, chosen", "return {name: y}, ~chosen"
    ),
    _jax_mixing("MaskedLM", "ids as they were", "return {name: y}, chosen", "return {name: x}, chosen"),
    _tensorflow_mixing(
        "MaskedLM", "all are asked for", "tf.where(share, targets, tf", "tf.where(share, targets, targets + 0 * tf"
    ),
    _reference("TokenMasking", "special ids chosen alone", "~np.isin(x, spec.special_ids)", "np.isin(x, (0, 1, 7))"),
    _reference(
        "TokenMasking",
        "all words of decisions before those of ids",
        "(words[:, i::2].reshape(x.shape) for i in (0, 1))",
        "words.reshape(len(x), 2, -1).swapaxes(0, 1).reshape(2, *x.shape)",
    ),
    _reference(
        "TokenDropout",
        "ids that are none of the mask's are dropped",
        ".reshape(x.shape) | ~known",
        ".reshape(x.shape) & known",
        hint="num_embeddings",
    ),
    _jax("TokenMasking", "one more than those that are chosen", "(here & none)", "here", hint="special_ids"),
    _jax("TokenMasking", "the label is what was put there", "jnp.where(chosen, x, np", "jnp.where(chosen, y, np"),
    _jax(
        "TokenMasking",
        "shares of all ids, not of those chosen",
        "(_below(drawn[..., 0], limit) for limit in spec.limits)",
        "(_below(drawn[..., 0], round(2**32 * s)) for s in (spec.mask_fraction, 1 - spec.random_fraction, spec.rate))",
        hint="rate=0.5",
    ),
    _jax("TokenDropout", "padding in place of the id given", "np.int32(spec.replacement)", "np.int32(0)", hint="=5"),
    _tensorflow(
        "TokenMasking",
        "masked ids are among the random ones",
        "tf.where(hidden, spec.mask_id, random), x), chosen",
        "random, x), chosen",
    ),
    _tensorflow(
        "TokenDropout", "special ids dropped, too", "kept | _among(x, spec.special_ids)", "kept", hint="special_ids"
    ),
]
