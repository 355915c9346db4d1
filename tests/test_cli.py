"""The commands that train, evaluate, predict and compare, as a user types them."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from nnspec.backends import installed

EXAMPLES = Path(__file__).parents[1] / "examples"


def nnspec(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nnspec.cli.main", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env={**os.environ, **(env or {})}, timeout=300, check=False
    )


@pytest.fixture(scope="module", params=installed())
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A run directory made by the command line, and its backend."""
    place = tmp_path_factory.mktemp(request.param)
    spec = str(EXAMPLES / "handbook_mlp.yaml")
    done = nnspec("train", spec, "--backend", request.param, "--out", "run", "--epochs", "8", cwd=place)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 8 and all(line.startswith("epoch") for line in lines), done.stderr
    assert "val_accuracy" in lines[-1] and "learning_rate" in lines[-1]
    return request.param, place / "run"


def test_train_reports_the_best_epoch(trained: tuple[str, Path]) -> None:
    _, run = trained
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert len(records) == 8 and records[-1]["val_accuracy"] > 0.93


def test_evaluate(trained: tuple[str, Path]) -> None:
    _, run = trained
    done = nnspec("evaluate", "run", "--json", cwd=run.parent)
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    best = min(
        (json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()), key=lambda r: r["val_loss"]
    )
    assert values["loss"] == pytest.approx(best["val_loss"], rel=1e-5)
    assert values["accuracy"] == pytest.approx(best["val_accuracy"], rel=1e-6)


@pytest.mark.skipif(len(installed()) < 2, reason="needs two installed backends")
def test_a_run_can_be_evaluated_on_the_other_backend(trained: tuple[str, Path]) -> None:
    name, run = trained
    other = next(b for b in installed() if b != name)
    here, there = (
        json.loads(nnspec("evaluate", "run", "--backend", b, "--json", cwd=run.parent).stdout) for b in (name, other)
    )
    assert there["accuracy"] == here["accuracy"]
    assert there["loss"] == pytest.approx(here["loss"], rel=1e-5)


def predicted_labels(run: Path) -> list[str]:
    """What ``nnspec predict`` prints for the first 50 digits."""
    x, y = load_digits(return_X_y=True)
    np.save(run.parent / "rows.npy", x[:50])
    printed = nnspec("predict", "run", "rows.npy", cwd=run.parent)
    assert printed.returncode == 0, printed.stderr
    labels = [line.split()[0] for line in printed.stdout.splitlines()]
    assert len(labels) == 50 and np.mean([int(label) == t for label, t in zip(labels, y, strict=False)]) > 0.9
    return labels


def test_predict(trained: tuple[str, Path]) -> None:
    predicted_labels(trained[1])


def test_predictions_in_files(trained: tuple[str, Path]) -> None:
    backend, run = trained
    if backend != installed()[0]:
        pytest.skip("files are written by what does not know the backend, and each takes a process of its own")
    labels = predicted_labels(run)
    for name in ("out.csv", "out.npy", "out.npz", "out.json"):
        (run.parent / name).unlink(missing_ok=True)
        done = nnspec("predict", "run", "rows.npy", "--out", name, cwd=run.parent)
        assert done.returncode == 0, done.stderr
    outputs = np.load(run.parent / "out.npy")
    assert outputs.shape == (50, 10)
    np.testing.assert_array_equal(np.load(run.parent / "out.npz")["outputs"], outputs)
    with (run.parent / "out.csv").open() as written:
        rows = list(csv.DictReader(written))
    assert [row["label"] for row in rows] == labels
    np.testing.assert_array_equal([[float(row[f"output_{i}"]) for i in range(10)] for row in rows], outputs)
    assert json.loads((run.parent / "out.json").read_text())["labels"] == [int(label) for label in labels]


@pytest.mark.slow  # the same runs are compared in tests/training
@pytest.mark.skipif(len(installed()) < 2, reason="needs two installed backends")
def test_compare(tmp_path: Path) -> None:
    spec = str(EXAMPLES / "multilabel.yaml")
    done = nnspec("compare", spec, "--steps", "20", "--dtype", "float64", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found["max_relative_difference"]) == {"loss", "gradients", "parameters", "statistics", "optimizer"}
    assert max(found["max_relative_difference"].values()) <= 1e-11
    assert found["bit_equal"] == {"initial_parameters": True, "masks": True, "batches": True}
    printed = nnspec("compare", str(EXAMPLES / "regression.yaml"), "--steps", "5", cwd=tmp_path)
    assert printed.returncode == 0, printed.stderr
    assert "initial parameters: equal bit for bit" in printed.stdout and printed.stderr == ""


@pytest.mark.skipif(not installed(), reason="needs an installed backend")
def test_the_environment_chooses_the_backend(tmp_path: Path) -> None:
    name = installed()[-1]
    spec = str(EXAMPLES / "regression.yaml")
    done = nnspec("train", spec, "--epochs", "1", "--out", "r", cwd=tmp_path, env={"NNSPEC_BACKEND": name})
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "r" / "environment.json").read_text())["backend"] == name
    wrong = nnspec("train", spec, "--out", "s", cwd=tmp_path, env={"NNSPEC_BACKEND": "tensorflwo"})
    assert wrong.returncode == 2 and "did you mean 'tensorflow'" in wrong.stderr and "Traceback" not in wrong.stderr
    assert not (tmp_path / "s").exists()
