"""Flax source whose weights lie in a checkpoint of Orbax in the place of a file of safetensors."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import nnspec as nn
from nnspec import porting
from nnspec.cli.main import run
from nnspec.errors import BackendError, PortError
from nnspec.porting.directory import DirectoryExporter
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
    FlaxExporter(weights_format="orbax").write(made.port, path)
    return path


def test_what_is_written(written: Path) -> None:
    assert sorted(path.name for path in written.iterdir()) == ["checkpoint", "model.py"]
    source = (written / "model.py").read_text()
    assert "import orbax.checkpoint as ocp" in source
    assert "safetensors" not in source
    ruff(written / "model.py")


def test_variables_are_equal_bit_for_bit(made: Exported, written: Path) -> None:
    found = FlaxExporter(weights_format="orbax").variables(written, made.port)
    assert set(found) == set(made.port.variables)
    for name, array in found.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, made.port.variables[name])


def test_it_is_written_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the command and from Python, of what is small."""
    model = nn.Sequential([nn.Dense(3)], input=[2])
    port = exported("small", model).port
    DirectoryExporter().write(port, tmp_path / "small")
    quick = ["--backend", "jax", "--no-gradients", "--verify-in", "float32"]
    out = tmp_path / "command"
    status = run(["port", str(tmp_path / "small"), "--to", "flax", "-o", str(out), *quick, "--weights-format", "orbax"])
    assert status == 0, capsys.readouterr().err
    made = porting.to_flax_source(port, tmp_path / "python", weights_format="orbax", backend="jax")
    assert made.report.passed and made.report.bits == ()
    for path in (out, made.path):
        assert sorted(file.name for file in path.iterdir()) == ["checkpoint", "model.py"]


def test_requests_that_cannot_be(made: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for asked, message in {
        "orbx": r"flax writes no weights as 'orbx'; did you mean 'orbax'\? \(weights formats: safetensors, orbax\)",
        "msgpack": r"flax writes no weights as 'msgpack' \(",
    }.items():
        with pytest.raises(PortError, match=message):
            porting.to_flax_source(made.port, tmp_path / "out", weights_format=asked)
    monkeypatch.setattr("nnspec_jax.porting.flax_source.find_spec", lambda name: None)
    with pytest.raises(BackendError, match="Orbax, which is not installed: pip install orbax-checkpoint"):
        porting.to_flax_source(made.port, tmp_path / "out", weights_format="orbax")
    assert list(tmp_path.iterdir()) == []


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
    subject = FlaxExporter(weights_format="orbax").open(written, made.port)
    found = verify(made.port.model, made.port.variables, subject, backend="jax")
    assert found.passed
    assert {each.training for each in found.passes} == {False, True}
