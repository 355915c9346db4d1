"""Training of two heads on every backend: against formulas worked out by hand, and all that a run leaves."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec import backends, variables as variable_files
from nnspec.cli.main import run as command
from nnspec.errors import FileError
from nnspec.experiment import Data
from nnspec.reference.model import initial_variables
from nnspec.training.compare import compare
from nnspec.training.data import from_arrays
from nnspec.training.evaluate import evaluate_run
from nnspec.training.predict import predict_file
from nnspec.training.trainer import Diverged
from tests.heads import DIGIT, SIZE, W_DIGIT, W_SIZE, WEIGHTS, X, heads, losses, step, values

METRICS = {"digit": ["accuracy", "confusion_matrix"], "size": ["mae"]}


def test_steps_are_those_of_the_formulas(backend_name: str) -> None:
    """Gradient descent on both heads and their trunk, by the chain rule in NumPy."""
    run = nn.train(
        heads(),
        (X, {"digit": DIGIT, "size": SIZE}, WEIGHTS),
        loss=losses(),
        metrics=METRICS,
        optimizer=nn.SGD(0.2),
        backend=backend_name,
        epochs=6,
        batch_size=13,
        shuffle=False,
        dtype="float64",
        progress=False,
    )
    own = initial_variables(heads(), 0, "float64")
    for record in run.history:
        entropy, squares, logits, sizes = values(own, X, DIGIT, SIZE, WEIGHTS)
        assert record["digit/loss"] == pytest.approx(entropy, rel=1e-12)
        assert record["size/loss"] == pytest.approx(squares, rel=1e-12)
        assert record["loss"] == pytest.approx(W_DIGIT * entropy + W_SIZE * squares, rel=1e-12)
        right = WEIGHTS @ (logits.argmax(1) == DIGIT) / WEIGHTS.sum()
        assert record["digit/accuracy"] == pytest.approx(right, rel=1e-12)
        assert record["size/mae"] == pytest.approx(np.average(abs(sizes - SIZE).mean(1), weights=WEIGHTS), rel=1e-12)
        assert "digit/confusion_matrix" not in record
        own = step(own, 0.2, X, DIGIT, SIZE, WEIGHTS)
    found = run.net.variables()
    for name, value in own.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-11, atol=1e-13)


def test_weights_of_one_output_alone(backend_name: str) -> None:
    """An epoch is judged over all of its rows, a last, smaller batch included; nothing moves at a rate of 0."""
    run = nn.train(
        heads(),
        (X, {"digit": DIGIT, "size": SIZE}, {"size": WEIGHTS}),
        loss=losses(),
        optimizer=nn.SGD(0.0),
        backend=backend_name,
        epochs=1,
        batch_size=5,
        dtype="float64",
        progress=False,
    )
    own = initial_variables(heads(), 0, "float64")
    entropy, squares = (values(own, X, DIGIT, SIZE, weights)[i] for i, weights in enumerate((np.ones(len(X)), WEIGHTS)))
    (record,) = run.history
    assert record["digit/loss"] == pytest.approx(entropy, rel=1e-12)
    assert record["size/loss"] == pytest.approx(squares, rel=1e-12)
    assert record["loss"] == pytest.approx(W_DIGIT * entropy + W_SIZE * squares, rel=1e-12)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a spec file of two heads, its table, and rows to predict."""
    place = tmp_path_factory.mktemp("heads")
    rng = np.random.default_rng(2)
    x = rng.normal(size=(80, 4))
    kinds = np.array(["ant", "bee", "cat"])[np.abs(x[:, :3]).argmax(1)]
    rows = [[*row, kind, row[0] + row[3], row[1]] for row, kind in zip(x.tolist(), kinds, strict=True)]
    with (place / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["a", "b", "c", "d", "kind", "sum", "second"], *rows])
    (place / "spec.yaml").write_text(
        """\
nnspec: 1
model:
  inputs: {x: null}
  nodes:
    trunk: {layer: {Dense: {features: 16, activation: tanh}}, inputs: x}
    kind: {layer: {Dense: 3}, inputs: trunk}
    sums: {layer: {Dense: 2}, inputs: trunk}
  outputs: [kind, sums]
loss: {Losses: {losses: {kind: SoftmaxCrossEntropy, sums: [MeanSquaredError, Huber]}, weights: {sums: [0.5, 1.0]}}}
metrics: {kind: [accuracy, confusion_matrix], sums: mae}
optimizer: {Adam: 0.02}
data: {csv: rows.csv, target: {kind: kind, sums: [sum, second]}, validation_split: 0.25, standardize: true}
training:
  {epochs: 4, batch_size: 20, monitor: val_kind/accuracy, early_stopping: {patience: 9, monitor: val_sums/Huber}}
"""
    )
    return place


def test_a_run_of_a_spec_file(backend_name: str, table: Path, tmp_path: Path) -> None:
    """History, plot, checkpoint, evaluation, prediction: everything by output, and again from the directory."""
    out = tmp_path / "run"
    assert command(["train", str(table / "spec.yaml"), "--backend", backend_name, "--out", str(out), "--quiet"]) == 0
    history = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    losses_ = ["loss", "kind/loss", "kind/accuracy", "sums/MeanSquaredError", "sums/Huber", "sums/mae"]
    assert list(history[0])[2 : 2 + 12] == [*losses_, *(f"val_{name}" for name in losses_)]
    for record in history:
        for prefix in ("", "val_"):
            parts = [record[prefix + name] for name in ("kind/loss", "sums/MeanSquaredError", "sums/Huber")]
            assert record[f"{prefix}loss"] == pytest.approx(parts[0] + 0.5 * parts[1] + parts[2], rel=1e-6)
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    assert (out / "history.png").stat().st_size > 10_000
    best = max(history, key=lambda record: record["val_kind/accuracy"])  # the first of the best
    evaluated = evaluate_run(out)
    assert evaluated["kind/accuracy"] == pytest.approx(best["val_kind/accuracy"], rel=1e-6)
    assert evaluated["loss"] == pytest.approx(best["val_loss"], rel=1e-5)
    assert np.sum(evaluated["kind/confusion_matrix"]) == 20
    loaded = nn.load(out)
    assert loaded.preparation.classes == {"kind": ("ant", "bee", "cat")}
    found = predict_file(out, table / "rows.csv")
    outputs = loaded.predict(np.loadtxt(table / "rows.csv", delimiter=",", skiprows=1, usecols=range(4)), batch_size=32)
    assert set(outputs) == {"kind", "sums"} and outputs["sums"].shape == (80, 2)
    np.testing.assert_allclose(found.outputs["sums"].outputs, outputs["sums"], rtol=1e-5, atol=1e-6)
    labels = found.outputs["kind"].labels
    assert labels == [("ant", "bee", "cat")[i] for i in outputs["kind"].argmax(-1)]
    assert (
        len(found.lines()) == 80
        and found.lines()[0].startswith(f"kind {labels[0]} 0.")
        and "  sums " in found.lines()[0]
    )
    for suffix in ("csv", "json", "npz"):
        found.write(tmp_path / f"out.{suffix}")
    with (tmp_path / "out.csv").open() as file:
        first = next(csv.DictReader(file))
    assert first["kind/label"] == labels[0] and float(first["sums/output_1"]) == found.outputs["sums"].outputs[0, 1]
    assert json.loads((tmp_path / "out.json").read_text())["kind"]["labels"] == labels
    np.testing.assert_array_equal(np.load(tmp_path / "out.npz")["kind"], found.outputs["kind"].outputs)
    with pytest.raises(FileError, match=r"choose a name that ends in \.npz, \.csv or \.json"):
        found.write(tmp_path / "out.npy")


def test_a_run_that_is_cut_ends_as_the_whole(backend_name: str, tmp_path: Path) -> None:
    """All state through a file into another engine, halfway: bit for bit the end of the run that went on."""
    backend = backends.backend(backend_name)
    data = from_arrays((X, {"digit": DIGIT, "size": SIZE}, WEIGHTS), model=heads(), loss=losses(), seed=0).splits[
        "train"
    ]

    def engine() -> Any:
        options: dict[str, Any] = {"loss": losses(), "optimizer": nn.Adam(0.05), "metrics": {"size": (nn.MAE(),)}}
        made = backend.engine(backend.build(heads(), seed=3), **options)
        made.load("train", data)
        return made

    order = np.stack([np.random.default_rng(i).permutation(13)[:5] for i in range(8)]).astype(np.int32)
    whole, first, second = engine(), engine(), engine()
    whole.train(order, 0, 8)
    first.train(order, 0, 4)
    variable_files.save(tmp_path / "state.safetensors", first.variables(), {})
    second.assign(variable_files.load(tmp_path / "state.safetensors")[0])
    second.train(order, 4, 8)
    for name, value in whole.variables().items():
        np.testing.assert_array_equal(second.variables()[name], value, err_msg=name)
    parts = [made.totals() for made in (whole, first, second)]
    assert list(parts[0]) == ["digit/loss", "size/loss", "size/mae", "grad_norm", "learning_rate"]
    for name in ("digit/loss", "size/loss", "size/mae"):
        total, count = np.add(parts[1][name], parts[2][name])
        assert parts[0][name] == pytest.approx((total, count), rel=1e-6)


def test_what_an_engine_refuses(backend_name: str) -> None:
    backend = backends.backend(backend_name)
    engine = backend.engine(backend.build(heads()), loss=losses(), optimizer=nn.SGD(0.1))
    with pytest.raises(nn.SpecError, match="the split 'train' has no targets/size"):
        engine.load("train", {"x": X, "targets/digit": DIGIT})
    with pytest.raises(nn.SpecError, match="the split 'train' has 'weights/siz', but no loss is for it"):
        engine.load("train", {"x": X, "targets/digit": DIGIT, "targets/size": SIZE, "weights/siz": WEIGHTS})
    with pytest.raises(nn.NNSpecError, match="class id 3 is not one of 3 classes"):
        engine.load("train", {"x": X, "targets/digit": DIGIT + 1, "targets/size": SIZE})


def test_the_loss_that_diverges_is_named(backend_name: str) -> None:
    with pytest.raises(Diverged, match=r"the size/loss became (inf|nan) in epoch"):
        nn.train(
            heads(),
            (X, {"digit": DIGIT, "size": 1e30 * SIZE}),
            loss=losses(),
            backend=backend_name,
            epochs=2,
            progress=False,
        )


def test_the_whole_loss_for_a_loop_of_ones_own(backend_name: str) -> None:
    """What ``realize`` gives is a function of the outputs and of a batch with targets and weights."""
    batch = {"targets/digit": DIGIT.astype(np.int32), "targets/size": SIZE, "weights": WEIGHTS}
    own = initial_variables(heads(), 0, "float64")
    entropy, squares, logits, sizes = values(own, X, DIGIT, SIZE, WEIGHTS)
    loss = backends.backend(backend_name).realize(losses(), dtype="float32")
    outputs = {"digit": logits.astype(np.float32), "size": sizes.astype(np.float32)}
    narrow = {name: x.astype(np.float32) if x.dtype == np.float64 else x for name, x in batch.items()}
    if backend_name == "jax":
        import jax.numpy as jnp

        outputs, narrow = ({name: jnp.asarray(x) for name, x in held.items()} for held in (outputs, narrow))
    assert float(loss(outputs, narrow)) == pytest.approx(W_DIGIT * entropy + W_SIZE * squares, rel=1e-5)


@pytest.mark.skipif(len(backends.installed()) < 2, reason="needs two installed backends")
def test_two_backends_side_by_side() -> None:
    experiment = nn.Experiment(heads(), losses(), optimizer=nn.Adam(0.05), data=Data(npz="unused.npz"))
    data = from_arrays((X, {"digit": DIGIT, "size": SIZE}), model=heads(), loss=losses(), seed=0, dtype="float64")
    pair = [backends.backend(name) for name in backends.installed()[:2]]
    found = compare(experiment, data, pair, steps=10, dtype="float64")
    assert max(found.max_relative_difference.values()) < 1e-11 and all(found.bit_equal.values())


def test_a_backend_that_lacks_them_says_so(backend_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = backends.backend(backend_name)
    net = backend.build(heads())
    monkeypatch.setattr(type(backend), "lacks", lambda self, cls: cls is nn.Losses)
    with pytest.raises(nn.UnsupportedError, match="no realization of Losses"):
        backend.engine(net, loss=losses(), optimizer=nn.SGD(0.1))
    monkeypatch.setattr(type(backend), "lacks", lambda self, cls: cls is nn.MAE)
    with pytest.raises(nn.UnsupportedError, match="no realization of MAE"):
        backend.engine(net, loss=losses(), optimizer=nn.SGD(0.1), metrics={"size": (nn.MAE(),)})
