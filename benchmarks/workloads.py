"""The workloads: a network, a batch size, and whether it is trained or asked for predictions.

Training is the same for all: AdamW (learning rate 1e-3; weight decay 1e-4, on kernels only), gradients clipped to a
global norm of 1, the mean of softmax cross-entropy from logits, rows in a new random order in each epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.networks import CNN, MLP, Array, Decoder, Encoder, LSTMClassifier, Network, ResNet

LEARNING_RATE = 1e-3
WEIGHT_DECAY = 1e-4
EPSILON = 1e-8  # Adam's, which is not the default everywhere
CLIP = 1.0


@dataclass(frozen=True)
class Workload:
    """A network at a batch size.

    Attributes:
        steps: full batches in the data, hence in an epoch; there is no remainder.
        kind: "training" updates the parameters; "inference" takes a batch from the host and gives the outputs back to
            the host, as a server does.
    """

    name: str
    title: str
    network: Network
    batch: int
    steps: int
    kind: Literal["training", "inference"] = "training"

    @property
    def rows(self) -> int:
        return self.batch * self.steps

    def data(self, seed: int = 0) -> tuple[dict[str, Array], Array]:
        """Inputs by name and targets. Both are random: the time of a step does not depend on what is learned."""
        random = np.random.default_rng(seed)
        return self.network.inputs(self.rows, random), self.network.targets(self.rows, random)

    def flops(self) -> int:
        """Floating-point operations of the matrix products and convolutions of a step, and of nothing else.

        A product of (m, k) and (k, n) is 2·m·k·n. Training needs three of the size of each: the forward one and one for
        the gradient of each factor, but two where one factor is the data.
        """
        total = 0
        for product in self.network.products():
            times = 1 if self.kind == "inference" else 2 if product.of_data else 3
            total += times * 2 * product.rows * product.inner * product.columns
        return self.batch * total


_ALL = (
    Workload("mlp", "MLP 784-512-256-128-10, BatchNorm, GELU, dropout", MLP(), batch=128, steps=128),
    Workload("mlp32", "the same MLP at a small batch", MLP(), batch=32, steps=512),
    Workload("cnn", "CNN for 28×28 images: two convolutions, max-pooling, two dense", CNN(), batch=128, steps=32),
    Workload("lstm", "LSTM 128 over 80 embedded tokens", LSTMClassifier(), batch=32, steps=64),
    Workload("transformer", "transformer encoder: 2 layers, width 128, 128 tokens", Encoder(), batch=32, steps=16),
    Workload("resnet", "residual CNN for 32×32 images, BatchNorm", ResNet(), batch=64, steps=16),
    Workload(
        "gpt",
        "transformer decoder: 4 layers, width 256, 128 tokens, next-token loss",
        Decoder(width=256, heads=8, hidden=1024, layers=4),
        batch=8,
        steps=16,
    ),
    Workload("mlp-infer1", "predictions of the MLP, one row", MLP(), batch=1, steps=64, kind="inference"),
    Workload("mlp-infer256", "predictions of the MLP, 256 rows", MLP(), batch=256, steps=16, kind="inference"),
    Workload("cnn-infer1", "predictions of the CNN, one image", CNN(), batch=1, steps=64, kind="inference"),
    Workload("cnn-infer256", "predictions of the CNN, 256 images", CNN(), batch=256, steps=16, kind="inference"),
)
WORKLOADS = {workload.name: workload for workload in _ALL}
