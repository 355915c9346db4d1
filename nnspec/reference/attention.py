"""Attention layers."""

from __future__ import annotations

import numpy as np

from nnspec.layers.attention import MultiHeadAttention, mask_shape
from nnspec.reference.base import Array, Scope, apply


def _heads(scope: Scope, name: str, x: Array) -> Array:
    """A projection in each head: (batch, heads, positions, d)."""
    y: Array = np.einsum("bti,ihd->bhtd", x, scope[f"{name}/kernel"])
    bias: Array | None = scope.get(f"{name}/bias")
    return y if bias is None else y + bias[:, None, :]


def _visible(spec: MultiHeadAttention, mask: Array | None, shape: tuple[int, ...]) -> Array:
    """Which keys each query attends to."""
    visible = np.ones(shape, np.bool_)
    if spec.causal:
        visible = visible & (np.arange(shape[-1]) <= np.arange(shape[-2])[:, None])
    return visible if mask is None else visible & mask.reshape(mask_shape(mask.shape))


def _softmax(scores: Array, visible: Array) -> Array:
    """Over the last axis, 0 where nothing is visible."""
    top = np.max(scores, axis=-1, keepdims=True, initial=-np.inf, where=visible)
    exponentials = np.exp(np.where(visible, scores - np.where(top == -np.inf, 0, top), -np.inf))
    total = exponentials.sum(-1, keepdims=True)
    softmax: Array = exponentials / np.where(visible.any(-1, keepdims=True), total, 1)
    return softmax


@apply.register(MultiHeadAttention)
def multi_head_attention(spec: MultiHeadAttention, scope: Scope, *inputs: Array) -> Array:
    sequences, mask = (inputs[:-1], inputs[-1]) if spec.mask else (inputs, None)
    x, m = sequences[0], sequences[-1]
    q, k, v = _heads(scope, "query", x), _heads(scope, "key", m), _heads(scope, "value", m)
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.dtype.type(q.shape[-1]))
    weights = _softmax(scores, _visible(spec, mask, scores.shape))
    if scope.training and spec.dropout_rate > 0:
        weights = np.where(scope.keep_mask(spec.dropout_rate, weights.shape), weights / (1 - spec.dropout_rate), 0)
    y: Array = np.einsum("bhtd,hdo->bto", weights @ v, scope["out/kernel"])
    return y + scope["out/bias"] if spec.use_bias else y
