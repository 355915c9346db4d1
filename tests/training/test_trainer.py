"""The training loop, on every installed backend, on real data."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import nnspec as nn
from nnspec import variables as variable_files
from nnspec.errors import DataError, FileError, NNSpecError, SpecError
from nnspec.training.evaluate import evaluate_run
from nnspec.training.order import epoch_order
from nnspec.training.trainer import Diverged

SMALL = nn.Sequential([nn.Dense(32, use_bias=False), nn.BatchNorm(), "relu", nn.Dropout(0.2), nn.Dense(10)])


def train(backend_name: str, **changes: Any) -> nn.Run:
    arguments: dict[str, Any] = {
        "loss": "SoftmaxCrossEntropy",
        "metrics": ["accuracy"],
        "optimizer": nn.Adam(0.01),
        "backend": backend_name,
        "epochs": 3,
        "batch_size": 100,
        "standardize": True,
        "validation_split": 0.2,
        "progress": False,
    }
    return nn.train(SMALL, "digits", **{**arguments, **changes})


def test_history_has_what_the_readme_promises(backend_name: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = train(backend_name, out=out)
    records = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert records == run.history
    assert list(records[0]) == [
        "epoch",
        "step",
        "loss",
        "accuracy",
        "val_loss",
        "val_accuracy",
        "learning_rate",
        "grad_norm",
        "seconds",
        "compile_seconds",
        "examples_per_second",
    ]
    # 1797 rows, a fifth of them to validate: 1438 to train on, in 14 batches of 100 and one of 38.
    assert [(r["epoch"], r["step"]) for r in records] == [(1, 15), (2, 30), (3, 45)]
    assert records[-1]["loss"] < 0.5 * records[0]["loss"]
    assert records[-1]["val_accuracy"] > 0.9
    assert all(r["grad_norm"] > 0 and r["learning_rate"] == pytest.approx(0.01) for r in records)
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert names >= {
        "spec.yaml",
        "metrics.jsonl",
        "data.json",
        "environment.json",
        "checkpoints/best.safetensors",
        "checkpoints/last.safetensors",
        "history.png",
    }
    described = json.loads((out / "environment.json").read_text())
    assert described["backend"] == backend_name and described["seed"] == 0 and described["devices"]


def test_a_loaded_run_gives_the_recorded_figures(backend_name: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = train(backend_name, out=out, epochs=4)
    values = evaluate_run(out)
    assert values["loss"] == pytest.approx(run.best["val_loss"], rel=1e-5)
    assert values["accuracy"] == pytest.approx(run.best["val_accuracy"], rel=1e-6)
    loaded = nn.load(out)
    assert loaded.best_epoch == run.best_epoch and loaded.net.backend == backend_name
    x, y = load_digits(return_X_y=True)
    outputs = loaded.predict(x[:301], batch_size=128)
    assert outputs.shape == (301, 10)
    assert (outputs.argmax(-1) == y[:301]).mean() > 0.9
    np.testing.assert_allclose(loaded.predict(x[:1]), outputs[:1], rtol=2e-5, atol=1e-5)


def test_weights_of_the_best_epoch_come_back(backend_name: str, tmp_path: Path) -> None:
    """A rate that is far too high later on makes later epochs worse; patience then ends the run."""
    rates = nn.Piecewise((45,), (0.01, 30.0))
    run = train(backend_name, epochs=12, optimizer=nn.SGD(rates), early_stopping={"patience": 2}, out=tmp_path / "run")
    assert run.stopped == "early stopping"
    assert len(run.history) == run.best_epoch + 2
    losses = [r["val_loss"] for r in run.history]
    assert losses.index(min(losses)) + 1 == run.best_epoch
    best, metadata = variable_files.load(tmp_path / "run" / "checkpoints" / "best.safetensors")
    assert metadata["epoch"] == str(run.best_epoch)
    now = run.net.variables()
    assert best.keys() == now.keys()
    assert all(np.array_equal(best[name], now[name]) for name in best)


def test_the_rate_falls_on_a_plateau(backend_name: str) -> None:
    rate = nn.ReduceOnPlateau(1e-3, factor=0.1, patience=2, min_delta=100.0, minimum=2e-5)
    run = train(backend_name, epochs=7, optimizer=nn.Adam(rate))
    # The first epoch improves on nothing; by 100 no other can, so every second one is a plateau.
    assert [r["learning_rate"] for r in run.history] == pytest.approx([1e-3] * 3 + [1e-4] * 2 + [2e-5] * 2, rel=1e-6)


def test_a_linear_model_comes_to_the_optimum_that_scikit_learn_finds(backend_name: str) -> None:
    """Softmax regression without penalty-free directions is convex: full-batch training ends where L-BFGS ends."""
    x, y = load_digits(return_X_y=True)
    x, keep = x[:300], y[:300]
    x = (x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1.0)
    model = nn.Sequential([nn.Dense(10, kernel_init="zeros")])
    # Decoupled decay of plain SGD is the gradient of an L2 penalty: minimize mean CE + wd/2 |W|² (biases are free).
    decay = 0.1
    run = nn.train(
        model,
        (x, keep),
        loss="SoftmaxCrossEntropy",
        optimizer=nn.SGD(0.3, weight_decay=decay, decay="kernels"),
        backend=backend_name,
        epochs=3000,
        batch_size=300,
        dtype="float64",
        progress=False,
    )
    theirs = LogisticRegression(C=1 / (decay * len(x)), tol=1e-10, max_iter=5000).fit(x, keep)
    kernel = run.net.variables()["dense/kernel"]
    np.testing.assert_allclose(
        kernel - kernel.mean(1, keepdims=True), (theirs.coef_ - theirs.coef_.mean(0)).T, atol=1e-6
    )


def test_weights_of_examples_count(backend_name: str) -> None:
    """Weight two is the same as listing a row twice, under the weighted mean."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(12, 5)), rng.normal(size=(12, 2))
    twice = np.array([0, 3, 4])
    weights = np.ones(12)
    weights[twice] = 2.0
    common: dict[str, Any] = {
        "loss": {"MeanSquaredError": {"reduction": "weighted_mean"}},
        "optimizer": nn.Momentum(0.05),
        "metrics": ["mae"],
        "backend": backend_name,
        "epochs": 5,
        "batch_size": 64,
        "dtype": "float64",
        "progress": False,
        "shuffle": False,
    }
    model = nn.Sequential([nn.Dense(3, "tanh"), nn.Dense(2)])
    weighted = nn.train(model, (x, y, weights), **common)
    rows = np.concatenate([np.arange(12), twice])
    listed = nn.train(model, (x[rows], y[rows]), **common)
    for ours, theirs in zip(weighted.history, listed.history, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-12)
        assert ours["mae"] == pytest.approx(theirs["mae"], rel=1e-12)
    for name, value in listed.net.variables().items():
        np.testing.assert_allclose(weighted.net.variables()[name], value, rtol=1e-11, atol=1e-13)


def test_a_diverging_run_says_so_and_keeps_its_directory(backend_name: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(Diverged, match="lower learning rate"):
        nn.train(
            nn.Sequential([nn.Dense(1)]),
            (np.full((8, 3), 1e3), np.ones(8)),
            loss="MeanSquaredError",
            optimizer=nn.SGD(1e6),
            backend=backend_name,
            epochs=20,
            batch_size=4,
            progress=False,
            out=out,
        )
    assert (out / "spec.yaml").is_file()


def test_no_run_is_overwritten(backend_name: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileError, match="not empty"):
        train(backend_name, out=tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_remainders(backend_name: str) -> None:
    """Rows that do not fill a batch are trained on, unless they are to be dropped; fewer rows than a batch are one."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(10, 4)), rng.normal(size=(10, 1))
    common: dict[str, Any] = {"loss": "MeanSquaredError", "backend": backend_name, "epochs": 2, "progress": False}
    model = nn.Sequential([nn.Dense(1)])
    assert nn.train(model, (x, y), batch_size=4, **common).history[-1]["step"] == 6
    assert nn.train(model, (x, y), batch_size=4, drop_remainder=True, **common).history[-1]["step"] == 4
    assert nn.train(model, (x, y), batch_size=64, **common).history[-1]["step"] == 2


def test_monitoring_without_validation_data(backend_name: str) -> None:
    with pytest.raises((SpecError, DataError), match="validation"):
        train(backend_name, validation_split=0.0, early_stopping={"patience": 2})
    run = train(backend_name, validation_split=0.0, epochs=1)
    assert "val_loss" not in run.history[0] and run.best_epoch == 1


def test_training_needs_a_loss_and_data() -> None:
    with pytest.raises(NNSpecError, match="needs a loss"):
        nn.train(SMALL, "digits")
    with pytest.raises(NNSpecError, match="no data"):
        nn.train(SMALL, loss="SoftmaxCrossEntropy")


def test_epoch_orders_are_permutations_and_differ() -> None:
    orders = [epoch_order(7, epoch, 103, 10, True) for epoch in range(3)]
    for full, rest in orders:
        assert full.shape == (10, 10) and rest.shape == (3,)
        assert sorted([*full.ravel(), *rest]) == list(range(103))
    assert not np.array_equal(orders[0][0], orders[1][0])
    full, rest = epoch_order(7, 2, 103, 10, False)
    assert [*full.ravel(), *rest] == list(range(103))


def test_a_run_on_arrays_says_that_it_does_not_keep_them(backend_name: str, tmp_path: Path) -> None:
    x, y = np.random.default_rng(1).normal(size=(8, 3)), np.ones(8)
    model = nn.Sequential([nn.Dense(1)])
    common: dict[str, Any] = {"loss": "MeanSquaredError", "backend": backend_name, "epochs": 1, "progress": False}
    nn.train(model, (x, y), out=tmp_path / "run", **common)
    with pytest.raises(DataError, match="arrays in memory"):
        evaluate_run(tmp_path / "run")


def test_nan_is_never_silent(backend_name: str) -> None:
    with pytest.raises(DataError, match=r"(?i)nan|finite"):
        nn.train(
            SMALL,
            (np.array([[1.0, math.nan], [0.0, 1.0]]), np.array([0, 1])),
            loss="SoftmaxCrossEntropy",
            backend=backend_name,
        )


def test_compiling_is_reported_and_left_out_of_the_speed(backend_name: str, capsys: pytest.CaptureFixture[str]) -> None:
    run = train(backend_name, progress=True)
    first, *later = run.history
    assert first["compile_seconds"] > 0
    assert [record["compile_seconds"] for record in later] == [0.0, 0.0]
    assert first["examples_per_second"] > 1438 / first["seconds"]
    for record in later:
        assert record["examples_per_second"] == pytest.approx(1438 / record["seconds"], rel=1e-3)
    lines = capsys.readouterr().err.splitlines()
    assert f"compiled in {first['compile_seconds']:.1f} s" in lines[0]
    assert not any("compiled" in line for line in lines[1:])
