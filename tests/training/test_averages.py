"""Optimizers that average: what is evaluated and kept in place of the parameters that are trained."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.reference.model import run as forward
from nnspec.training.averages import averaged, averages
from nnspec.training.progress import Silent
from nnspec.variables import load

X = np.random.default_rng(2).normal(size=(40, 3))
Y = X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3


def engine_of(backend_name: str, optimizer: Any) -> Any:
    model = nn.Sequential([nn.Dense(1)], input=[3])
    chosen = nn.backend(backend_name)
    net = chosen.build(model, dtype="float64", seed=3)
    engine = chosen.engine(net, loss=nn.MeanSquaredError(), optimizer=optimizer)
    engine.load("train", {"input": X, "targets": Y})
    return engine


def test_averages_are_those_of_the_path(backend_name: str) -> None:
    spec = nn.EMA(nn.GradientCentralization(nn.SGD(0.1)), 0.5, True)
    engine, expected = engine_of(backend_name, spec), 0.0
    for _ in range(3):
        engine.train(np.arange(40, dtype=np.int32)[None], 0, 1)
        expected = 0.5 * expected + 0.5 * engine.variables()["dense/kernel"]
    found = averages(spec, engine.variables())
    np.testing.assert_allclose(found["dense/kernel"], expected / (1 - 0.5**3), rtol=1e-13)
    assert set(found) == {"dense/kernel", "dense/bias"}
    assert averages(nn.SGD(0.1), engine.variables()) == {}


def test_they_are_there_while_an_engine_evaluates(backend_name: str) -> None:
    spec = nn.EMA(nn.SGD(0.3), 0.9)
    engine = engine_of(backend_name, spec)
    engine.train(np.arange(40, dtype=np.int32).reshape(4, 10), 0, 4)
    before = engine.variables()
    with averaged(spec, engine):
        total, count = engine.evaluate("train", 40)["loss"]
    held = {name: before[f"optimizer/{name}/average"] for name in ("dense/kernel", "dense/bias")}
    output = forward(engine.net.model, {**before, **held}, {"input": X}).outputs["dense"]
    assert total / count == pytest.approx(np.mean((output - Y) ** 2), rel=1e-12)
    for name, value in engine.variables().items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("optimizer", [nn.EMA(nn.Adam(0.05), 0.8), nn.ScheduleFreeAdamW(0.1)], ids=str)
def test_training_keeps_them(backend_name: str, optimizer: Any, tmp_path: Path) -> None:
    run = nn.train(
        nn.Sequential([nn.Dense(1)], input=[3]),
        (X[:30], Y[:30]),
        validation=(X[30:], Y[30:]),
        loss="MeanSquaredError",
        optimizer=optimizer,
        backend=backend_name,
        epochs=3,
        batch_size=8,
        dtype="float64",
        out=tmp_path / "run",
        progress=False,
    )
    last = load(tmp_path / "run" / "checkpoints" / "last.safetensors")[0]
    final = run.net.variables()
    for name in ("dense/kernel", "dense/bias"):
        if isinstance(optimizer, nn.EMA):
            expected = last[f"optimizer/{name}/average"]
        else:
            expected = (last[name] - 0.1 * last[f"optimizer/{name}/z"]) / 0.9
        np.testing.assert_allclose(final[name], expected, rtol=1e-12)
        assert (final[name] != last[name]).all()  # with which training would go on
    error = np.mean((run.predict(X[30:]) - Y[30:]) ** 2)
    assert run.history[-1]["val_loss"] == pytest.approx(error, rel=1e-12)
    best = load(tmp_path / "run" / "checkpoints" / "best.safetensors")[0]
    if run.best_epoch == 3:
        np.testing.assert_array_equal(best["dense/kernel"], final["dense/kernel"])


class _Interrupting(Silent):
    """Ctrl-C after a few updates."""

    def update(self, epoch: int, step: int, values: Mapping[str, float]) -> None:
        if step > 1:  # a second one would end the process
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("optimizer", [nn.EMA(nn.SGD(0.3), 0.9), nn.ScheduleFreeAdamW(0.1)], ids=str)
def test_a_run_that_is_interrupted_at_once_keeps_them(backend_name: str, optimizer: Any, tmp_path: Path) -> None:
    run = nn.train(
        nn.Sequential([nn.Dense(1)], input=[3]),
        (X, Y),
        loss="MeanSquaredError",
        optimizer=optimizer,
        backend=backend_name,
        batch_size=4,
        dtype="float64",
        out=tmp_path / "run",
        progress=_Interrupting(),
    )
    assert run.stopped == "interrupted" and not run.history
    last, best = (load(tmp_path / "run" / "checkpoints" / f"{name}.safetensors")[0] for name in ("last", "best"))
    for name in ("dense/kernel", "dense/bias"):
        if isinstance(optimizer, nn.EMA):
            expected = last[f"optimizer/{name}/average"]
        else:
            expected = (last[name] - 0.1 * last[f"optimizer/{name}/z"]) / 0.9
        np.testing.assert_allclose(best[name], expected, rtol=1e-12)
        assert (best[name] != last[name]).all()
    assert not [name for name in best if name.startswith("optimizer/")]
