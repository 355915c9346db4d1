"""Random changes of token ids in training, on bits computed inside the compiled step."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from nnspec.layers.tokens import TokenDropout, TokenMasking
from nnspec_jax.augmentation import Words
from nnspec_jax.dropout import KeepMask
from nnspec_jax.random import wide_product
from nnspec_jax.realize import Context, build


def _below(words: jax.Array, limit: int) -> jax.Array:
    """Where words are below a number up to 2³², which is no uint32."""
    return jnp.ones(words.shape, jnp.bool_) if limit >= 2**32 else words < np.uint32(limit)


def _among(x: jax.Array, ids: tuple[int, ...]) -> jax.Array:
    return (x[..., None] == np.array(ids, np.int32)).any(-1)


class PhiloxMasking(nnx.Module):
    """BERT's masking of ids, by words of the model's seed and step.

    ``train()`` and ``eval()`` switch it as they switch ``nnx.Dropout``.
    """

    def __init__(self, spec: TokenMasking) -> None:
        self.spec = spec
        self.deterministic = False

    def __call__(self, x: jax.Array, words: Words) -> jax.Array:
        spec, y, chosen = self.spec, x, jnp.zeros(x.shape, jnp.bool_)
        if not self.deterministic:
            y, chosen = masked(spec, x, words((x.shape[0], spec.draws(x.shape))))
        return jnp.stack([y, jnp.where(chosen, x, np.int32(spec.ignore_label))], -1) if spec.return_labels else y


def masked(spec: TokenMasking, x: jax.Array, words: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The ids that training gives, and which of them were chosen, for (examples, ``spec.draws``) words."""
    drawn = words.reshape(*x.shape, 2)
    hidden, changed, chosen = (_below(drawn[..., 0], limit) for limit in spec.limits)
    eligible = ~_among(x, spec.special_ids)
    chosen &= eligible
    if spec.at_least_one and spec.rate and x.size:
        needed = _needed(drawn[..., 0], eligible, chosen)
        hidden, changed, chosen = hidden | needed, changed | needed, chosen | needed
    random = wide_product(drawn[..., 1], spec.num_embeddings)[0].astype(jnp.int32)
    return jnp.where(chosen & changed, jnp.where(hidden, np.int32(spec.mask_id), random), x), chosen


def _needed(u: jax.Array, eligible: jax.Array, chosen: jax.Array) -> jax.Array:
    """The position of the smallest word of each example in which none is chosen."""
    flat = jnp.where(eligible, u, np.uint32(2**32 - 1)).reshape(u.shape[0], -1)
    first = jnp.argmin(flat, 1, keepdims=True)
    here = jax.lax.broadcasted_iota(first.dtype, flat.shape, 1) == first
    none = ~chosen.reshape(flat.shape).any(1, keepdims=True)
    return (here & none).reshape(u.shape) & eligible


class PhiloxTokenDropout(nnx.Module):
    """Word dropout on masks of the model's seed and step."""

    def __init__(self, spec: TokenDropout) -> None:
        self.spec = spec
        self.deterministic = False

    def __call__(self, x: jax.Array, keep_mask: KeepMask) -> jax.Array:
        spec = self.spec
        if self.deterministic or spec.rate == 0.0:
            return x
        kept = keep_mask(spec.rate, spec.mask_shape(x.shape))
        if spec.num_embeddings is not None:
            known = (x >= 0) & (x < spec.num_embeddings)
            kept = jax.vmap(lambda mask, ids: mask[ids])(kept, jnp.where(known, x, 0)) | ~known
        return jnp.where(kept | _among(x, spec.special_ids), x, np.int32(spec.replacement))


@build.register
def token_masking(spec: TokenMasking, context: Context) -> PhiloxMasking:
    return PhiloxMasking(spec)


@build.register
def token_dropout(spec: TokenDropout, context: Context) -> PhiloxTokenDropout:
    return PhiloxTokenDropout(spec)
