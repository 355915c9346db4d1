"""Embeddings: vectors looked up by whole numbers, and numbers told from vectors."""

from __future__ import annotations

from typing import Any

from nnspec.layers.embedding import Embedding, Unembedding
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.porting.export.linear import PLAIN
from nnspec_tensorflow.startup import keras

TABLE: dict[str, Any] = {
    "embeddings_initializer": "zeros",
    "embeddings_regularizer": None,
    "embeddings_constraint": None,
    "mask_zero": False,
}


@native.register(Embedding)
@native.register(Unembedding)
def embedding(spec: Embedding | Unembedding, context: Context, x: Tensor) -> Tensor:
    backwards = isinstance(spec, Unembedding)
    kinds = {type(use) for use in context.owner.uses}
    if isinstance(spec, Embedding):
        context.note("ids that are not in the table give what Keras's backend makes of them, not NaN")
    if kinds == {Embedding}:
        layer = context.layer(keras.layers.Embedding, *_sizes(spec, context), **TABLE)
        return context.call(layer, x, embedding="embeddings")
    if kinds == {Unembedding}:
        layer = context.layer(keras.layers.Dense, spec.num_embeddings, activation="linear", use_bias=False, **PLAIN)
        y = layer(x)
        context.hold("embedding", layer, "kernel", write=_transposed, read=_back)
        return y
    layer = context.layer(
        keras.layers.ReversibleEmbedding,
        *_sizes(spec, context),
        tie_weights=True,
        reverse_dtype=None,
        logit_soft_cap=None,
        **TABLE,
    )
    return context.call(layer, x, options={"reverse": True} if backwards else None, embedding="embeddings")


def _sizes(spec: Embedding | Unembedding, context: Context) -> tuple[int, int]:
    rows, features = context.owner.params["embedding"].shape
    return rows, features


def _transposed(weight: Any, variable: Any) -> Any:
    return variable.T


def _back(weight: Any) -> Any:
    return weight.T
