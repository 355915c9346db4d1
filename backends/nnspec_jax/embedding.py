"""Embeddings."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from nnspec.layers.embedding import Embedding, Unembedding
from nnspec_jax.linear import product
from nnspec_jax.realize import Context, build, widened


class SpecEmbed(nnx.Embed):
    """``nnx.Embed`` where every id that is not in the table, negative ones among them, gives NaN.

    Vectors instead of ids are multiplied by the table, which two nodes may share so.
    """

    def __call__(self, inputs: jax.Array) -> jax.Array:
        if jnp.issubdtype(inputs.dtype, jnp.floating):
            return product(widened(inputs), widened(self.embedding[...]).T).astype(self.dtype)
        # In float32 at least: the gradient of a vector that is looked up often is a sum.
        table = widened(self.embedding[...])
        rows = table.at[inputs].get(mode="fill", fill_value=jnp.nan, wrap_negative_indices=False)
        return rows.astype(self.dtype)


@build.register(Embedding)
@build.register(Unembedding)
def embedding(spec: Embedding | Unembedding, context: Context) -> nnx.Embed:
    return SpecEmbed(
        spec.num_embeddings,
        spec.features if isinstance(spec, Embedding) else context.features,
        dtype=context.dtype,
        param_dtype=context.dtype,
        embedding_init=nnx.initializers.zeros_init(),
        rngs=context.rngs,
    )
