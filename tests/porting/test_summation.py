"""How far sums in another order may be off: in float32, against exact sums."""

from __future__ import annotations

import numpy as np

import nnspec
from nnspec.calls import opened
from nnspec.model import Model, Sequential
from nnspec.porting.summation import orders


def test_a_sum_from_first_to_last_is_within_a_few_times_its_order() -> None:
    """The error of adding one number after the other, as some kernels do, where the net's may be none."""
    x = nnspec.symbol((32, 32, 2), "x")
    model = Model(inputs=x, outputs=nnspec.GlobalAvgPool()(x))
    allowed = orders(opened(model), 4, training=False)["global_avg_pool"]
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(40):
        values = rng.uniform(0.5, 1.5, 32 * 32).astype(np.float32)
        total = np.float32(0)
        for value in values:
            total += value
        exact = values.astype(np.float64).sum()
        errors.append(abs(float(total) - exact) / float(np.spacing(np.float32(exact))))
    assert 1 < np.sqrt(np.mean(np.square(errors))) < 2 * allowed < 2 * max(errors) < 8 * allowed


def test_a_convolution_from_first_to_last_is_within_its_order() -> None:
    """The products of a window, added one after the other, where the net adds them in blocks."""
    model = Sequential([{"Conv": {"features": 32, "kernel_size": [3, 3]}}], (8, 8, 256))
    allowed = orders(opened(model), 2, training=False)["conv"]
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(128, 9 * 256)).astype(np.float32)
    kernel = (rng.normal(size=(9 * 256, 32)) / 48).astype(np.float32)
    total = np.zeros((128, 32), np.float32)
    for column, row in zip(windows.T, kernel, strict=True):
        total += column[:, None] * row
    exact = windows.astype(np.float64) @ kernel.astype(np.float64)
    scale = np.abs(exact).max()
    error = np.abs(total - exact).max() / np.spacing(np.float32(scale))
    blocks = np.abs(windows @ kernel - exact).max() / np.spacing(np.float32(scale))
    # The bound is four times the larger of the order and the net's own error.
    assert blocks < error < 4 * allowed < 4 * error


def test_what_comes_after_a_sum_inherits_its_error() -> None:
    model = Sequential([{"Dense": 100}, "LayerNorm", "tanh", {"Dense": 2}], (4,))
    found = orders(opened(model), 4, training=False)
    assert found["dense"] == 1.0 and found["layer_norm"] > 1.5
    assert found["layer_norm"] == found["tanh"] == found["dense_1"]


def test_batch_norms_take_sums_in_training_alone() -> None:
    model = Sequential(["BatchNorm"], (16, 16, 3))
    assert orders(opened(model), 4, training=False) == {"batch_norm": 1.0}
    assert orders(opened(model), 4, training=True)["batch_norm"] == np.sqrt(4 * 256) / 6
