"""Flax source whose weights lie in a checkpoint of Orbax in the place of a file of safetensors."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import nnspec as nn
from nnspec.porting.verify import verify
from tests.porting.exports import Exported, exported
from tests.porting.flax_files import ruff, run_alone

pytest.importorskip("jax", reason="the jax backend is not installed")
FlaxExporter = pytest.importorskip("nnspec_jax.porting.flax_source").FlaxExporter

pytestmark = [
    pytest.mark.jax,
    pytest.mark.skipif(find_spec("orbax") is None, reason="orbax-checkpoint is not installed"),
    pytest.mark.filterwarnings("ignore"),  # Orbax's own
]


@pytest.fixture(scope="module")
def made() -> Exported:
    """Statistics, lists of blocks, and a variable of another layout than nnspec's."""
    blocks = [layer for _ in range(2) for layer in (nn.Dense(6), nn.BatchNorm(), nn.Tanh())]
    return exported("orbax", nn.Sequential([*blocks, nn.LSTM(4, mask=False), nn.Dense(3)], input=[5, 6]))


@pytest.fixture(scope="module")
def written(made: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("orbax") / "model"
    FlaxExporter(weights="orbax").write(made.port, path)
    return path


def test_what_is_written(written: Path) -> None:
    assert sorted(path.name for path in written.iterdir()) == ["checkpoint", "model.py"]
    source = (written / "model.py").read_text()
    assert "import orbax.checkpoint as ocp" in source
    assert "safetensors" not in source
    ruff(written / "model.py")


def test_variables_are_equal_bit_for_bit(made: Exported, written: Path) -> None:
    found = FlaxExporter(weights="orbax").variables(written, made.port)
    assert set(found) == set(made.port.variables)
    for name, array in found.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, made.port.variables[name])


@pytest.mark.slow
def test_it_runs_without_nnspec(made: Exported, written: Path) -> None:
    np.savez(written / "inputs.npz", *made.inputs.values())
    run_alone([written])
    with np.load(written / "outputs.npz") as found:
        (value,) = (found[name] for name in found.files)
    (wanted,) = made.outputs().values()
    assert np.abs(value - wanted).max() / np.abs(wanted).max() < 2e-6


@pytest.mark.slow
def test_it_is_verified_as_any_export(made: Exported, written: Path) -> None:
    subject = FlaxExporter(weights="orbax").open(written, made.port)
    found = verify(made.port.model, made.port.variables, subject, backend="jax")
    assert found.passed
    assert {each.training for each in found.passes} == {False, True}
