"""Cases of the embeddings. Ids repeat within a batch, so that gradients are sums."""

from __future__ import annotations

from nnspec.layers.embedding import Embedding, Unembedding
from nnspec_conformance.case import Case

CASES = [
    Case(Embedding(5, 3), (4,), dtype="int32"),
    Case(Embedding(2, 4), (), dtype="int32", id="one id"),
    Case(Embedding(4, 2), (2, 3), dtype="int32", id="rank 3"),
    Case(Embedding(1, 3), (4,), dtype="int32", id="one vector"),
    Case(Embedding(6, 1), (5,), dtype="int32", id="one feature"),
    Case(Embedding(5, 3), (7,), dtype="int32", integers=(-3, 8), id="ids that are not in the table"),
    Case(Embedding(5, 3, embedding_init={"normal": 0.3}), (4,), dtype="int32"),
    Case(Unembedding(5), (3,)),
    Case(Unembedding(4, embedding_init={"normal": 0.3}), (2, 3)),
]
