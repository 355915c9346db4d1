"""Attention as people write it by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec_tensorflow.startup import keras
from tests.porting.constructs.construct import Construct, Layer, ops


class ByReshapes(Layer):
    """Heads by reshapes and transposes, with Dense layers; causal with a triangle of ones."""

    def __init__(self, heads: int, causal: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.heads, self.causal = heads, causal

    def build(self, shape: Any) -> None:
        d = shape[-1]
        self.qkv = keras.layers.Dense(3 * d, dtype=self.dtype_policy)
        self.out = keras.layers.Dense(d, dtype=self.dtype_policy)
        self.qkv.build(shape)
        self.out.build(shape)

    def call(self, x: Any) -> Any:
        b, t, d = ops.shape(x)
        q, k, v = ops.split(self.qkv(x), 3, axis=-1)
        q, k, v = (ops.transpose(ops.reshape(y, (b, t, self.heads, d // self.heads)), (0, 2, 1, 3)) for y in (q, k, v))
        scores = ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))) / (d // self.heads) ** 0.5
        if self.causal:
            mask = ops.tril(ops.ones((t, t)))
            scores = ops.where(ops.equal(mask, 0), -1e9, scores)
        y = ops.matmul(ops.softmax(scores, axis=-1), v)
        return self.out(ops.reshape(ops.transpose(y, (0, 2, 1, 3)), (b, t, d)))


class ByEinsum(Layer):
    """Heads by einsum with weights of its own; with fewer heads of keys and values, or one of them."""

    def __init__(self, heads: int, groups: int, **options: Any) -> None:
        super().__init__(**options)
        self.heads, self.groups = heads, groups

    def build(self, shape: Any) -> None:
        d, h = shape[-1], shape[-1] // self.heads
        self.query = self.add_weight(shape=(d, self.heads, h), name="query")
        self.key = self.add_weight(shape=(d, self.groups, h), name="key")
        self.value = self.add_weight(shape=(d, self.groups, h), name="value")
        self.out = self.add_weight(shape=(self.heads, h, d), name="out")

    def call(self, x: Any) -> Any:
        q = ops.einsum("btd,dnh->btnh", x, self.query)
        k, v = (ops.einsum("btd,dnh->btnh", x, w) for w in (self.key, self.value))
        k, v = (ops.repeat(y, self.heads // self.groups, axis=2) for y in (k, v))
        scores = ops.einsum("btnh,bsnh->bnts", q, k) * q.shape[-1] ** -0.5
        return ops.einsum("bnts,bsnh,nhd->btd", ops.softmax(scores), v, self.out)


class MultiQuery(Layer):
    """Heads that share one key and value, by einsum."""

    def build(self, shape: Any) -> None:
        d = shape[-1]
        self.query = self.add_weight(shape=(d, 2, d), name="query")
        self.key = self.add_weight(shape=(d, d), name="key")

    def call(self, x: Any) -> Any:
        q, k = ops.einsum("btd,dnh->btnh", x, self.query), ops.matmul(x, self.key)
        weights = ops.softmax(ops.einsum("btnh,bsh->bnts", q, k))
        return ops.mean(ops.einsum("bnts,bsh->bnth", weights, k), axis=1)


class Window(Layer):
    """Attention within a sliding window, of a mask of distances."""

    def call(self, x: Any) -> Any:
        t = ops.shape(x)[1]
        i, j = ops.arange(t)[:, None], ops.arange(t)[None, :]
        near = ops.logical_and(j <= i, i - j < 3)
        scores = ops.matmul(x, ops.swapaxes(x, 1, 2))
        return ops.matmul(ops.softmax(scores + ops.cast(ops.logical_not(near), scores.dtype) * -1e9), x)


class ALiBi(Layer):
    """Scores that fall with the distance, by slopes that NumPy makes."""

    def __init__(self, heads: int, **options: Any) -> None:
        super().__init__(**options)
        self.slopes = 2.0 ** -np.arange(1, heads + 1)

    def call(self, x: Any) -> Any:
        t = x.shape[1]
        distance = np.abs(np.arange(t)[:, None] - np.arange(t)[None, :])
        bias = -self.slopes[:, None, None] * distance
        scores = ops.einsum("btd,bsd->bts", x, x)[:, None] + bias
        return ops.einsum("bnts,bsd->btnd", ops.softmax(scores), x)


class RelativeBias(Layer):
    """Swin's table of biases, taken by an index that is a weight of whole numbers."""

    def build(self, shape: Any) -> None:
        t = shape[1]
        self.table = self.add_weight(shape=(2 * t - 1, 2), name="table")
        self.index = self.add_weight(
            shape=(t, t),
            dtype="int32",
            trainable=False,
            name="index",
            initializer=lambda shape, dtype: np.arange(t)[:, None] - np.arange(t)[None, :] + t - 1,
        )

    def call(self, x: Any) -> Any:
        t = x.shape[1]
        bias = ops.take(self.table, ops.reshape(self.index, (-1,)), axis=0)
        bias = ops.transpose(ops.reshape(bias, (t, t, 2)), (2, 0, 1))
        scores = ops.einsum("btd,bsd->bts", x, x)
        scores = ops.expand_dims(scores, 1) + ops.expand_dims(bias, 0)
        return ops.einsum("bnts,bsd->bntd", ops.softmax(scores), x)


class Rotary(Layer):
    """Rotary positions: of halves, or of neighbors."""

    def __init__(self, halves: bool, **options: Any) -> None:
        super().__init__(**options)
        self.halves = halves

    def call(self, x: Any) -> Any:
        t, d = x.shape[1], x.shape[-1]
        angles = np.arange(t)[:, None] / 100.0 ** (np.arange(0, d, 2) / d)
        if self.halves:
            angles = np.concatenate([angles, angles], -1)
            a, b = ops.split(x, 2, axis=-1)
            return x * np.cos(angles) + ops.concatenate([-b, a], axis=-1) * np.sin(angles)
        a, b = x[..., ::2], x[..., 1::2]
        turned = ops.stack([a * np.cos(angles) - b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)], axis=-1)
        return ops.reshape(turned, (-1, t, d))


class Cached(Layer):
    """A step of decoding: the new key and value written into a cache."""

    def call(self, inputs: Any) -> Any:
        x, cache = inputs
        keys = ops.slice_update(cache, [0, 2, 0], x)
        scores = ops.matmul(x, ops.transpose(keys, (0, 2, 1)))
        there = ops.arange(cache.shape[1]) <= 2
        return ops.matmul(ops.softmax(ops.where(there, scores, -1e9)), keys), keys


class Linear(Layer):
    """Linear attention with elu + 1."""

    def call(self, x: Any) -> Any:
        q, k = ops.elu(x) + 1, ops.elu(x) + 1
        kv = ops.einsum("btd,bte->bde", k, x)
        scale = 1 / (ops.einsum("btd,bd->bt", q, ops.sum(k, axis=1)) + 1e-6)
        return ops.einsum("btd,bde,bt->bte", q, kv, scale)


class TalkingHeads(Layer):
    """Scores mixed across heads before and after the softmax."""

    def build(self, shape: Any) -> None:
        self.before = self.add_weight(shape=(2, 3), name="before")
        self.after = self.add_weight(shape=(3, 2), name="after")

    def call(self, x: Any) -> Any:
        heads = ops.reshape(x, (-1, x.shape[1], 2, x.shape[2] // 2))
        scores = ops.einsum("btnh,bsnh->bnts", heads, heads)
        mixed = ops.softmax(ops.einsum("bnts,nm->bmts", scores, self.before))
        return ops.einsum("bmts,mn,bsnh->btnh", mixed, self.after, heads)


class Cosine(Layer):
    """Scores of normalized queries and keys with a learned temperature, clipped (Swin V2)."""

    def build(self, shape: Any) -> None:
        self.log_scale = self.add_weight(shape=(), name="log_scale")

    def call(self, x: Any) -> Any:
        unit = ops.normalize(x, axis=-1, epsilon=1e-6)
        scale = ops.exp(ops.minimum(self.log_scale, np.log(100.0)))
        return ops.matmul(ops.softmax(ops.matmul(unit, ops.swapaxes(unit, -1, -2)) * scale), x)


class Windows(Layer):
    """Attention within windows of an image, which become examples and come back (Swin)."""

    def build(self, shape: Any) -> None:
        self.norm = keras.layers.LayerNormalization(dtype=self.dtype_policy)
        self.attention = ByReshapes(2, dtype=self.dtype_policy)
        self.norm.build(shape)
        self.attention.build((None, 4, shape[-1]))

    def call(self, x: Any) -> Any:
        _, h, w, c = ops.shape(x)
        y = ops.roll(self.norm(x), shift=(-1, -1), axis=(1, 2))
        y = ops.reshape(y, (-1, h // 2, 2, w // 2, 2, c))
        y = ops.reshape(ops.transpose(y, (0, 1, 3, 2, 4, 5)), (-1, 4, c))
        y = ops.reshape(self.attention(y), (-1, h // 2, w // 2, 2, 2, c))
        y = ops.reshape(ops.transpose(y, (0, 1, 3, 2, 4, 5)), (-1, h, w, c))
        return x + ops.roll(y, shift=(1, 1), axis=(1, 2))


class Axial(Layer):
    """Attention along rows and then columns, which become examples."""

    def call(self, x: Any) -> Any:
        for order in ((0, 1, 2, 3), (0, 2, 1, 3)):
            y = ops.transpose(x, order)
            _, h, w, c = ops.shape(y)
            rows = ops.reshape(y, (-1, w, c))
            rows = ops.matmul(ops.softmax(ops.matmul(rows, ops.transpose(rows, (0, 2, 1)))), rows)
            x = ops.transpose(ops.reshape(rows, (-1, h, w, c)), order)
        return x


class External(Layer):
    """Attention to memories that are weights, with a double norm."""

    def build(self, shape: Any) -> None:
        self.keys = self.add_weight(shape=(shape[-1], 5), name="keys")
        self.values = self.add_weight(shape=(5, shape[-1]), name="values")

    def call(self, x: Any) -> Any:
        weights = ops.softmax(ops.matmul(x, self.keys), axis=1)
        return ops.matmul(weights / (1e-9 + ops.sum(weights, axis=2, keepdims=True)), self.values)


class Pooling(Layer):
    """A sequence as a weighted mean, by a learned query and a mask of the ids."""

    def build(self, shape: Any) -> None:
        self.query = self.add_weight(shape=(shape[0][-1],), name="query")

    def call(self, inputs: Any) -> Any:
        x, ids = inputs
        scores = ops.dot(x, self.query)
        scores = ops.where(ops.not_equal(ids, 0), scores, -1e9)
        return ops.sum(ops.expand_dims(ops.softmax(scores, axis=-1), -1) * x, axis=1)


class Additive(Layer):
    """Bahdanau's attention by broadcasting."""

    def build(self, shape: Any) -> None:
        d = shape[0][-1]
        self.w = self.add_weight(shape=(d, 4), name="w")
        self.u = self.add_weight(shape=(d, 4), name="u")
        self.v = self.add_weight(shape=(4, 1), name="v")

    def call(self, inputs: Any) -> Any:
        query, values = inputs
        hidden = ops.tanh(ops.expand_dims(ops.matmul(query, self.w), 1) + ops.matmul(values, self.u))
        weights = ops.softmax(ops.matmul(hidden, self.v), axis=1)
        return ops.sum(weights * values, axis=1)


class Operation(Layer):
    """keras.ops.dot_product_attention, causal, with a bias."""

    def build(self, shape: Any) -> None:
        self.bias = self.add_weight(shape=(2, shape[1], shape[1]), name="bias")

    def call(self, x: Any) -> Any:
        q = ops.reshape(x, (-1, x.shape[1], 2, x.shape[2] // 2))
        y = ops.dot_product_attention(q, q * 0.5, q, bias=self.bias[None], is_causal=True, scale=0.7)
        return ops.reshape(y, (-1, *x.shape[1:]))


SEQUENCE = {"x": (5, 6)}
CONSTRUCTS = [
    Construct("multi-head attention by reshapes", lambda: ByReshapes(2), SEQUENCE),
    Construct("causal multi-head attention by reshapes", lambda: ByReshapes(3, causal=True), SEQUENCE),
    Construct("multi-head attention by einsum", lambda: ByEinsum(2, 2), SEQUENCE),
    Construct("grouped-query attention by repeats", lambda: ByEinsum(6, 3), {"x": (5, 12)}),
    Construct("multi-query attention by einsum", MultiQuery, SEQUENCE),
    Construct("sliding window attention", Window, SEQUENCE),
    Construct("ALiBi", lambda: ALiBi(2), SEQUENCE),
    Construct("relative position bias", RelativeBias, SEQUENCE),
    Construct("rotary embedding of halves", lambda: Rotary(True), SEQUENCE),
    Construct("rotary embedding of neighbors", lambda: Rotary(False), SEQUENCE),
    Construct("cached attention", Cached, {"x": (1, 4), "cache": (5, 4)}),
    Construct("linear attention", Linear, SEQUENCE),
    Construct("talking heads", TalkingHeads, SEQUENCE),
    Construct("cosine attention", Cosine, SEQUENCE),
    Construct("shifted window attention", Windows, {"x": (4, 6, 4)}),
    Construct("axial attention", Axial, {"x": (3, 4, 5)}),
    Construct("external attention", External, SEQUENCE),
    Construct("attention pooling with a mask", Pooling, {"x": (5, 4), "ids": (5,)}, whole={"ids": 3}),
    Construct("additive attention", Additive, {"query": (4,), "values": (5, 4)}),
    Construct("dot_product_attention", Operation, SEQUENCE),
]
