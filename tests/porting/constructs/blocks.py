"""Blocks of networks as people write them: of Keras's layers with operations between them."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec_tensorflow.startup import keras
from tests.porting.constructs.construct import Construct, Layer, chain, ops

L = keras.layers


class Encoder(Layer):
    """KerasHub's TransformerEncoder: Keras's attention, norms before or after, a feed-forward part."""

    def __init__(self, first: bool, **options: Any) -> None:
        super().__init__(**options)
        self.first = first

    def build(self, shape: Any) -> None:
        d = shape[-1]
        self.attention = L.MultiHeadAttention(2, d // 2)
        self.attention_norm, self.norm = L.LayerNormalization(), L.LayerNormalization(epsilon=1e-5)
        self.dropout = L.Dropout(0.1)
        self.wide, self.narrow = L.Dense(2 * d, activation="gelu"), L.Dense(d)
        self.attention.build(shape, shape)
        self.wide.build(shape)
        self.narrow.build((*shape[:-1], 2 * d))
        for norm in (self.attention_norm, self.norm):
            norm.build(shape)

    def call(self, x: Any) -> Any:
        before = self.attention_norm(x) if self.first else x
        x = x + self.dropout(self.attention(before, before))
        if not self.first:
            x = self.attention_norm(x)
        y = self.dropout(self.narrow(self.wide(self.norm(x) if self.first else x)))
        return x + y if self.first else self.norm(x + y)


class Decoder(Layer):
    """Causal attention to itself, then attention to an encoder."""

    def build(self, shape: Any) -> None:
        d = shape[0][-1]
        self.own, self.cross = L.MultiHeadAttention(2, 3), L.MultiHeadAttention(3, 2)
        self.norms = [L.LayerNormalization() for _ in range(3)]
        self.wide, self.narrow = L.Dense(7, activation="relu"), L.Dense(d)
        self.own.build(shape[0], shape[0])
        self.cross.build(shape[0], shape[1])
        self.wide.build(shape[0])
        self.narrow.build((*shape[0][:-1], 7))
        for norm in self.norms:
            norm.build(shape[0])

    def call(self, inputs: Any) -> Any:
        x, memory = inputs
        x = self.norms[0](x + self.own(x, x, use_causal_mask=True))
        x = self.norms[1](x + self.cross(x, memory))
        return self.norms[2](x + self.narrow(self.wide(x)))


class Mixer(Layer):
    """MLP-Mixer: a Dense along positions, between two transposes."""

    def build(self, shape: Any) -> None:
        self.norm1, self.norm2 = L.LayerNormalization(), L.LayerNormalization()
        self.tokens = [L.Dense(7, activation="gelu"), L.Dense(shape[1])]
        self.channels = [L.Dense(5, activation="gelu"), L.Dense(shape[2])]
        for norm in (self.norm1, self.norm2):
            norm.build(shape)
        self.tokens[0].build((None, shape[2], shape[1]))
        self.tokens[1].build((None, shape[2], 7))
        self.channels[0].build(shape)
        self.channels[1].build((None, shape[1], 5))

    def call(self, x: Any) -> Any:
        y = ops.transpose(self.norm1(x), (0, 2, 1))
        x = x + ops.transpose(self.tokens[1](self.tokens[0](y)), (0, 2, 1))
        return x + self.channels[1](self.channels[0](self.norm2(x)))


class MixerByWeight(Layer):
    """Positions mixed by a weight from the left."""

    def build(self, shape: Any) -> None:
        self.w = self.add_weight(shape=(4, shape[1]), name="w")

    def call(self, x: Any) -> Any:
        return ops.matmul(self.w, x)


class Fourier(Layer):
    """FNet: the real part of the Fourier transform along positions and features, as products with fixed matrices."""

    def call(self, x: Any) -> Any:
        def waves(n: int) -> Any:
            angles = 2 * np.pi * np.outer(np.arange(n), np.arange(n)) / n
            return np.cos(angles), np.sin(angles)

        (ct, st), (cd, sd) = waves(x.shape[1]), waves(x.shape[2])
        return ops.matmul(ct, ops.matmul(x, cd)) - ops.matmul(st, ops.matmul(x, sd))


class SpatialGate(Layer):
    """gMLP: one half times the other, which is projected along positions."""

    def build(self, shape: Any) -> None:
        self.norm = L.LayerNormalization()
        self.norm.build((*shape[:-1], shape[-1] // 2))
        self.w = self.add_weight(shape=(shape[1], shape[1]), name="w")
        self.b = self.add_weight(shape=(shape[1], 1), name="b", initializer="ones")

    def call(self, x: Any) -> Any:
        u, v = ops.split(x, 2, axis=-1)
        return u * (ops.einsum("btd,ts->bsd", self.norm(v), self.w) + self.b)


class VisionTransformer(Layer):
    """Patches by a reshape, a class token, learned positions."""

    def build(self, shape: Any) -> None:
        self.embed = L.Dense(6)
        self.embed.build((None, None, 2 * 2 * shape[-1]))
        self.token = self.add_weight(shape=(1, 1, 6), name="token")
        self.positions = self.add_weight(shape=(1, shape[1] * shape[2] // 4 + 1, 6), name="positions")
        self.head = L.Dense(3)
        self.head.build((None, 6))

    def call(self, images: Any) -> Any:
        b, h, w, c = ops.shape(images)
        x = ops.reshape(images, (b, h // 2, 2, w // 2, 2, c))
        x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (b, h * w // 4, 4 * c))
        x = self.embed(x)
        x = ops.concatenate([ops.broadcast_to(self.token, (b, 1, 6)), x], axis=1) + self.positions
        return self.head(x[:, 0])


class PatchMerging(Layer):
    """Swin's patch merging: neighbors side by side by slices with steps."""

    def build(self, shape: Any) -> None:
        self.reduce = L.Dense(2 * shape[-1], use_bias=False)
        self.reduce.build((*shape[:-1], 4 * shape[-1]))

    def call(self, x: Any) -> Any:
        parts = [x[:, i::2, j::2, :] for j in (0, 1) for i in (0, 1)]
        return self.reduce(ops.concatenate(parts, axis=-1))


class SqueezeExcite(Layer):
    """Channels scaled by what their means say."""

    def build(self, shape: Any) -> None:
        self.down, self.up = L.Dense(2, activation="swish"), L.Dense(shape[-1], activation="sigmoid")
        self.down.build((None, shape[-1]))
        self.up.build((None, 2))

    def call(self, x: Any) -> Any:
        s = self.up(self.down(ops.mean(x, axis=[1, 2])))
        return x * ops.reshape(s, (-1, 1, 1, x.shape[-1]))


class SpatialAttention(Layer):
    """CBAM: positions scaled by a convolution of their mean and maximum."""

    def build(self, shape: Any) -> None:
        self.conv = L.Conv2D(1, 3, padding="same", activation="sigmoid", use_bias=False)
        self.conv.build((*shape[:-1], 2))

    def call(self, x: Any) -> Any:
        means, maxima = ops.mean(x, axis=-1, keepdims=True), ops.max(x, axis=-1, keepdims=True)
        return x * self.conv(ops.concatenate([means, maxima], axis=-1))


class ConvNeXt(Layer):
    """A depthwise convolution, a feed-forward part, a learned factor, and the input added."""

    def build(self, shape: Any) -> None:
        d = shape[-1]
        self.conv, self.norm = L.DepthwiseConv2D(3, padding="same"), L.LayerNormalization(epsilon=1e-6)
        self.wide, self.narrow = L.Dense(4 * d), L.Dense(d)
        self.gamma = self.add_weight(shape=(d,), name="gamma")
        for layer in (self.conv, self.norm, self.wide):
            layer.build(shape)
        self.narrow.build((*shape[:-1], 4 * d))

    def call(self, x: Any) -> Any:
        y = self.narrow(ops.gelu(self.wide(self.norm(self.conv(x))), approximate=False))
        return x + self.gamma * y


class ChannelShuffle(Layer):
    """ShuffleNet's groups exchanged."""

    def call(self, x: Any) -> Any:
        _, h, w, c = x.shape
        y = ops.transpose(ops.reshape(x, (-1, h, w, 3, c // 3)), (0, 1, 2, 4, 3))
        return ops.reshape(y, (-1, h, w, c))


class PixelShuffle(Layer):
    """Channels to positions, by a reshape and a transpose."""

    def call(self, x: Any) -> Any:
        b, h, w, c = ops.shape(x)
        y = ops.transpose(ops.reshape(x, (b, h, w, 2, 2, c // 4)), (0, 1, 3, 2, 4, 5))
        return ops.reshape(y, (b, 2 * h, 2 * w, c // 4))


class Pyramid(Layer):
    """A feature pyramid's step: the coarse map resized, and added to the fine one."""

    def build(self, shape: Any) -> None:
        self.lateral = L.Conv2D(3, 1)
        self.lateral.build(shape[1])

    def call(self, inputs: Any) -> Any:
        coarse, fine = inputs
        up = ops.image.resize(coarse, fine.shape[1:3], interpolation="nearest")
        return up + self.lateral(fine)


class Highway(Layer):
    """A gate between a layer and its input."""

    def build(self, shape: Any) -> None:
        self.transform, self.gate = L.Dense(shape[-1], activation="relu"), L.Dense(shape[-1])
        self.transform.build(shape)
        self.gate.build(shape)

    def call(self, x: Any) -> Any:
        t = ops.sigmoid(self.gate(x))
        return t * self.transform(x) + (1.0 - t) * x


class StochasticDepth(Layer):
    """A branch that training drops for whole examples."""

    def __init__(self, rate: float, **options: Any) -> None:
        super().__init__(**options)
        self.rate = rate
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, x: Any, training: Any = None) -> Any:
        if training:
            keep = keras.random.uniform((ops.shape(x)[0], *[1] * (len(x.shape) - 1)), seed=self.seeds) > self.rate
            return x * ops.cast(keep, x.dtype) / (1 - self.rate)
        return x


SEQUENCE, IMAGE = {"x": (5, 6)}, {"x": (4, 6, 6)}
CONSTRUCTS = [
    Construct("transformer encoder, norm first", lambda: Encoder(True), SEQUENCE),
    Construct("transformer encoder, norm last", lambda: Encoder(False), SEQUENCE),
    Construct("transformer decoder", Decoder, {"x": (4, 6), "memory": (5, 3)}),
    Construct("MLP-mixer", Mixer, SEQUENCE),
    Construct("positions mixed by a weight", MixerByWeight, SEQUENCE),
    Construct("FNet", Fourier, SEQUENCE),
    Construct("spatial gating", SpatialGate, SEQUENCE),
    Construct("vision transformer with a class token", VisionTransformer, IMAGE),
    Construct("patch merging", PatchMerging, IMAGE),
    Construct("squeeze-and-excite", SqueezeExcite, IMAGE),
    Construct("spatial attention of CBAM", SpatialAttention, IMAGE),
    Construct("ConvNeXt block", ConvNeXt, IMAGE),
    Construct("channel shuffle", ChannelShuffle, IMAGE),
    Construct("pixel shuffle", PixelShuffle, {"x": (3, 2, 8)}),
    Construct("feature pyramid", Pyramid, {"coarse": (2, 3, 3), "fine": (4, 6, 2)}),
    Construct("highway", Highway, SEQUENCE),
    Construct("stochastic depth in inference", lambda: chain(L.Dense(4), StochasticDepth(0.3)), SEQUENCE),
]
