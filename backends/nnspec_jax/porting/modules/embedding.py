"""Embeddings."""

from __future__ import annotations

from typing import Any

from flax import linen as nn, nnx

from nnspec.layers.embedding import Embedding, Unembedding
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, convert, converts
from nnspec_jax.porting.marker import POINTWISE
from nnspec_jax.porting.modules.variables import variables

POINTWISE.update((nnx.Embed, nn.Embed))


@convert.register(nnx.Embed)
@convert.register(nn.Embed)
def embed(module: nnx.Embed | nn.Embed, context: Context, inputs: Value, out_sharding: Any = None) -> Value:
    layer = Embedding(module.num_embeddings, module.features)
    return context.call(layer, inputs, variables=variables(module, "embedding"))


@converts((nnx.Embed, "attend"), (nn.Embed, "attend"))
def attend(module: nnx.Embed | nn.Embed, context: Context, query: Value, out_sharding: Any = None) -> Value:
    return context.call(Unembedding(module.num_embeddings), query, variables=variables(module, "embedding"))
