"""Models for tests of exporters, with random variables, and what they compute by the NumPy reference."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nnspec as nn
from nnspec import models
from nnspec.model import Model
from nnspec.porting.port import Port
from nnspec.reference.model import run

Array = NDArray[Any]


@dataclass(frozen=True)
class Exported:
    """A model with variables and inputs.

    Attributes:
        name: what tests call it.
        port: as it is exported.
        inputs: by name.
    """

    name: str
    port: Port
    inputs: dict[str, Array]

    def values(self, dtype: str = "float64") -> dict[str, Array]:
        """The values of all nodes by path."""
        return run(self.port.model, self.port.variables, self.inputs, dtype=dtype).nodes

    def outputs(self) -> dict[str, Array]:
        """The outputs by name."""
        return run(self.port.model, self.port.variables, self.inputs).outputs


def exported(name: str, model: Model, batch: int = 3, **ids: int) -> Exported:
    """A model with random variables, none of them 0 or 1, variances above zero; ``ids`` are ends of integer inputs."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    variables = {}
    for key, param in model.params().items():
        fan = max(np.prod(param.shape[:-1], dtype=int), 1) if len(param.shape) > 1 else 1
        drawn = rng.uniform(0.4, 0.9, param.shape) / np.sqrt(fan)
        signs = 1 if key.endswith(("/var", "/stddev", "/scale")) else rng.choice([-1, 1], param.shape)
        variables[key] = (drawn * signs).astype(np.float32)
    inputs: dict[str, Array] = {}
    for key, declared in model.inputs.items():
        shape = (batch, *(size or 5 for size in declared.shape or ()))
        if declared.dtype == "int32":
            inputs[key] = rng.integers(0, ids.get(key, 7), shape, dtype=np.int32)
        elif declared.dtype == "bool":
            inputs[key] = np.arange(shape[-1]) < rng.integers(1, shape[-1] + 1, (*shape[:-1], 1))
        else:
            inputs[key] = rng.normal(size=shape).astype(np.float32)
    return Exported(name, Port(model, variables), inputs)


def built() -> Iterator[Exported]:
    """The builders of nnspec.models at small sizes."""
    yield exported("mlp", models.mlp((9, 4), norm="LayerNorm", dropout_rate=0.3, input=(6,)))
    yield exported("vae", models.vae((8,), 3, input=(10,)))
    yield exported("lenet", models.lenet(input=(16, 16, 1), padding="same"))
    yield exported("resnet", models.resnet(8, 5, stem="cifar", input=(12, 12, 3)))
    yield exported(
        "mobilenet_v2",
        models.mobilenet_v2(5, 0.5, groups=((1, 8, 1, 1), (6, 8, 2, 2)), last_features=32, input=(24, 24, 3)),
    )
    yield exported("unet", models.unet(2, 4, levels=2, padding="same", norm="BatchNorm", input=(16, 16, 1)))
    yield exported("vit", models.vit(5, 4, num_layers=2, features=8, num_heads=2, input=(12, 12, 3)))
    yield exported("gpt2", models.gpt2(2, 8, 2, num_embeddings=11, max_length=6, length=5))
    yield exported("bert", models.bert(2, 8, 2, num_embeddings=11, max_length=6, length=5), segments=2)
    yield exported("lstm_classifier", models.lstm_classifier(3, 4, num_layers=2, bidirectional=True, num_embeddings=7))
    yield exported("seq2seq", models.seq2seq(7, 6, 4, num_layers=2, embedding_features=3, mask=True), target=6)


def branches() -> Model:
    """Two inputs, two outputs, a nested model that is called twice, a layer that is."""
    a, b = nn.symbol((6,), "a"), nn.symbol((6,), "b")
    shared = nn.Dense(6, "tanh", name="shared")
    inner = nn.Sequential([nn.Dense(4, "relu"), nn.BatchNorm(), nn.Dropout(0.5)], input=[6], name="inner")
    left, right = inner(shared(a)), inner(shared(b))
    joined = nn.Concat(name="joined")(left, right)
    return Model(inputs=[a, b], outputs=[nn.Dense(3, name="head")(joined), nn.Add(name="total")(left, right)])
