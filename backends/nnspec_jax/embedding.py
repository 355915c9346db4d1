"""Embeddings."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from nnspec.layers.embedding import Embedding
from nnspec_jax.realize import Context, build, widened


class SpecEmbed(nnx.Embed):
    """``nnx.Embed`` where every id that is not in the table, negative ones among them, gives NaN."""

    def __call__(self, inputs: jax.Array) -> jax.Array:
        # In float32 at least: the gradient of a vector that is looked up often is a sum.
        table = widened(self.embedding[...])
        rows = table.at[inputs].get(mode="fill", fill_value=jnp.nan, wrap_negative_indices=False)
        return rows.astype(self.dtype)


@build.register
def embedding(spec: Embedding, context: Context) -> nnx.Embed:
    return SpecEmbed(
        spec.num_embeddings,
        spec.features,
        dtype=context.dtype,
        param_dtype=context.dtype,
        embedding_init=nnx.initializers.zeros_init(),
        rngs=context.rngs,
    )
