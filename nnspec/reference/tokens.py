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
    y, chosen = x, np.zeros(x.shape, np.bool_)
    if scope.training:
        y, chosen = masked(spec, x, scope.words("augmentation", (len(x), spec.draws(x.shape))))
    return np.stack([y, np.where(chosen, x, spec.ignore_label)], axis=-1).astype(np.int32) if spec.return_labels else y


def masked(spec: TokenMasking, x: Array, words: NDArray[np.uint32]) -> tuple[Array, NDArray[np.bool_]]:
    """The ids that training gives, and which of them were chosen, for (examples, ``spec.draws``) words."""
    u, v = (words[:, i::2].reshape(x.shape) for i in (0, 1))
    # In uint64, since a limit may be more than a word can hold.
    hidden, changed, chosen = (u < np.uint64(limit) for limit in spec.limits)
    eligible = ~np.isin(x, spec.special_ids)
    chosen &= eligible
    if spec.at_least_one and spec.rate:
        needed = _needed(u, eligible, chosen)
        hidden, changed, chosen = hidden | needed, changed | needed, chosen | needed
    anew = np.where(hidden, spec.mask_id, random.whole(v, spec.num_embeddings))
    return np.where(chosen & changed, anew, x).astype(np.int32), chosen


def _needed(u: NDArray[np.uint32], eligible: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The position of the smallest word of each example in which none is chosen."""
    needed = np.zeros_like(chosen)
    for row, words, may, done in zip(needed, u, eligible, chosen, strict=True):
        if may.any() and not done.any():
            first = np.unravel_index(np.argmin(np.where(may, words, 2**32 - 1)), words.shape)
            row[first] = may[first]
    return needed


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
