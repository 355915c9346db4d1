"""Attention layers.

Flax's own attention takes its softmax in float32 where there is no dropout, draws masks from JAX's generator, and gives
all keys the same weight where all are masked. So its layer holds the variables here, and what is computed with them is
written out.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from nnspec.layers.attention import MultiHeadAttention, mask_shape
from nnspec_jax.dropout import KeepMask
from nnspec_jax.linear import product, turned
from nnspec_jax.realize import HIGHEST, Context, at_least_float32, build, widened


def _softmax(scores: jax.Array, visible: jax.Array | None) -> jax.Array:
    """Over the last axis, 0 with no gradient where nothing is visible. None: everything is, which takes less time."""
    top = jax.lax.stop_gradient(jnp.max(scores, axis=-1, keepdims=True, initial=-jnp.inf, where=visible))
    shifted = scores - jnp.where(top == -jnp.inf, 0.0, top)
    if visible is None:
        exponentials = jnp.exp(shifted)
        return exponentials / exponentials.sum(-1, keepdims=True)
    exponentials = jnp.where(visible, jnp.exp(jnp.where(visible, shifted, 0.0)), 0.0)
    total = exponentials.sum(-1, keepdims=True)
    return exponentials / jnp.where(visible.any(-1, keepdims=True), total, 1.0)


_einsum = partial(jnp.einsum, precision=HIGHEST)


# XLA for CPUs makes a product of each head by itself, several times slower, where the left factor lies transposed in
# memory: so it does in JAX's own derivatives with respect to right factors. The rules below say the same with small
# arrays turned in memory: what JAX makes of them for gradients are products of factors that lie as they should.


@jax.custom_jvp
def _scores(q: jax.Array, k: jax.Array) -> jax.Array:
    """q·kᵀ, (batch, heads, queries, keys), of queries and keys (batch, heads, positions, d)."""
    return _einsum("bhqd,bhdk->bhqk", q, turned(k))


@_scores.defjvp
def _scores_with_tangents(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    (q, k), (dq, dk) = primals, tangents
    by_k = _einsum("bhdq,bhdk->bhqk", turned(q), turned(dk))
    return _scores(q, k), _einsum("bhqd,bhkd->bhqk", dq, k) + by_k


@jax.custom_jvp
def _gathered(weights: jax.Array, v: jax.Array) -> jax.Array:
    """weights·v, (batch, heads, queries, d), of values (batch, heads, keys, d)."""
    return _einsum("bhqk,bhkd->bhqd", weights, v)


@_gathered.defjvp
def _gathered_with_tangents(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    (weights, v), (dweights, dv) = primals, tangents
    by_weights = _einsum("bhqk,bhdk->bhqd", dweights, turned(v))
    return _gathered(weights, v), by_weights + jnp.swapaxes(_einsum("bhkd,bhqk->bhdq", dv, weights), 2, 3)


class PhiloxMultiHeadAttention(nnx.MultiHeadAttention):
    """``nnx.MultiHeadAttention`` on the masks of the model around, computed in float32 at least and rounded once.

    ``train()`` and ``eval()`` switch its dropout.
    """

    def __init__(self, spec: MultiHeadAttention, context: Context) -> None:
        x, memory, d, out = spec.sizes(*context.shapes)
        super().__init__(
            spec.num_heads,
            x,
            spec.num_heads * d,
            out,
            in_kv_features=memory,
            dtype=at_least_float32(context.dtype),
            param_dtype=context.dtype,
            dropout_rate=0.0,  # Flax's own, which would hold a generator
            deterministic=False,
            precision=HIGHEST,
            kernel_init=nnx.initializers.zeros_init(),
            bias_init=nnx.initializers.zeros_init(),
            use_bias=spec.use_bias,
            decode=False,
            rngs=context.rngs,
            keep_rngs=False,
        )
        self.causal, self.masked, self.rate = spec.causal, spec.mask, spec.dropout_rate

    def __call__(self, *inputs: jax.Array, keep_mask: KeepMask) -> jax.Array:
        sequences, mask = (inputs[:-1], inputs[-1]) if self.masked else (inputs, None)
        x, memory = sequences[0], sequences[-1]
        dtype = self.query.dtype
        x, memory = x.astype(dtype), memory.astype(dtype)
        if len(sequences) == 1:
            q, k, v = self._heads(x, self.query, self.key, self.value)
        else:
            (q,), (k, v) = self._heads(x, self.query), self._heads(memory, self.key, self.value)
        q = q / jnp.sqrt(jnp.asarray(self.head_dim, q.dtype))
        q, k, v = (jnp.swapaxes(heads, 1, 2) for heads in (q, k, v))
        scores = _scores(q, k)
        weights = _softmax(scores, self._visible(mask, scores.shape))
        if self.rate > 0.0 and not self.deterministic:
            weights = jnp.where(keep_mask(self.rate, weights.shape), weights / (1.0 - self.rate), 0.0)
        return self._out(jnp.swapaxes(_gathered(weights, v), 1, 2)).astype(sequences[0].dtype)

    def _heads(self, x: jax.Array, *layers: nnx.LinearGeneral) -> list[jax.Array]:
        """Projections of one sequence in each head, (batch, positions, heads, d), by one product."""
        kernel = jnp.concatenate([widened(layer.kernel[...]).reshape(x.shape[-1], -1) for layer in layers], axis=-1)
        y = product(x, kernel)
        if self.use_bias:
            y += jnp.concatenate([widened(layer.bias[...]).reshape(-1) for layer in layers])
        return [
            part.reshape(*x.shape[:-1], self.num_heads, self.head_dim) for part in jnp.split(y, len(layers), axis=-1)
        ]

    def _out(self, heads: jax.Array) -> jax.Array:
        """What the heads have gathered, projected together."""
        kernel = widened(self.out.kernel[...])
        together = heads.reshape(*heads.shape[:-2], self.num_heads * self.head_dim)
        y = product(together, kernel.reshape(-1, kernel.shape[-1]))
        return y + widened(self.out.bias[...]) if self.use_bias else y

    def _visible(self, mask: Any, shape: tuple[int, ...]) -> jax.Array | None:
        """Which keys each query attends to, to be broadcast to the scores; None for all."""
        visible = jnp.arange(shape[-1]) <= jnp.arange(shape[-2])[:, None] if self.causal else None
        if mask is None:
            return visible
        mask = mask.reshape(mask_shape(mask.shape))
        return mask if visible is None else visible & mask


build.register(MultiHeadAttention, PhiloxMultiHeadAttention)
