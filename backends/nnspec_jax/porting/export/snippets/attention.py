# mypy: ignore-errors

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx


def attention_weights(
    scores: jax.Array,
    *,
    bias: jax.Array | None = None,
    mask: jax.Array | None = None,
    is_causal: bool = False,
    window: int | None = None,
    soft_cap: float | None = None,
) -> jax.Array:
    """The softmax of scores (batch, heads, queries, keys), 0 for what is hidden."""
    queries = jnp.arange(scores.shape[-2])[:, None]
    keys = jnp.arange(scores.shape[-1])
    if soft_cap is not None:
        scores = soft_cap * jnp.tanh(scores / soft_cap)
    if bias is not None:
        scores = scores + bias
    visible = jnp.ones((), bool)
    if bias is not None:
        visible = visible & (bias != -jnp.inf)
    if mask is not None:
        visible = visible & mask
    if is_causal:
        visible = visible & (keys <= queries)
    if window is not None:
        visible = visible & (jnp.abs(keys - queries) < window)
    scores = jnp.where(visible, scores, jnp.finfo(scores.dtype).min)
    return jnp.where(visible, nnx.softmax(scores), 0.0)  # also where all is hidden


def attention(
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    *,
    mask: jax.Array | None = None,
    is_causal: bool = False,
    dropout_rng: jax.Array | None = None,
    dropout_rate: float = 0.0,
    broadcast_dropout: bool = False,
    deterministic: bool = True,
    **_: Any,
) -> jax.Array:
    """Scaled dot-product attention of (batch, queries, heads, d), with the softmax in
    the dtype of the scores. A query to which all keys are hidden gets 0."""
    groups = query.shape[-2] // key.shape[-2]  # of heads that share keys and values
    key, value = (jnp.repeat(x, groups, axis=-2) for x in (key, value))
    scores = jnp.einsum("...qhd,...khd->...hqk", query / query.shape[-1] ** 0.5, key)
    visible = jnp.ones(scores.shape[-2:], bool)
    if is_causal:
        visible = jnp.tril(visible)
    if mask is not None:
        visible = visible & mask
    weights = nnx.softmax(jnp.where(visible, scores, jnp.finfo(scores.dtype).min))
    weights = jnp.where(visible, weights, 0.0)
    if dropout_rate and not deterministic:
        shape = (1, 1, *weights.shape[-2:]) if broadcast_dropout else weights.shape
        keep = jax.random.bernoulli(dropout_rng, 1 - dropout_rate, shape)
        weights = jnp.where(keep, weights / (1 - dropout_rate), 0.0)
    return jnp.einsum("...hqk,...khd->...qhd", weights, value)


def general_attention(
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    *,
    scale: float | None = None,
    dropout_rng: jax.Array | None = None,
    dropout_rate: float = 0.0,
    broadcast_dropout: bool = False,
    deterministic: bool = True,
    bias: jax.Array | None = None,
    mask: jax.Array | None = None,
    is_causal: bool = False,
    window: int | None = None,
    soft_cap: float | None = None,
    return_scores: bool = False,
    **_: Any,
) -> jax.Array:
    """Scaled dot-product attention of (batch, queries, heads, d) with a bias, a window,
    a cap of the scores. A query to which all keys are hidden gets 0."""
    groups = query.shape[-2] // key.shape[-2]
    key, value = (jnp.repeat(x, groups, axis=-2) for x in (key, value))
    query = query * (query.shape[-1] ** -0.5 if scale is None else scale)
    weights = attention_weights(
        jnp.einsum("...qhd,...khd->...hqk", query, key),
        bias=bias,
        mask=mask,
        is_causal=is_causal,
        window=window,
        soft_cap=soft_cap,
    )
    if return_scores:
        return weights
    if dropout_rate and not deterministic:
        shape = (1, 1, *weights.shape[-2:]) if broadcast_dropout else weights.shape
        keep = jax.random.bernoulli(dropout_rng, 1 - dropout_rate, shape)
        weights = jnp.where(keep, weights / (1 - dropout_rate), 0.0)
    return jnp.einsum("...hqk,...khd->...qhd", weights, value)


class MultiHeadAttention(nnx.Module):
    """Attention in several heads, with what ``nnx.MultiHeadAttention`` lacks: a bias of
    the scores, rotary positions, values of another size, biases of some projections."""

    def __init__(
        self,
        num_heads: int,
        in_features: int,
        *,
        qkv_features: int | None = None,
        out_features: int | None = None,
        num_kv_heads: int | None = None,
        in_kv_features: int | None = None,
        in_value_features: int | None = None,
        value_features: int | None = None,
        dropout_rate: float = 0.0,
        broadcast_dropout: bool = False,
        use_bias: bool | Sequence[str] = True,
        rotate: Callable[[jax.Array], jax.Array] | None = None,
        attention_fn: Callable[..., jax.Array] = attention,
        rngs: nnx.Rngs,
    ) -> None:
        features = (qkv_features or in_features) // num_heads
        kv_heads = num_kv_heads or num_heads
        kv_features = in_kv_features or in_features
        value = value_features or features

        def project(
            name: str,
            inputs: int | tuple[int, ...],
            outputs: int | tuple[int, ...],
            **options,
        ) -> nnx.LinearGeneral:
            biased = use_bias if isinstance(use_bias, bool) else name in use_bias
            return nnx.LinearGeneral(
                inputs, outputs, use_bias=biased, rngs=rngs, **options
            )

        self.query = project("query", in_features, (num_heads, features))
        self.key = project("key", kv_features, (kv_heads, features))
        value_features = in_value_features or kv_features
        self.value = project("value", value_features, (kv_heads, value))
        out = out_features or in_features
        self.out = project("out", (num_heads, value), out, axis=(-2, -1))
        self.rotate = rotate
        self.attention_fn = attention_fn
        self.dropout_rate = dropout_rate
        self.broadcast_dropout = broadcast_dropout
        self.deterministic = False
        self.rngs = rngs.dropout.fork() if dropout_rate else None

    def __call__(
        self,
        inputs_q: jax.Array,
        inputs_k: jax.Array | None = None,
        inputs_v: jax.Array | None = None,
        **options,
    ) -> jax.Array:
        inputs_k = inputs_q if inputs_k is None else inputs_k
        inputs_v = inputs_k if inputs_v is None else inputs_v
        q, k, v = self.query(inputs_q), self.key(inputs_k), self.value(inputs_v)
        if self.rotate is not None:
            q, k = self.rotate(q), self.rotate(k)
        if self.dropout_rate and not self.deterministic:
            options["dropout_rng"] = self.rngs()
        y = self.attention_fn(
            q,
            k,
            v,
            dropout_rate=self.dropout_rate,
            broadcast_dropout=self.broadcast_dropout,
            deterministic=self.deterministic,
            **options,
        )
        return y if options.get("return_scores") else self.out(y)


class PlainAttention(nnx.Module):
    """Attention without projections: of (batch, positions, features), or with an axis
    of heads before the features."""

    def __init__(
        self,
        *,
        causal: bool = False,
        window: int | None = None,
        soft_cap: float | None = None,
        dropout_rate: float = 0.0,
        broadcast_dropout: bool = False,
        rngs: nnx.Rngs,
    ) -> None:
        self.causal = causal
        self.window = window
        self.soft_cap = soft_cap
        self.broadcast_dropout = broadcast_dropout
        shared = (0, 1) if broadcast_dropout else ()
        dropout = nnx.Dropout(dropout_rate, broadcast_dims=shared, rngs=rngs)
        self.dropout = dropout if dropout_rate else None

    def __call__(
        self,
        query: jax.Array,
        key: jax.Array | None = None,
        value: jax.Array | None = None,
        *,
        bias: jax.Array | None = None,
        mask: jax.Array | None = None,
        return_scores: bool = False,
    ) -> jax.Array:
        key = query if key is None else key
        value = key if value is None else value
        flat = query.ndim == 3
        if flat:
            query, key, value = (x[:, :, None] for x in (query, key, value))
        groups = query.shape[2] // key.shape[2]
        key = jnp.repeat(key, groups, axis=2)
        value = jnp.repeat(value, query.shape[2] // value.shape[2], axis=2)
        weights = attention_weights(
            self.scores(query, key),
            bias=bias,
            mask=mask,
            is_causal=self.causal,
            window=self.window,
            soft_cap=self.soft_cap,
        )
        if return_scores:
            return weights[:, 0] if flat else weights
        if self.dropout is not None:
            weights = self.dropout(weights)
        y = jnp.einsum("bhqk,bkhd->bqhd", weights, value)
        return y[:, :, 0] if flat else y

    def scores(self, query: jax.Array, key: jax.Array) -> jax.Array:
        """Scores (batch, heads, queries, keys)."""
        raise NotImplementedError


class DotProductAttention(PlainAttention):
    """Attention by products of queries and keys, or by the tanh of their sums."""

    def __init__(
        self,
        *,
        scale: float | None = None,
        use_scale: bool = False,
        concat: bool = False,
        **options,
    ) -> None:
        super().__init__(**options)
        self.factor = scale
        self.scale = nnx.Param(jnp.ones((1,))) if use_scale else None
        self.weight = nnx.Param(jnp.ones((1,))) if concat else None

    def scores(self, query: jax.Array, key: jax.Array) -> jax.Array:
        learned = 1.0 if self.scale is None else self.scale[...]
        if self.weight is None:
            factor = query.shape[-1] ** -0.5 if self.factor is None else self.factor
            return learned * jnp.einsum("bqhd,bkhd->bhqk", query * factor, key)
        factor = learned * (1.0 if self.factor is None else self.factor)
        sums = jnp.tanh(factor * (query[:, :, None] + key[:, None])).sum(-1)
        return self.weight[...] * sums.transpose(0, 3, 1, 2)


class AdditiveAttention(PlainAttention):
    """Attention by the tanh of sums of queries and keys (arXiv:1409.0473)."""

    def __init__(self, *, features: int | None = None, **options) -> None:
        super().__init__(**options)
        self.scale = None if features is None else nnx.Param(jnp.ones((features,)))

    def scores(self, query: jax.Array, key: jax.Array) -> jax.Array:
        sums = jnp.tanh(query[:, :, None] + key[:, None])
        sums = sums if self.scale is None else sums * self.scale[...]
        return sums.sum(-1).transpose(0, 3, 1, 2)
