"""The example programs, run as a reader would run them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import nnspec as nn
from nnspec import backends


def run(root: Path, name: str, *arguments: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(root / "examples" / name), *arguments],
        capture_output=True,
        text=True,
        cwd=cwd or root,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    assert found, f"{pattern} is not in\n{text}"
    return float(found[1])


def test_from_scratch(root: Path) -> None:
    """The network by hand learns, its gradient is that of the loss, and every installed backend computes the same."""
    shown = run(root, "from_scratch.py")
    assert re.search(r"mistakes by epoch (\d+, )+0$", shown, re.MULTILINE)
    assert number(r"finite differences: (\S+)", shown) < 1e-8
    assert number(r"accuracy on unseen images (\S+)", shown) >= 0.94
    compared = re.findall(
        r"^(\w+): gradients differ by (\S+), weights after 300 updates by (\S+)$", shown, re.MULTILINE
    )
    assert [name for name, _, _ in compared] == backends.installed()
    for name, gradients, weights in compared:
        assert float(gradients) <= 1e-12, name
        assert float(weights) <= 1e-11, name


@pytest.mark.parametrize("name", ["jax", pytest.param("tensorflow", marks=pytest.mark.slow)])
def test_autoencoder(root: Path, tmp_path: Path, name: str) -> None:
    """Half of the epochs suffice to reconstruct better than the best linear method of the same width."""
    if name not in backends.installed():
        pytest.skip(f"the {name} backend is not installed")
    shown = run(root, "autoencoder.py", "--backend", name, "--epochs", "50", cwd=tmp_path)
    assert number(r"autoencoder +(\S+)", shown) < number(r"principal components +(\S+)", shown)
    assert (tmp_path / "autoencoder.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("spec", "quantity", "bound"),
    [
        ("handbook_mlp.yaml", "val_accuracy", 0.97),
        ("multilabel.yaml", "val_accuracy", 0.96),
        # Guessing the mean of the training rows is 67.2 off on average, least squares 40.9.
        ("regression.yaml", "val_mae", 40.9),
    ],
)
def test_specs_learn(root: Path, backend: backends.Backend, spec: str, quantity: str, bound: float) -> None:
    trained = nn.train(root / "examples" / spec, backend=backend, progress=False)
    if quantity == "val_mae":
        assert trained.best[quantity] <= bound
    else:
        assert trained.best[quantity] >= bound


@pytest.mark.slow  # the same network is trained from its file above
@pytest.mark.skipif(not backends.installed(), reason="needs an installed backend")
def test_handbook_mlp_through_python(root: Path) -> None:
    """The spec file's run, and the same through Python in every framework that is asked for."""
    expected = nn.train(root / "examples" / "handbook_mlp.yaml", backend=backends.installed()[0], progress=False)
    assert expected.best["val_accuracy"] >= 0.97
    for name in backends.installed():
        shown = run(root, "handbook_mlp.py", "--backend", name)
        assert f"backend {name}, best epoch {expected.best_epoch}:" in shown
        assert number(r"val_accuracy (\S+)", shown) == pytest.approx(expected.best["val_accuracy"], abs=5e-5)
        assert f"native model: {'nnspec_jax' if name == 'jax' else 'nnspec_tensorflow'}" in shown
