"""Attention layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.layers.attention import AdditiveAttention, DotProductAttention, MultiHeadAttention, mask_shape
from nnspec.reference.base import Array, Scope, apply
from nnspec.reference.positions import rotated


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


def _visible(spec: Any, bias: Array | None, mask: Array | None, shape: tuple[int, ...]) -> Array:
    """Which keys each query attends to."""
    visible = np.ones(shape, np.bool_)
    distance = np.arange(shape[-1]) - np.arange(shape[-2])[:, None]
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


def _gathered(spec: Any, scope: Scope, scores: Array, v: Array, bias: Array | None, mask: Array | None) -> Array:
    """(batch, queries, heads, d) from scores and values (batch, keys, heads, d)."""
    if bias is not None:
        scores = scores + bias
    weights = _softmax(scores, _visible(spec, bias, mask, scores.shape))
    if scope.training and spec.dropout_rate > 0:
        keep = scope.keep_mask(spec.dropout_rate, spec.mask_of_dropout(scores.shape))
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
    (x, m, n), bias, mask = _told_apart(spec, inputs)
    q, k, v = _heads(scope, "query", x), _heads(scope, "key", m), _heads(scope, "value", n)
    if spec.rotary is not None:
        q, k = rotated(spec.rotary, q), rotated(spec.rotary, k)
    k, v = _for_all(spec.num_heads, k), _for_all(spec.num_heads, v)
    heads = _gathered(spec, scope, _product(spec.scale, q, k), v, bias, mask)
    y: Array = np.einsum("bthd,hdo->bto", heads, scope["out/kernel"])
    return y + scope["out/bias"] if spec.use_bias else y


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
    y = _gathered(spec, scope, scores, v, bias, mask)
    return y if given[0].ndim == 4 else y[:, :, 0]


def _sums(q: Array, k: Array) -> Array:
    """q + k for each pair: (batch, heads, queries, keys, d)."""
    return q.swapaxes(1, 2)[:, :, :, None] + k.swapaxes(1, 2)[:, :, None]


@apply.register(AdditiveAttention)
def additive_attention(spec: AdditiveAttention, scope: Scope, *inputs: Array) -> Array:
    given, bias, mask = _told_apart(spec, inputs)
    q, k, v = (x[:, :, None] for x in given)
    waves = np.tanh(_sums(q, k))
    scores = (waves * scope["scale"] if spec.use_scale else waves).sum(-1)
    return _gathered(spec, scope, scores, v, bias, mask)[:, :, 0]
