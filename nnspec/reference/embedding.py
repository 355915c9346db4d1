"""Embeddings."""

from __future__ import annotations

import numpy as np

from nnspec.layers.embedding import Embedding, Unembedding
from nnspec.reference.base import Array, Scope, apply


@apply.register(Embedding)
def embedding(spec: Embedding, scope: Scope, x: Array) -> Array:
    table = scope["embedding"]
    known = (x >= 0) & (x < spec.num_embeddings)
    return np.where(known[..., None], table[np.where(known, x, 0)], np.asarray(np.nan, table.dtype))


@apply.register(Unembedding)
def unembedding(spec: Unembedding, scope: Scope, x: Array) -> Array:
    return np.asarray(x @ scope["embedding"].T)
