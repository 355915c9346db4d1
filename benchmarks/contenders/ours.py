"""nnspec, through the path that ``nnspec.train`` takes, and ``Net.compiled`` for predictions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

import numpy as np

import nnspec as nn
from benchmarks.contenders import Session, Settings
from benchmarks.networks import CNN, MLP, Array, Decoder, Encoder, LSTMClassifier, ResNet
from benchmarks.workloads import CLIP, EPSILON, LEARNING_RATE, WEIGHT_DECAY, Workload
from nnspec.cli.memory import keep_memory
from nnspec.metrics import Sums
from nnspec.training.order import epoch_order
from nnspec.training.pace import Pace


def load(contender: str) -> nn.backends.Backend:
    """The backend, imported."""
    return nn.backend(contender.removeprefix("nnspec-"))


def build(contender: str, inputs: dict[str, Array], targets: Array, settings: Settings) -> Session:
    """A net and, for training, its engine."""
    network = settings.workload.network
    made = model(network)
    keep_memory(made)  # as ``nnspec train`` does
    backend = load(contender)
    if isinstance(network, Encoder | Decoder):
        # The vocabulary has no constants: positions are a second input.
        tokens = inputs["tokens"]
        inputs = {**inputs, "positions": np.broadcast_to(np.arange(tokens.shape[1], dtype=np.int32), tokens.shape)}
    made = made.with_inputs(*(x.shape[1:] for x in inputs.values()))
    # The device is the default one, as users leave it.
    settings.demand("gpu" if any(name.startswith("gpu") for name in backend.devices()) else "cpu")
    net = backend.build(made, dtype=settings.dtype)
    named = dict(zip(made.inputs, inputs.values(), strict=True))
    if settings.workload.kind == "inference":
        return Inference(net, named, settings.workload)
    return Training(backend, net, {**named, "targets": targets}, settings.workload)


# -- models -----------------------------------------------------------------------------------------------------------


@singledispatch
def model(network: Any) -> nn.Model:
    """The network as a spec."""
    raise TypeError(f"no model of {network}")


@model.register
def _(network: MLP) -> nn.Model:
    layers: list[nn.Layer] = []
    for features in network.features[1:]:
        layers += [nn.Dense(features, kernel_init="he_normal", use_bias=False), nn.BatchNorm(), nn.GELU()]
        layers += [nn.Dropout(network.dropout)]
    return nn.Sequential([*layers, nn.Dense(network.classes)])


@model.register
def _(network: CNN) -> nn.Model:
    convolutions = [nn.Conv(n, (3, 3), padding="valid", activation="relu") for n in network.filters]
    before, after = map(nn.Dropout, network.dropout)
    dense = nn.Dense(network.dense, activation="relu")
    return nn.Sequential(
        [*convolutions, nn.MaxPool((2, 2)), nn.Flatten(), before, dense, after, nn.Dense(network.classes)]
    )


@model.register
def _(network: ResNet) -> nn.Model:
    def convolution(features: int, window: int, strides: int, x: nn.Tensor) -> nn.Tensor:
        return nn.BatchNorm()(nn.Conv(features, (window, window), strides, use_bias=False)(x))

    image = nn.symbol(None, "image")
    x = nn.ReLU()(convolution(network.stages[0], 3, 1, image))
    channels = network.stages[0]
    for i, features in enumerate(network.stages):
        strides = 2 if i else 1
        y = nn.ReLU()(convolution(features, 3, strides, x))
        y = convolution(features, 3, 1, y)
        shortcut = x if (features, strides) == (channels, 1) else convolution(features, 1, strides, x)
        x, channels = nn.ReLU()(y + shortcut), features
    return nn.Model(inputs=image, outputs=nn.Dense(network.classes)(nn.GlobalAvgPool()(x)))


@model.register
def _(network: LSTMClassifier) -> nn.Model:
    tokens = nn.symbol(None, "tokens", "int32")
    x = nn.Embedding(network.vocabulary, network.width)(tokens)
    return nn.Model(inputs=tokens, outputs=nn.Dense(network.classes)(nn.LSTM(network.features)(x)))


@model.register(Encoder)
@model.register(Decoder)
def _(network: Encoder | Decoder) -> nn.Model:
    width, rate = network.width, network.dropout
    tokens, positions = nn.symbol(None, "tokens", "int32"), nn.symbol(None, "positions", "int32")
    x = nn.Embedding(network.vocabulary, width)(tokens) + nn.Embedding(network.length, width)(positions)
    for _ in range(network.layers):
        attention = nn.MultiHeadAttention(network.heads, causal=network.causal, dropout_rate=rate)
        x = x + nn.Dropout(rate)(attention(nn.LayerNorm()(x)))
        hidden = nn.Dense(network.hidden, activation="gelu")(nn.LayerNorm()(x))
        x = x + nn.Dropout(rate)(nn.Dense(width)(hidden))
    x = nn.LayerNorm()(x)
    x = x if network.causal else nn.GlobalAvgPool()(x)
    return nn.Model(inputs=[tokens, positions], outputs=nn.Dense(network.outputs)(x))


# -- sessions ---------------------------------------------------------------------------------------------------------


class Training:
    """Epochs as :class:`nnspec.training.trainer.Trainer` makes them: as many updates in a call as a second holds."""

    unit = 1

    def __init__(self, backend: nn.backends.Backend, net: nn.backends.Net, data: dict[str, Array], workload: Workload):
        self._engine = backend.engine(
            net,
            loss=nn.SoftmaxCrossEntropy(),
            optimizer=nn.AdamW(LEARNING_RATE, epsilon=EPSILON, weight_decay=WEIGHT_DECAY, decay="kernels"),
            clip=nn.Clip(global_norm=CLIP),
        )
        self._engine.load("train", data)
        self.parameters = parameters(net)
        self._workload = workload
        self._pace = Pace()
        self._epoch, self._at = -1, workload.steps
        self._order: Array = np.empty((0, 0), np.int32)

    def first(self) -> float:
        total, count = self._updates(1)["loss"]
        return total / count

    def run(self, steps: int) -> None:
        while steps:
            before = self._at % self._workload.steps
            self._updates(min(steps, self._pace.updates))
            steps -= self._at - before

    def _updates(self, steps: int) -> Mapping[str, Sums]:
        """Up to so many updates, at most to the end of the epoch."""
        if self._at == self._workload.steps:
            self._epoch, self._at = self._epoch + 1, 0
            self._order, _ = epoch_order(0, self._epoch, self._workload.rows, self._workload.batch, shuffle=True)
        stop = min(self._at + steps, self._workload.steps)
        with self._pace.measure(stop - self._at):
            self._engine.train(self._order, self._at, stop)
        self._at = stop
        return self._engine.totals()


class Inference:
    """Batch after batch through the net compiled for this batch size, which compiles when it is made."""

    unit = 1

    def __init__(self, net: nn.backends.Net, inputs: dict[str, Array], workload: Workload) -> None:
        self.parameters = parameters(net)
        self._predict = net.compiled(workload.batch)
        self._batches = [
            {name: x[i * workload.batch : (i + 1) * workload.batch] for name, x in inputs.items()}
            for i in range(workload.steps)
        ]

    def first(self) -> None:
        self.run(1)

    def run(self, steps: int) -> None:
        for i in range(steps):
            self._predict(self._batches[i % len(self._batches)])


def parameters(net: nn.backends.Net) -> int:
    """How many numbers are trained."""
    values = net.variables()
    return sum(values[name].size for name, param in net.model.params().items() if param.kind == "parameter")
