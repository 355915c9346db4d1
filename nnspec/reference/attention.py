"""Attention layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.layers.attention import AdditiveAttention, DotProductAttention, MultiHeadAttention, mask_shape
from nnspec.reference.base import Array, Scope, apply
from nnspec.reference.positions import places, rotated


def _heads(scope: Scope, name: str, x: Array) -> Array:
    """A projection in each head: (batch, positions, heads, d)."""
    y: Array = np.einsum("bti,ihd->bthd", x, scope[f"{name}/kernel"])
    bias: Array | None = scope.get(f"{name}/bias")
    return y if bias is None else y + bias


def _told_apart(spec: Any, inputs: tuple[Array, ...]) -> tuple[tuple[Array, Array, Array], Array | None, Array | None]:
    """What queries, keys and values are made of, and the bias and the mask with all their axes."""
    given = list(inputs)
    mask = given.pop() if spec.mask else None
    bias = given.pop() if spec.attention_bias else None
    wide = [None if more is None else more.reshape(mask_shape(more.shape)) for more in (bias, mask)]
    return (given[0], given[min(1, len(given) - 1)], given[-1]), wide[0], wide[1]


def _visible(spec: Any, bias: Array | None, mask: Array | None, shape: tuple[int, ...], start: Array | None) -> Array:
    """Which keys each query attends to."""
    visible = np.ones(shape, np.bool_)
    distance = np.arange(shape[-1]) - places(shape[-2], start)[..., None]
    distance = distance if start is None else distance[:, None]
    if spec.causal:
        visible = visible & (distance <= 0)
    if spec.window is not None:
        visible = visible & (np.abs(distance) < spec.window)
    if bias is not None:
        visible = visible & (bias != -np.inf)
    return visible if mask is None else visible & mask


def _softmax(scores: Array, visible: Array) -> Array:
    """Over the last axis, 0 where nothing is visible."""
    top = np.max(scores, axis=-1, keepdims=True, initial=-np.inf, where=visible)
    exponentials = np.exp(np.where(visible, scores - np.where(top == -np.inf, 0, top), -np.inf))
    total = exponentials.sum(-1, keepdims=True)
    softmax: Array = exponentials / np.where(visible.any(-1, keepdims=True), total, 1)
    return softmax


def _weights(spec: Any, scores: Array, bias: Array | None, mask: Array | None, start: Array | None = None) -> Array:
    """What scores (batch, heads, queries, keys) come to; ``start`` is the position of the first query."""
    if spec.soft_cap is not None:
        cap = scores.dtype.type(spec.soft_cap)
        scores = cap * np.tanh(scores / cap)
    if bias is not None:
        scores = scores + bias
    return _softmax(scores, _visible(spec, bias, mask, scores.shape, start))


def _gathered(spec: Any, scope: Scope, weights: Array, v: Array) -> Array:
    """(batch, queries, heads, d) from weights and values (batch, keys, heads, d)."""
    if scope.training and spec.dropout_rate > 0:
        keep = scope.keep_mask(spec.dropout_rate, spec.mask_of_dropout(weights.shape))
        weights = np.where(keep, weights / (1 - spec.dropout_rate), 0)
    y: Array = np.einsum("bhqk,bkhd->bqhd", weights, v)
    return y


def _product(scale: float | None, q: Array, k: Array) -> Array:
    """Scores (batch, heads, queries, keys) of (batch, positions, heads, d)."""
    scores: Array = np.einsum("bqhd,bkhd->bhqk", q, k)
    if scale is None:
        return np.asarray(scores / np.sqrt(scores.dtype.type(q.shape[-1])))
    return np.asarray(scores * scores.dtype.type(scale))


def _for_all(heads: int, x: Array) -> Array:
    """Keys or values that several heads of queries share, once for each of them."""
    return np.repeat(x, heads // x.shape[2], axis=2)


@apply.register(MultiHeadAttention)
def multi_head_attention(spec: MultiHeadAttention, scope: Scope, *inputs: Array) -> Array:
    given, start = (inputs[:-1], inputs[-1]) if spec.decode else (inputs, None)
    (x, m, n), bias, mask = _told_apart(spec, given)
    d = scope["query/kernel"].shape[-1]
    if spec.decode and spec.returns != "keys_values":
        k, v = m[..., :d], m[..., d:]
    else:
        k, v = _rotated(spec, _heads(scope, "key", m), start), _heads(scope, "value", n)
    if spec.returns == "keys_values":
        return np.concatenate([k, v], -1)
    q = _rotated(spec, _heads(scope, "query", x), start)
    k, v = _for_all(spec.num_heads, k), _for_all(spec.num_heads, v)
    weights = _weights(spec, _product(spec.scale, q, k), bias, mask, start)
    if spec.returns == "scores":
        return weights if start is None else _within(weights, k, start)
    y: Array = np.einsum("bthd,hdo->bto", _gathered(spec, scope, weights, v), scope["out/kernel"])
    y = y + scope.get("out/bias", 0)
    return y if start is None else _within(y, k, start)


def _rotated(spec: MultiHeadAttention, heads: Array, start: Array | None) -> Array:
    return heads if spec.rotary is None else rotated(spec.rotary, heads, start)


def _within(y: Array, k: Array, start: Array) -> Array:
    """(batch, ..., queries, n), NaN for queries whose position is beyond the keys'."""
    known = places(y.shape[-2], start) < k.shape[1]
    return np.where(known.reshape(len(y), *[1] * (y.ndim - 3), -1, 1), y, y.dtype.type(np.nan))


@apply.register(DotProductAttention)
def dot_product_attention(spec: DotProductAttention, scope: Scope, *inputs: Array) -> Array:
    given, bias, mask = _told_apart(spec, inputs)
    q, k, v = (x if x.ndim == 4 else x[:, :, None] for x in given)
    k, v = _for_all(q.shape[2], k), _for_all(q.shape[2], v)
    learned = scope["scale"][0] if spec.use_scale else q.dtype.type(1)
    if spec.score_mode == "dot":
        scores = learned * _product(spec.scale, q, k)
    else:
        factor = learned * q.dtype.type(1 if spec.scale is None else spec.scale)
        scores = scope["weight"][0] * np.tanh(factor * _sums(q, k)).sum(-1)
    weights = _weights(spec, scores, bias, mask)
    if spec.returns == "scores":
        return weights if given[0].ndim == 4 else weights[:, 0]
    y = _gathered(spec, scope, weights, v)
    return y if given[0].ndim == 4 else y[:, :, 0]


def _sums(q: Array, k: Array) -> Array:
    """q + k for each pair: (batch, heads, queries, keys, d)."""
    return q.swapaxes(1, 2)[:, :, :, None] + k.swapaxes(1, 2)[:, :, None]


@apply.register(AdditiveAttention)
def additive_attention(spec: AdditiveAttention, scope: Scope, *inputs: Array) -> Array:
    given, bias, mask = _told_apart(spec, inputs)
    q, k, v = (x[:, :, None] for x in given)
    waves = np.tanh(_sums(q, k))
    weights = _weights(spec, (waves * scope["scale"] if spec.use_scale else waves).sum(-1), bias, mask)
    return weights[:, 0] if spec.returns == "scores" else _gathered(spec, scope, weights, v)[:, :, 0]
