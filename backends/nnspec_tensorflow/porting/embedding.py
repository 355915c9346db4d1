"""Embeddings."""

from __future__ import annotations

from typing import Any

import nnspec
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context, convert
from nnspec_tensorflow.startup import keras


def whole(context: Context, ids: Value) -> Value:
    """Ids as int32, where Keras is given floats, which it rounds towards 0."""
    return ids if context.dtypes[ids] == "int32" else context.call(nnspec.AsType("int32"), ids, part="ids")


@convert.register(keras.layers.Embedding)
def embedding(layer: Any, context: Context, inputs: Value) -> Value:
    spec = nnspec.Embedding(layer.input_dim, layer.output_dim)
    return context.call(spec, whole(context, inputs), variables={"embedding": layer.embeddings})


@convert.register(keras.layers.ReversibleEmbedding)
def reversible_embedding(layer: Any, context: Context, inputs: Value, reverse: bool = False) -> Value:
    table = (id(layer), "table")
    if not reverse:
        spec = nnspec.Embedding(layer.input_dim, layer.output_dim)
        return context.call(spec, whole(context, inputs), variables={"embedding": layer.embeddings}, owner=table)
    capped = layer.logit_soft_cap is not None
    part = "logits" if capped else None
    if layer.tie_weights:
        back = nnspec.Unembedding(layer.input_dim)
        y = context.call(back, inputs, variables={"embedding": layer.embeddings}, owner=table, part=part)
    else:
        kernel = {"kernel": layer.reverse_embeddings}
        y = context.call(nnspec.Dense(layer.input_dim, use_bias=False), inputs, variables=kernel, part=part)
    if not capped:
        return y
    cap = float(layer.logit_soft_cap)
    y = context.call(nnspec.Rescaling(1 / cap), y, part="shrunk")
    y = context.call(nnspec.Tanh(), y, part="tanh")
    return context.call(nnspec.Rescaling(cap), y)
