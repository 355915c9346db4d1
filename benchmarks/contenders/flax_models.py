"""The networks as Flax NNX modules."""

from __future__ import annotations

from functools import partial, singledispatch
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from benchmarks.networks import CNN, MLP, Decoder, Encoder, LSTMClassifier, ResNet

GELU = partial(nnx.gelu, approximate=False)


class Layers:
    """Makes layers of one dtype, parameters and computation alike, with the initial values that all contenders use."""

    def __init__(self, dtype: Any, rngs: Any) -> None:
        common = {"dtype": dtype, "param_dtype": dtype, "rngs": rngs}
        kernels = {**common, "kernel_init": nnx.initializers.xavier_uniform()}
        self.linear = partial(nnx.Linear, **kernels)
        self.conv = partial(nnx.Conv, kernel_size=(3, 3), **kernels)
        self.batch_norm = partial(nnx.BatchNorm, momentum=0.99, epsilon=1e-5, **common)
        self.layer_norm = partial(nnx.LayerNorm, epsilon=1e-6, **common)
        self.attention = partial(nnx.MultiHeadAttention, decode=False, broadcast_dropout=False, **kernels)
        self.embedding = partial(nnx.Embed, embedding_init=_uniform, **common)
        self.lstm = partial(nnx.OptimizedLSTMCell, **kernels)
        self.dropout = partial(nnx.Dropout, rngs=rngs)
        self.rngs = rngs


def _uniform(key: Any, shape: Any, dtype: Any = jnp.float32, **_: Any) -> Any:
    return jax.random.uniform(key, shape, dtype, -0.05, 0.05)


@singledispatch
def model(network: Any, make: Layers) -> Any:
    """The network as an ``nnx.Module``."""
    raise TypeError(f"no model of {network}")


@model.register
def _(network: MLP, make: Layers) -> Any:
    layers: list[Any] = []
    he = nnx.initializers.he_normal()
    for inputs, outputs in pairwise(network.features):
        layers += [make.linear(inputs, outputs, use_bias=False, kernel_init=he), make.batch_norm(outputs)]
        layers += [GELU, make.dropout(network.dropout)]
    return nnx.Sequential(*layers, make.linear(network.features[-1], network.classes))


@model.register
def _(network: CNN, make: Layers) -> Any:
    layers: list[Any] = []
    channels = network.channels
    for features in network.filters:
        layers += [make.conv(channels, features, padding="VALID"), nnx.relu]
        channels = features
    before, after = map(make.dropout, network.dropout)
    layers += [partial(nnx.max_pool, window_shape=(2, 2), strides=(2, 2)), lambda x: x.reshape(len(x), -1), before]
    layers += [make.linear(network.pooled**2 * channels, network.dense), nnx.relu, after]
    return nnx.Sequential(*layers, make.linear(network.dense, network.classes))


class Block(nnx.Module):
    """A residual block."""

    def __init__(self, inputs: int, outputs: int, strides: int, make: Layers) -> None:
        self.conv1 = make.conv(inputs, outputs, strides=strides, use_bias=False)
        self.norm1 = make.batch_norm(outputs)
        self.conv2 = make.conv(outputs, outputs, use_bias=False)
        self.norm2 = make.batch_norm(outputs)
        self.shortcut = nnx.data(None)
        if (inputs, strides) != (outputs, 1):
            projection = make.conv(inputs, outputs, kernel_size=(1, 1), strides=strides, use_bias=False)
            self.shortcut = nnx.Sequential(projection, make.batch_norm(outputs))

    def __call__(self, x: Any) -> Any:
        y = self.norm2(self.conv2(nnx.relu(self.norm1(self.conv1(x)))))
        return nnx.relu(y + (x if self.shortcut is None else self.shortcut(x)))


@model.register
def _(network: ResNet, make: Layers) -> Any:
    channels = network.stages[0]
    layers: list[Any] = [make.conv(network.channels, channels, use_bias=False), make.batch_norm(channels), nnx.relu]
    for i, features in enumerate(network.stages):
        layers.append(Block(channels, features, 2 if i else 1, make))
        channels = features
    return nnx.Sequential(*layers, lambda x: x.mean((1, 2)), make.linear(channels, network.classes))


@model.register
def _(network: LSTMClassifier, make: Layers) -> Any:
    return nnx.Sequential(
        make.embedding(network.vocabulary, network.width),
        nnx.RNN(make.lstm(network.width, network.features), rngs=make.rngs),
        lambda y: y[:, -1],
        make.linear(network.features, network.classes),
    )


class TransformerBlock(nnx.Module):
    """A pre-norm block."""

    def __init__(self, network: Encoder | Decoder, make: Layers) -> None:
        width, rate = network.width, network.dropout
        self.norm1, self.norm2 = make.layer_norm(width), make.layer_norm(width)
        self.attention = make.attention(network.heads, width, dropout_rate=rate)
        self.dense1, self.dense2 = make.linear(width, network.hidden), make.linear(network.hidden, width)
        self.dropout1, self.dropout2 = make.dropout(rate), make.dropout(rate)

    def __call__(self, x: Any, mask: Any) -> Any:
        x = x + self.dropout1(self.attention(self.norm1(x), mask=mask))
        return x + self.dropout2(self.dense2(GELU(self.dense1(self.norm2(x)))))


class Transformer(nnx.Module):
    """An encoder or a decoder."""

    def __init__(self, network: Encoder | Decoder, make: Layers) -> None:
        self.tokens = make.embedding(network.vocabulary, network.width)
        self.positions = make.embedding(network.length, network.width)
        self.blocks = nnx.List([TransformerBlock(network, make) for _ in range(network.layers)])
        self.norm = make.layer_norm(network.width)
        self.head = make.linear(network.width, network.outputs)
        self.causal = network.causal

    def __call__(self, tokens: Any) -> Any:
        x = self.tokens(tokens) + self.positions(jnp.arange(tokens.shape[1]))
        mask = nnx.make_causal_mask(tokens) if self.causal else None
        for block in self.blocks:
            x = block(x, mask)
        x = self.norm(x)
        return self.head(x if self.causal else x.mean(1))


@model.register(Encoder)
@model.register(Decoder)
def _(network: Encoder | Decoder, make: Layers) -> Any:
    return Transformer(network, make)
