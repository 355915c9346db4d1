"""Two backends side by side, on the handbook network and on one with idle parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnspec as nn
from nnspec.backends import installed
from nnspec.experiment import load_experiment
from nnspec.training import data as datasets
from nnspec.training.compare import compare
from nnspec.training.comparison import Comparison, checkpoints, relative

EXAMPLES = Path(__file__).parents[2] / "examples"

both = pytest.mark.skipif(len(installed()) < 2, reason="a comparison needs two installed backends")


def run(overrides: list[str], steps: int, spec: str = "handbook_mlp.yaml") -> Comparison:
    experiment = load_experiment(EXAMPLES / spec, overrides)
    settings = experiment.training
    data = datasets.load(
        experiment.data,
        model=experiment.model,
        loss=experiment.loss,
        seed=settings.seed,
        dtype=settings.dtype,
        base_dir=EXAMPLES,
    )
    backends = [nn.backend(name) for name in ("jax", "tensorflow")]
    return compare(experiment, data, backends, steps=steps, dtype=settings.dtype)


@both
@pytest.mark.slow  # those of tests/training/test_models.py are compared after every change
def test_the_handbook_network_means_the_same_in_float64() -> None:
    found = run(["training.dtype=float64"], 300)
    assert found.bit_equal == {"initial_parameters": True, "masks": True, "batches": True}
    assert found.without_effect == {}
    largest = found.max_relative_difference
    assert largest["parameters"] <= 1e-11 and largest["statistics"] <= 1e-11 and largest["optimizer"] <= 1e-11
    assert largest["loss"] <= 1e-11 and largest["gradients"] <= 1e-11
    assert found.first_difference is None
    assert found.steps[-1].step == 300


@both
@pytest.mark.slow
def test_the_handbook_network_means_the_same_in_float32() -> None:
    found = run([], 100)
    assert found.bit_equal == {"initial_parameters": True, "masks": True, "batches": True}
    largest = found.max_relative_difference
    assert largest["parameters"] <= 1e-4 and largest["statistics"] <= 1e-4 and largest["optimizer"] <= 1e-4
    assert found.first_difference is None


@both
@pytest.mark.slow
@pytest.mark.parametrize("spec", ["regression.yaml", "multilabel.yaml"])
def test_the_other_examples_mean_the_same(spec: str) -> None:
    found = run(["training.dtype=float64"], 100, spec)
    assert max(found.max_relative_difference.values()) <= 1e-11
    assert all(found.bit_equal.values())


@both
def test_parameters_without_effect_are_named() -> None:
    layers = "[{Dense: {features: 20, use_bias: true}}, BatchNorm, gelu, {Dropout: 0.3}, {Dense: 10}]"
    found = run(["training.dtype=float64", f"model.layers={layers}"], 50)
    assert {"dense/bias", "optimizer/dense/bias/m", "optimizer/dense/bias/v", "batch_norm/mean"} <= set(
        found.without_effect
    )
    assert "dense/kernel" not in found.without_effect
    assert max(found.max_relative_difference.values()) <= 1e-11


def test_relative_differences() -> None:
    assert relative(np.array([1.0, 2.0]), np.array([1.0, 4.0])) == 0.5
    assert relative(np.array([1e-9]), np.array([0.0]), floor=1.0) == 1e-9
    assert relative(np.zeros(3), np.zeros(3)) == 0.0
    assert relative(np.array([np.nan]), np.array([1.0])) == float("inf")
    assert relative(np.zeros(0), np.zeros(0)) == 0.0


def test_checked_steps() -> None:
    assert checkpoints(1) == [1]
    assert checkpoints(100) == [1, 2, 5, 10, 20, 50, 100]
    assert checkpoints(7) == [1, 2, 5, 7]
