"""Random changes of token ids in training."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nnspec import random
from nnspec.layers.tokens import TokenDropout, TokenMasking
from nnspec.reference.base import Array, Scope, apply


@apply.register(TokenMasking)
def token_masking(spec: TokenMasking, scope: Scope, x: Array) -> Array:
    chosen, y = np.zeros(x.shape, np.bool_), x
    if scope.training:
        words = scope.words("augmentation", (len(x), spec.draws(x.shape)))
        u, v = (words[:, i::2].reshape(x.shape) for i in (0, 1))
        # In uint64, since a limit may be more than a word can hold.
        masked, changed, chosen = (u < np.uint64(limit) for limit in spec.limits)
        chosen &= ~np.isin(x, spec.special_ids)
        anew = np.where(masked, spec.mask_id, random.whole(v, spec.num_embeddings))
        y = np.where(chosen & changed, anew, x)
    y = y.astype(np.int32)
    return np.stack([y, np.where(chosen, x, spec.ignore_label)], axis=-1).astype(np.int32) if spec.return_labels else y


@apply.register(TokenDropout)
def token_dropout(spec: TokenDropout, scope: Scope, x: Array) -> Array:
    if not scope.training or spec.rate == 0:
        return x
    kept = scope.keep_mask(spec.rate, spec.mask_shape(x.shape))
    if spec.num_embeddings is not None:
        kept = _of_ids(kept, x)
    return np.where(kept | np.isin(x, spec.special_ids), x, spec.replacement).astype(np.int32)


def _of_ids(mask: NDArray[np.bool_], x: Array) -> NDArray[np.bool_]:
    """A mask (batch, ids) where its ids stand; others are kept."""
    known = (x >= 0) & (x < mask.shape[1])
    ids = np.where(known, x, 0).reshape(len(x), math.prod(x.shape[1:]))
    found: NDArray[np.bool_] = np.take_along_axis(mask, ids, 1).reshape(x.shape) | ~known
    return found
