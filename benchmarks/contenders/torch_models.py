"""The networks as PyTorch modules. Images are channels first."""

from __future__ import annotations

from functools import singledispatch
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.networks import CNN, MLP, Decoder, Encoder, LSTMClassifier, ResNet

# PyTorch's momentum is the share of the new: 0.01 is Keras's 0.99.
NORM = {"eps": 1e-5, "momentum": 0.01}


def initialize(made: nn.Module) -> None:
    """The initial values that all contenders use."""
    for module in made.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.uniform_(module.weight, -0.05, 0.05)


@singledispatch
def model(network: Any) -> nn.Module:
    """The network as an ``nn.Module``."""
    raise TypeError(f"no model of {network}")


@model.register
def _(network: MLP) -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(network.features):
        layers += [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs, **NORM)]
        layers += [nn.GELU(), nn.Dropout(network.dropout)]
    made = nn.Sequential(*layers, nn.Linear(network.features[-1], network.classes))
    initialize(made)
    for linear in list(made)[:-1:4]:
        nn.init.kaiming_normal_(linear.weight)
    return made


@model.register
def _(network: CNN) -> nn.Module:
    layers: list[nn.Module] = []
    channels = network.channels
    for features in network.filters:
        layers += [nn.Conv2d(channels, features, 3), nn.ReLU()]
        channels = features
    before, after = map(nn.Dropout, network.dropout)
    layers += [nn.MaxPool2d(2), nn.Flatten(), before]
    layers += [nn.Linear(network.pooled**2 * channels, network.dense), nn.ReLU(), after]
    made = nn.Sequential(*layers, nn.Linear(network.dense, network.classes))
    initialize(made)
    return made


class Block(nn.Module):
    """A residual block."""

    def __init__(self, inputs: int, outputs: int, strides: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, strides, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs, **NORM)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs, **NORM)
        self.shortcut: nn.Module = nn.Identity()
        if (inputs, strides) != (outputs, 1):
            projection = nn.Conv2d(inputs, outputs, 1, strides, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(outputs, **NORM))

    def forward(self, x: Any) -> Any:
        y = self.norm2(self.conv2(functional.relu(self.norm1(self.conv1(x)))))
        return functional.relu(y + self.shortcut(x))


@model.register
def _(network: ResNet) -> nn.Module:
    channels = network.stages[0]
    layers: list[nn.Module] = [nn.Conv2d(network.channels, channels, 3, padding=1, bias=False)]
    layers += [nn.BatchNorm2d(channels, **NORM), nn.ReLU()]
    for i, features in enumerate(network.stages):
        layers.append(Block(channels, features, 2 if i else 1))
        channels = features
    made = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, network.classes))
    initialize(made)
    return made


class Classifier(nn.Module):
    """An LSTM with one bias per gate as in the others; PyTorch's second one stays 0."""

    def __init__(self, network: LSTMClassifier) -> None:
        super().__init__()
        self.embedding = nn.Embedding(network.vocabulary, network.width)
        self.lstm = nn.LSTM(network.width, network.features, batch_first=True)
        self.head = nn.Linear(network.features, network.classes)
        initialize(self)
        nn.init.xavier_uniform_(self.lstm.weight_ih_l0)
        nn.init.orthogonal_(self.lstm.weight_hh_l0)
        nn.init.zeros_(self.lstm.bias_ih_l0)
        nn.init.zeros_(self.lstm.bias_hh_l0)
        nn.init.ones_(self.lstm.bias_ih_l0.data[network.features : 2 * network.features])
        self.lstm.bias_hh_l0.requires_grad_(False)

    def forward(self, tokens: Any) -> Any:
        return self.head(self.lstm(self.embedding(tokens))[0][:, -1])


@model.register
def _(network: LSTMClassifier) -> nn.Module:
    return Classifier(network)


class TransformerBlock(nn.Module):
    """A pre-norm block; queries, keys and values are one product."""

    def __init__(self, network: Encoder | Decoder) -> None:
        super().__init__()
        width = network.width
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.dense1, self.dense2 = nn.Linear(width, network.hidden), nn.Linear(network.hidden, width)
        self.dropout = nn.Dropout(network.dropout)
        self.heads, self.causal, self.rate = network.heads, network.causal, network.dropout

    def forward(self, x: Any) -> Any:
        batch, length, width = x.shape
        split = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4)
        rate = self.rate if self.training else 0.0
        y = functional.scaled_dot_product_attention(q, k, v, dropout_p=rate, is_causal=self.causal)
        x = x + self.dropout(self.out(y.transpose(1, 2).reshape(batch, length, width)))
        return x + self.dropout(self.dense2(functional.gelu(self.dense1(self.norm2(x)))))


class Transformer(nn.Module):
    """An encoder or a decoder."""

    def __init__(self, network: Encoder | Decoder) -> None:
        super().__init__()
        self.tokens = nn.Embedding(network.vocabulary, network.width)
        self.positions = nn.Embedding(network.length, network.width)
        self.blocks = nn.Sequential(*(TransformerBlock(network) for _ in range(network.layers)))
        self.norm = nn.LayerNorm(network.width, eps=1e-6)
        self.head = nn.Linear(network.width, network.outputs)
        self.causal = network.causal
        initialize(self)

    def forward(self, tokens: Any) -> Any:
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1], device=tokens.device))
        x = self.norm(self.blocks(x))
        return self.head(x if self.causal else x.mean(1))


@model.register(Encoder)
@model.register(Decoder)
def _(network: Encoder | Decoder) -> nn.Module:
    return Transformer(network)
