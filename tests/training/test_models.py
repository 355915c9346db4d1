"""Every builder trains, the same on both backends."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import nnspec as nn
from nnspec import models
from nnspec.backends import Backend, installed
from nnspec.experiment import Experiment, Training
from nnspec.training import data as datasets
from nnspec.training.compare import compare
from nnspec.training.comparison import Comparison

both = pytest.mark.skipif(len(installed()) < 2, reason="a comparison needs two installed backends")
ROWS = 96
Array = NDArray[Any]


@cache
def digits() -> tuple[Array, Array]:
    """scikit-learn's digits, images of 8×8 with values from 0 to 1, and what they show."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return found.images[:ROWS, ..., None] / 16, found.target[:ROWS]


def enlarged(images: Array, factor: int) -> Array:
    return images.repeat(factor, 1).repeat(factor, 2)


def sequences(length: int = 7, ids: int = 11) -> tuple[Array, Array]:
    """Sequences of ids, and whether one of the three largest is among them."""
    x = np.random.default_rng(17).integers(0, ids, (ROWS, length)).astype(np.int32)
    return x, (x >= ids - 3).any(1).astype(np.int64)


def counting(length: int = 7, ids: int = 11) -> tuple[Array, Array]:
    """Sequences of ids by a step each, around and around, and what follows each id."""
    x = (np.arange(length + 1) * np.arange(1, ROWS + 1)[:, None]) % ids
    return x[:, :-1].astype(np.int32), x[:, 1:]


@dataclasses.dataclass(frozen=True)
class Task:
    """A small model of a builder, what it is given, and what it should give."""

    model: nn.Model
    inputs: tuple[Array, ...]
    targets: Array
    loss: Any = "SoftmaxCrossEntropy"
    penalties: Any = ()

    def rows(self) -> dict[str, Array]:
        return {**dict(zip(self.model.inputs, self.inputs, strict=True)), "targets": self.targets}


def mlp() -> Task:
    images, labels = digits()
    model = models.mlp((16, 12, 10), "gelu", norm="BatchNorm", dropout_rate=0.2, input=(64,))
    return Task(model, (images.reshape(ROWS, -1),), labels)


def autoencoder() -> Task:
    images, _ = digits()
    return Task(models.autoencoder((24,), 6, input=(8, 8, 1)), (images,), images, "BinaryCrossEntropy")


def vae() -> Task:
    images, _ = digits()
    model = models.vae((24,), 4, input=(8, 8, 1))
    return Task(model, (images,), images, "BinaryCrossEntropy", {"kl": 1 / 64, "node": "encoder"})


def lenet() -> Task:
    images, labels = digits()
    return Task(models.lenet(input=(16, 16, 1)), (enlarged(images, 2),), labels)


def resnet(version: Any, **options: Any) -> Task:
    images, labels = digits()
    model = models.resnet((1, 1), 10, version=version, stem="cifar", features=4, input=(8, 8, 1), **options)
    return Task(model, (images,), labels)


def mobilenet_v2() -> Task:
    images, labels = digits()
    groups = ((1, 8, 1, 1), (2, 8, 2, 2))
    model = models.mobilenet_v2(10, groups=groups, stem_features=8, last_features=16, momentum=0.9, input=(8, 8, 1))
    return Task(model, (images,), labels)


def unet() -> Task:
    """The pixels that are bright."""
    images, _ = digits()
    x = images[..., :1]
    model = models.unet(2, 4, levels=1, padding="same", norm="BatchNorm", dropout_rate=0.1, input=(8, 8, 1))
    return Task(model, (x,), (x[..., 0] > 0.5).astype(np.int64))


def lstm_classifier() -> Task:
    x, labels = sequences()
    model = models.lstm_classifier(
        2, 5, num_layers=2, bidirectional=True, num_embeddings=11, embedding_features=4, dropout_rate=0.1
    )
    return Task(model, (x,), labels)


def seq2seq() -> Task:
    """The sequence from its end to its beginning, of pairs of neighbors."""
    x, _ = sequences()
    x = np.sort(x // 2, 1)
    turned = x[:, ::-1]
    model = models.seq2seq(11, 11, 6, num_layers=2, embedding_features=5, score="general", mask=True, dropout_rate=0.1)
    mask = np.arange(7) < np.random.default_rng(18).integers(2, 8, (ROWS, 1))
    return Task(model, (x, np.pad(turned[:, :-1], ((0, 0), (1, 0))), mask), turned.astype(np.int64))


def transformer_encoder() -> Task:
    x, labels = sequences()
    model = models.transformer_encoder(
        1, 8, 2, 12, num_embeddings=11, num_classes=2, norm="pre", attention_dropout_rate=0.1, length=7
    )
    return Task(model, (x,), labels)


def transformer_decoder() -> Task:
    """The next id, from a memory of vectors."""
    x, following = counting()
    memory = np.sin(np.arange(ROWS * 5 * 6).reshape(ROWS, 5, 6))
    mask = np.arange(5) < np.random.default_rng(18).integers(1, 6, (ROWS, 1))
    model = models.transformer_decoder(1, 8, 2, 12, num_embeddings=11, memory_features=6, norm="pre", mask=True)
    return Task(model, (x, memory, mask), following)


def gpt2() -> Task:
    """The next id."""
    x, following = counting()
    return Task(models.gpt2(2, 8, 2, num_embeddings=11, max_length=9), (x,), following)


def bert(**options: Any) -> Task:
    x, labels = sequences()
    segments = np.broadcast_to((np.arange(7) > 3).astype(np.int32), x.shape)
    mask = np.arange(7) < np.random.default_rng(18).integers(2, 8, (ROWS, 1))
    targets = labels if "num_classes" in options else x.astype(np.int64)
    model = models.bert(1, 8, 2, num_embeddings=11, max_length=7, mask=True, **options)
    return Task(model, (x, segments, mask), targets)


def vit() -> Task:
    images, labels = digits()
    model = models.vit(10, 4, num_layers=1, features=8, num_heads=2, input=(8, 8, 1))
    return Task(model, (images,), labels)


TASKS: dict[str, Callable[[], Task]] = {
    "mlp": mlp,
    "autoencoder": autoencoder,
    "vae": vae,
    "lenet": lenet,
    "resnet version 1": lambda: resnet(1),
    "resnet version 2": lambda: resnet(2, block="bottleneck"),
    "mobilenet_v2": mobilenet_v2,
    "unet": unet,
    "lstm_classifier": lstm_classifier,
    "seq2seq": seq2seq,
    "transformer_encoder": transformer_encoder,
    "transformer_decoder": transformer_decoder,
    "gpt2": gpt2,
    "bert classifier": lambda: bert(head="classifier", num_classes=2),
    "bert mlm": lambda: bert(head="mlm"),
    "vit": vit,
}
# What runs every day: a few layers of each kind.
DAILY = ("vae", "transformer_encoder")


def trained(name: str, dtype: Any, steps: int) -> Comparison:
    task = TASKS[name]()
    experiment = Experiment(
        task.model,
        task.loss,
        optimizer=nn.Momentum(nn.CosineDecay(0.01, decay_steps=60)),
        penalties=task.penalties,
        training=Training(batch_size=32, seed=3, dtype=dtype),
    )
    data = datasets.from_arrays(task.rows(), model=task.model, loss=experiment.loss, seed=3, dtype=dtype)
    return compare(experiment, data, [nn.backend(each) for each in ("jax", "tensorflow")], steps=steps, dtype=dtype)


def cases(*dtypes: str) -> list[Any]:
    return [
        pytest.param(name, dtype, id=f"{name}-{dtype}", marks=[] if daily else pytest.mark.slow)
        for name in TASKS
        for dtype in dtypes
        for daily in [name in DAILY and dtype == "float64"]
    ]


def test_every_builder_is_trained() -> None:
    assert {name.partition(" ")[0] for name in TASKS} == set(models.BUILDERS)


@both
@pytest.mark.parametrize(("name", "dtype"), cases("float64", "float32"))
def test_both_backends_train_the_same(name: str, dtype: Any) -> None:
    """50 updates from the same weights on the same batches, dropout and all.

    In float32 a ReLU's input next to 0 can fall on either side of it, and what comes of it grows: losses are compared.
    """
    found = trained(name, dtype, 50)
    assert found.bit_equal == {"initial_parameters": True, "masks": True, "batches": True}
    if dtype == "float64":
        assert max(found.max_relative_difference.values()) <= 1e-11
    assert found.max_relative_difference["loss"] <= 1e-4
    assert found.first_difference is None


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_it_learns(name: str, backend_name: str) -> None:
    """The loss falls."""
    task = TASKS[name]()
    rows = task.rows()
    run = nn.train(
        task.model,
        rows,
        loss=task.loss,
        penalties=task.penalties,
        optimizer=nn.Adam(0.01),
        batch_size=32,
        epochs=15,
        backend=backend_name,
        progress=False,
    )
    losses = [record["loss"] for record in run.history]
    assert losses[-1] < 0.9 * losses[0]


def test_the_decoder_of_a_vae_by_itself(backend: Backend) -> None:
    """The example of docs/models.md: its weights are found by name, and it gives what it gives within the model."""
    task = vae()
    net = backend.build(task.model, seed=3)
    nodes = net.nodes({"input": task.inputs[0][:5]})
    decoder = next(node.layer for node in task.model.nodes if node.name == "decoder").with_inputs((4,))
    weights = {n.removeprefix("decoder/"): w for n, w in net.variables().items() if n.startswith("decoder/")}
    (images,) = backend.build(decoder, weights).forward({"input": nodes["sample"]}).values()
    np.testing.assert_allclose(images, nodes["decoder"], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(nodes["sample"], nodes["encoder"][:, :4])
