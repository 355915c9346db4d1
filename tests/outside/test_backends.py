"""Backends of someone else's, installed as packages of their own: found, trained on and judged like those of nnspec.

Two of them: ``tests/outside/plugin``, a handful of classes in NumPy, and ``examples/outside_backend``, PyTorch.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.outside.environment import Environment, environment

PLUGIN = Path(__file__).parent / "plugin"
SPEC = """\
nnspec: 1
model:
  input: [4]
  layers:
    - Dense: {features: 12, activation: tanh}
    - Dense: 3
loss: MeanSquaredError
metrics: [mse]
optimizer: {SGD: {learning_rate: 0.1, weight_decay: 0.01, decay: kernels}}
data: {sklearn: iris, standardize: true, one_hot: true, validation_split: 0.2}
training: {epochs: 8, batch_size: 16, seed: 3}
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment in which the NumPy backend is installed."""
    return environment(tmp_path_factory.mktemp("plugin"), PLUGIN)


@pytest.fixture(scope="module")
def torch(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment in which the PyTorch backend is installed."""
    return environment(tmp_path_factory.mktemp("torch"), _example(), PLUGIN)


def _example() -> Path:
    found = Path(__file__).resolve().parents[2] / "examples" / "outside_backend"
    if not found.is_dir():
        pytest.skip("the examples are not beside the tests")
    if importlib.util.find_spec("torch") is None:
        pytest.skip("the PyTorch backend needs torch: pip install 'nnspec[fixtures]'")
    return found


def judged(home: Environment, folder: Path, *options: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit status of ``nnspec conformance`` with these options, and what became of each test."""
    done = home.nnspec("conformance", *options, "--json", "facts.json", cwd=folder)
    assert (folder / "facts.json").is_file(), done.stdout + done.stderr
    return done.returncode, json.loads((folder / "facts.json").read_text())["outcomes"]


def bad(outcomes: list[dict[str, Any]]) -> list[str]:
    """Tests that neither passed nor ask for what the backend lacks."""
    return [f"{o['id']}: {o['message']}" for o in outcomes if o["status"] not in ("passed", "not implemented")]


def passed(outcomes: list[dict[str, Any]], what: str) -> Counter[str]:
    return Counter(o[what] for o in outcomes if o["status"] == "passed")


# -- a few classes in NumPy -------------------------------------------------------------------------------------------


def test_a_backend_is_found_by_its_entry_point(plugin: Environment, tmp_path: Path) -> None:
    done = plugin.nnspec("backends", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert any(line.split()[:1] == ["numpy"] for line in done.stdout.splitlines()), done.stdout


def test_a_backend_of_another_package_trains(plugin: Environment, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC)
    done = plugin.nnspec("train", "spec.yaml", "--backend", "numpy", "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    epochs = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert len(epochs) == 8
    assert epochs[-1]["loss"] < 0.5 * epochs[0]["loss"]
    assert epochs[-1]["val_loss"] == pytest.approx(epochs[-1]["val_mse"])  # the loss is the metric here
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["backend"] == "numpy"


def test_what_a_backend_lacks_is_named(plugin: Environment, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC.replace("tanh", "gelu"))
    done = plugin.nnspec("train", "spec.yaml", "--backend", "numpy", cwd=tmp_path)
    assert done.returncode == 2
    assert "numpy backend has no realization of GELU" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_suite_passes_on_what_a_backend_has_and_counts_the_rest(plugin: Environment, tmp_path: Path) -> None:
    status, outcomes = judged(plugin, tmp_path, "--backend", "numpy")
    assert not bad(outcomes)
    assert status == 0
    checks = passed(outcomes, "check")
    asked = {"forward", "gradients", "batches", "transfer", "initial", "loss", "metric", "optimizer", "words"}
    assert asked <= checks.keys()
    assert passed(outcomes, "dtype").keys() == {"float64", "float32"}
    lacking = [o for o in outcomes if o["status"] == "not implemented"]
    assert len(lacking) > len(outcomes) / 2
    # What is lacking is named, be it the whole of a case or a class within one of its parts.
    messages = {o["case"]: o["message"] for o in lacking}
    assert messages["Dense-features=3-activation=gelu"] == "not implemented by numpy: GELU"
    assert "BatchNorm" in messages["MLP"]
    assert (
        "ExponentialDecay" in messages["SGD-learning_rate=ExponentialDecay:initial:0.05,decay_steps:40,decay_rate:0.5"]
    )


@pytest.mark.parametrize(
    ("right", "wrong", "guilty"),
    [
        ("v * (1 - y * y)", "v * (1 - y)", {"Tanh"}),
        ("sum(inputs[1:], inputs[0])", "inputs[0] + inputs[1]", {"Add"}),
        ("flat.sum(0)", "flat.mean(0)", {"Dense"}),
    ],
)
def test_the_suite_finds_a_mistake(right: str, wrong: str, guilty: set[str], tmp_path: Path) -> None:
    project = shutil.copytree(PLUGIN, tmp_path / "mistaken")
    file = project / "nnspec_plugin" / "layers.py"
    assert right in file.read_text()
    file.write_text(file.read_text().replace(right, wrong))
    home = environment(tmp_path, project)
    status, outcomes = judged(home, tmp_path, "--backend", "numpy", "--dtype", "float64", "-k", "linear or tanh or Add")
    failed = [o for o in outcomes if o["status"] == "failed"]
    assert status == 1 and failed
    assert all(guilty & {*o["classes"]} for o in failed), bad(outcomes)


# -- PyTorch ----------------------------------------------------------------------------------------------------------


def test_the_pytorch_backend_is_short() -> None:
    files = sorted((Path(__file__).resolve().parents[2] / "examples" / "outside_backend").rglob("*.py"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert 100 < len(lines) < 600


def test_the_pytorch_backend_passes_a_sample(torch: Environment, tmp_path: Path) -> None:
    chosen = ("--dtype", "float64", "-k", "training or model or dropout")
    status, outcomes = judged(torch, tmp_path, "--backend", "torch", *chosen)
    assert not bad(outcomes)
    assert status == 0
    checks = passed(outcomes, "check")
    assert min(checks["training"], checks["divided"], checks["evaluation"], checks["masks"]) >= 3
    assert {"training", "model", "dropout"} <= passed(outcomes, "family").keys()


@pytest.mark.slow
def test_the_pytorch_backend_passes_the_suite(torch: Environment, tmp_path: Path) -> None:
    status, outcomes = judged(torch, tmp_path, "--backend", "torch")
    assert not bad(outcomes)
    assert status == 0
    lacking = {o["message"].rpartition(": ")[2] for o in outcomes if o["status"] == "not implemented"}
    assert {"Sparsemax", "KLDivergence", "AdaGrad", "OneCycle"} <= lacking
    assert not {"Dense", "BatchNorm", "GELU", "Dropout", "SoftmaxCrossEntropy", "Accuracy", "AdamW"} & lacking
    assert sum(passed(outcomes, "check").values()) > 1400
    for dtype in ("float64", "float32"):
        runs = Counter(o["check"] for o in outcomes if o["dtype"] == dtype and o["status"] == "passed")
        assert min(runs["training"], runs["divided"], runs["evaluation"]) >= 3


def test_two_backends_of_other_packages_make_the_same_run(torch: Environment, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC)
    chosen = ("--backends", "numpy,torch", "--dtype", "float64", "--steps", "40", "--json")
    done = torch.nnspec("compare", "spec.yaml", *chosen, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    largest = json.loads(done.stdout)["max_relative_difference"]
    assert 0 < max(largest.values()) < 1e-12


@pytest.mark.slow
@pytest.mark.jax
def test_the_handbooks_network_makes_the_same_run_in_pytorch(torch: Environment, tmp_path: Path) -> None:
    spec = Path(__file__).resolve().parents[2] / "examples" / "handbook_mlp.yaml"
    chosen = ("--backends", "jax,torch", "--dtype", "float64", "--steps", "60", "--json")
    done = torch.nnspec("compare", str(spec), *chosen, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    largest = json.loads(done.stdout)["max_relative_difference"]
    assert 0 < max(largest.values()) < 1e-11


# What a user of PyTorch does with a net: a loop of their own on ``net.native``, against the engine on a twin.
NATIVE = """
import numpy as np, torch, nnspec as nn
rng = np.random.default_rng(0)
model = nn.Sequential([nn.Dense(6), nn.BatchNorm(momentum=0.8), nn.GELU(), nn.Dropout(0.3), nn.Dense(3)], [4])
backend = nn.backend("torch")
net, twin = (backend.build(model, seed=5, dtype="float64") for _ in range(2))
assert isinstance(net.native, torch.nn.Module) and set(net.native.state_dict()) == set(net.variables())
x, ids, spec = rng.normal(size=(8, 4)), rng.integers(0, 3, 8), nn.AdamW(0.05)
engine = backend.engine(twin, loss=nn.SoftmaxCrossEntropy(), optimizer=spec)
engine.load("train", {"input": x, "targets": ids})
engine.train(np.tile(np.arange(8, dtype=np.int32), (5, 1)), 0, 5)
optimizer = backend.realize(spec)(dict(net.native.named_parameters()))
net.native.train()
for _ in range(5):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(net.native(torch.tensor(x)), torch.tensor(ids)).backward()
    optimizer.step()
for name, value in twin.variables().items():
    np.testing.assert_allclose(net.variables()[name], value, rtol=1e-10, atol=1e-13, err_msg=name)
assert net.variables()["random/step"] == 5
"""


def test_a_loop_written_in_pytorch_makes_the_same_updates(torch: Environment, tmp_path: Path) -> None:
    done = torch.run("-W", "error", "-c", NATIVE, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
