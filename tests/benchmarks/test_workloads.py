"""What the workloads are: sizes and operations, counted by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks.networks import CNN, MLP, Decoder, Encoder
from benchmarks.workloads import WORKLOADS, Workload


def test_flops_of_an_mlp() -> None:
    """Forward and both gradients of each product, but no gradient with respect to the data."""
    network = MLP(features=(5, 4), classes=3)
    assert Workload("w", "", network, batch=2, steps=1).flops() == 2 * (2 * 2 * 5 * 4 + 3 * 2 * 4 * 3)
    assert Workload("w", "", network, batch=2, steps=1, kind="inference").flops() == 2 * (2 * 5 * 4 + 2 * 4 * 3)


def test_flops_of_a_cnn() -> None:
    """28×28 → 26×26×32 → 24×24×64 → 12×12×64 → 128 → 10, as in the well-known example for MNIST."""
    forward = [26 * 26 * 9 * 32, 24 * 24 * 9 * 32 * 64, 12 * 12 * 64 * 128, 128 * 10]
    assert Workload("w", "", CNN(), batch=1, steps=1, kind="inference").flops() == 2 * sum(forward)
    assert Workload("w", "", CNN(), batch=1, steps=1).flops() == 2 * (3 * sum(forward) - forward[0])


def test_flops_of_a_residual_network() -> None:
    """Three stages of one block: ten convolutions, two of them projections."""
    first = 32 * 32 * 27 * 16
    one = 2 * 32 * 32 * 9 * 16 * 16
    two = 16 * 16 * (9 * 16 * 32 + 9 * 32 * 32 + 16 * 32)
    three = 8 * 8 * (9 * 32 * 64 + 9 * 64 * 64 + 32 * 64)
    workload = dataclasses.replace(WORKLOADS["resnet"], kind="inference", batch=1)
    assert workload.flops() == 2 * (first + one + two + three + 64 * 10)


@pytest.mark.parametrize("network", [Encoder(), Decoder()], ids=["encoder", "decoder"])
def test_flops_of_a_transformer(network: Encoder | Decoder) -> None:
    """Twelve width² a token and layer, scores and their use; the head on each position or on their mean."""
    tokens, width, layers = network.length, network.width, network.layers
    head = tokens * width * 1000 if isinstance(network, Decoder) else width * 2
    forward = layers * (12 * tokens * width**2 + 2 * tokens**2 * width) + head
    assert Workload("w", "", network, batch=3, steps=1, kind="inference").flops() == 3 * 2 * forward


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=str)
def test_data(workload: Workload) -> None:
    """Full batches of the declared kinds, the same in every process."""
    workload = dataclasses.replace(workload, steps=2)
    inputs, targets = workload.data()
    again, _ = workload.data()
    for name, x in inputs.items():
        assert len(x) == 2 * workload.batch
        assert x.dtype in (np.float32, np.int32)
        np.testing.assert_array_equal(x, again[name])
    assert len(targets) == 2 * workload.batch
    assert targets.dtype == np.int32
    assert targets.min() >= 0
    assert targets.max() > 0 or workload.batch == 1
