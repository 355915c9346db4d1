"""Embeddings, positions and pooling as people write them."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec_tensorflow.startup import keras
from tests.porting.constructs.construct import Construct, Layer, ops

L = keras.layers


class LearnedPositions(Layer):
    """KerasHub's PositionEmbedding: the first rows of a weight, for as many positions as there are."""

    def build(self, shape: Any) -> None:
        self.table = self.add_weight(shape=(8, shape[-1]), name="table")

    def call(self, x: Any) -> Any:
        _, t, d = ops.shape(x)
        rows = ops.slice(self.table, (0, 0), (t, d))
        return x + ops.broadcast_to(rows, ops.shape(x))


class Sinusoidal(Layer):
    """KerasHub's SinePositionEncoding: waves by masks of even and odd features."""

    def call(self, x: Any) -> Any:
        t, d = x.shape[1:]
        places = ops.cast(ops.arange(t), x.dtype)
        rates = ops.power(ops.cast(1 / 1e4, x.dtype), ops.cast(2 * (ops.arange(d) // 2), x.dtype) / d)
        angles = ops.expand_dims(places, 1) * ops.expand_dims(rates, 0)
        cosines = ops.cast(ops.arange(d) % 2, x.dtype)
        return x + ops.sin(angles) * (1 - cosines) + ops.cos(angles) * cosines


class TokenAndPosition(Layer):
    """Tokens and positions, both by Keras's Embedding."""

    def build(self, shape: Any) -> None:
        self.tokens, self.positions = L.Embedding(9, 4), L.Embedding(shape[-1], 4)
        self.tokens.build(shape)
        self.positions.build((shape[-1],))

    def call(self, ids: Any) -> Any:
        return self.tokens(ids) + self.positions(ops.arange(ids.shape[-1]))


class Bert(Layer):
    """Tokens, segments and positions with a norm."""

    def build(self, shape: Any) -> None:
        self.tokens, self.segments = L.Embedding(9, 4), L.Embedding(2, 4)
        self.positions = self.add_weight(shape=(shape[0][-1], 4), name="positions")
        self.norm = L.LayerNormalization(epsilon=1e-12)
        for table in (self.tokens, self.segments):
            table.build(shape[0])
        self.norm.build((*shape[0], 4))

    def call(self, inputs: Any) -> Any:
        ids, segments = inputs
        return self.norm(self.tokens(ids) + self.segments(segments) + self.positions)


class Tied(Layer):
    """A table for ids that are taken from it, and for logits (a reversible embedding with a soft cap)."""

    def build(self, shape: Any) -> None:
        self.table = self.add_weight(shape=(9, 4), name="table")
        self.dense = L.Dense(4, activation="tanh")
        self.dense.build((*shape, 4))

    def call(self, ids: Any) -> Any:
        x = self.dense(ops.take(self.table, ids, axis=0) * 2.0)
        return ops.tanh(ops.matmul(x, ops.transpose(self.table)) / 5.0) * 5.0


class TiedToLayer(Layer):
    """Logits by the table of an Embedding within."""

    def build(self, shape: Any) -> None:
        self.tokens = L.Embedding(9, 4)
        self.tokens.build(shape)

    def call(self, ids: Any) -> Any:
        x = ops.relu(self.tokens(ids))
        return ops.matmul(x, ops.transpose(self.tokens.embeddings))


class TiedInOddWays(Layer):
    """A table that is looked up, multiplied with, and summed: a value of its own."""

    def build(self, shape: Any) -> None:
        self.table = self.add_weight(shape=(5, 5), name="table")

    def call(self, ids: Any) -> Any:
        x = ops.take(self.table, ids, axis=0)
        return ops.matmul(x, self.table) + ops.mean(self.table, axis=0)


class FourierFeatures(Layer):
    """Waves of random projections that are not trained."""

    def build(self, shape: Any) -> None:
        self.b = self.add_weight(shape=(shape[-1], 4), name="b", trainable=False, initializer="random_normal")

    def call(self, x: Any) -> Any:
        angles = 2 * np.pi * ops.matmul(x, self.b)
        return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)


class TimeEmbedding(Layer):
    """A diffusion model's step, as waves and through a small network."""

    def build(self, shape: Any) -> None:
        self.dense = L.Dense(5, activation="swish")
        self.dense.build((None, 6))

    def call(self, t: Any) -> Any:
        rates = ops.exp(-np.log(10000.0) * ops.cast(ops.arange(3), self.compute_dtype) / 3)
        angles = ops.cast(t, self.compute_dtype)[:, None] * rates[None, :]
        return self.dense(ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1))


class MaskedMean(Layer):
    """The mean of what is no padding."""

    def call(self, inputs: Any) -> Any:
        x, ids = inputs
        mask = ops.cast(ids != 0, x.dtype)[..., None]
        return ops.sum(x * mask, axis=1) / ops.maximum(ops.sum(mask, axis=1), 1.0)


class LastToken(Layer):
    """The last position of each example that is no padding."""

    def call(self, inputs: Any) -> Any:
        x, ids = inputs
        last = ops.maximum(ops.sum(ops.cast(ops.not_equal(ids, 0), "int32"), axis=-1) - 1, 0)
        return ops.squeeze(ops.take_along_axis(x, last[:, None, None], axis=1), axis=1)


class OneHotLinear(Layer):
    """Ids as classes, multiplied by a kernel."""

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(7, 3), name="kernel")

    def call(self, ids: Any) -> Any:
        return ops.matmul(ops.one_hot(ids, 7), self.kernel)


class Codebook(Layer):
    """The nearest of a table's vectors, as vector quantization finds it in inference."""

    def build(self, shape: Any) -> None:
        self.codes = self.add_weight(shape=(shape[-1], 6), name="codes")

    def call(self, x: Any) -> Any:
        products = ops.matmul(x, self.codes)
        distances = ops.sum(x**2, axis=-1, keepdims=True) + ops.sum(self.codes**2, axis=0, keepdims=True) - 2 * products
        nearest = ops.argmin(distances, axis=-1)
        return ops.matmul(ops.one_hot(nearest, 6), ops.transpose(self.codes))


class Previous(Layer):
    """Ids shifted by one, with a start in front."""

    def build(self, shape: Any) -> None:
        self.tokens = L.Embedding(9, 4)
        self.tokens.build(shape)

    def call(self, ids: Any) -> Any:
        start = ops.zeros_like(ids[:, :1])
        return self.tokens(ops.concatenate([start, ids[:, :-1]], axis=1) % 8 + 1)


IDS = {"ids": (5,)}
CONSTRUCTS = [
    Construct("learned positions", LearnedPositions, {"x": (5, 4)}),
    Construct("sinusoidal positions", Sinusoidal, {"x": (5, 6)}),
    Construct("token and position embedding", TokenAndPosition, IDS, whole={"ids": 9}),
    Construct("BERT's embeddings", Bert, {"ids": (5,), "segments": (5,)}, whole={"ids": 9, "segments": 2}),
    Construct("reversible embedding", Tied, IDS, whole={"ids": 9}),
    Construct("logits by the table of an Embedding", TiedToLayer, IDS, whole={"ids": 9}),
    Construct("a table in three ways", TiedInOddWays, IDS, whole={"ids": 5}),
    Construct("Fourier features", FourierFeatures, {"x": (3,)}),
    Construct("embedding of a diffusion step", TimeEmbedding, {"t": ()}, whole={"t": 100}),
    Construct("mean of what is no padding", MaskedMean, {"x": (5, 4), "ids": (5,)}, whole={"ids": 3}),
    Construct("last token", LastToken, {"x": (5, 4), "ids": (5,)}, whole={"ids": 3}),
    Construct("one-hot ids", OneHotLinear, IDS, whole={"ids": 7}),
    Construct("codebook", Codebook, {"x": (5, 4)}),
    Construct("shifted ids", Previous, IDS, whole={"ids": 9}),
]
