"""The networks as Keras models."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import keras
from keras import layers

from benchmarks.networks import CNN, MLP, Decoder, Encoder, LSTMClassifier, ResNet

EMBEDDING = keras.initializers.RandomUniform(-0.05, 0.05)


@singledispatch
def model(network: Any) -> Any:
    """The network as a ``keras.Model``."""
    raise TypeError(f"no model of {network}")


@model.register
def _(network: MLP) -> Any:
    made = [keras.Input((network.features[0],))]
    for features in network.features[1:]:
        made += [layers.Dense(features, kernel_initializer="he_normal", use_bias=False)]
        made += [layers.BatchNormalization(epsilon=1e-5), layers.Activation("gelu"), layers.Dropout(network.dropout)]
    return keras.Sequential([*made, layers.Dense(network.classes)])


@model.register
def _(network: CNN) -> Any:
    before, after = map(layers.Dropout, network.dropout)
    return keras.Sequential(
        [
            keras.Input((network.size, network.size, network.channels)),
            *(layers.Conv2D(features, 3, activation="relu") for features in network.filters),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            before,
            layers.Dense(network.dense, activation="relu"),
            after,
            layers.Dense(network.classes),
        ]
    )


@model.register
def _(network: ResNet) -> Any:
    def convolution(features: int, window: int, strides: int, x: Any) -> Any:
        x = layers.Conv2D(features, window, strides, padding="same", use_bias=False)(x)
        return layers.BatchNormalization(epsilon=1e-5)(x)

    image = keras.Input((network.size, network.size, network.channels))
    x = layers.ReLU()(convolution(network.stages[0], 3, 1, image))
    channels = network.stages[0]
    for i, features in enumerate(network.stages):
        strides = 2 if i else 1
        y = layers.ReLU()(convolution(features, 3, strides, x))
        y = convolution(features, 3, 1, y)
        shortcut = x if (features, strides) == (channels, 1) else convolution(features, 1, strides, x)
        x, channels = layers.ReLU()(layers.Add()([y, shortcut])), features
    return keras.Model(image, layers.Dense(network.classes)(layers.GlobalAveragePooling2D()(x)))


@model.register
def _(network: LSTMClassifier) -> Any:
    return keras.Sequential(
        [
            keras.Input((network.length,), dtype="int32"),
            layers.Embedding(network.vocabulary, network.width, embeddings_initializer=EMBEDDING),
            layers.LSTM(network.features),
            layers.Dense(network.classes),
        ]
    )


class Positions(layers.Layer):
    """Adds a learned vector to each position."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.table = layers.Embedding(length, width, embeddings_initializer=EMBEDDING)
        self.length = length

    def build(self, shape: Any) -> None:
        self.table.build((self.length,))

    def call(self, x: Any) -> Any:
        return x + self.table(keras.ops.arange(self.length))


@model.register(Encoder)
@model.register(Decoder)
def _(network: Encoder | Decoder) -> Any:
    width, rate = network.width, network.dropout
    tokens = keras.Input((network.length,), dtype="int32")
    x = layers.Embedding(network.vocabulary, width, embeddings_initializer=EMBEDDING)(tokens)
    x = Positions(network.length, width)(x)
    for _ in range(network.layers):
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        attention = layers.MultiHeadAttention(network.heads, width // network.heads, dropout=rate)
        y = attention(y, y, use_causal_mask=network.causal)
        x = layers.Add()([x, layers.Dropout(rate)(y)])
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        y = layers.Dense(width)(layers.Dense(network.hidden, activation="gelu")(y))
        x = layers.Add()([x, layers.Dropout(rate)(y)])
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    x = x if network.causal else layers.GlobalAveragePooling1D()(x)
    return keras.Model(tokens, layers.Dense(network.outputs)(x))
