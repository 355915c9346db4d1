"""Keras source: what is written runs where nnspec is not, gives the same values, and looks as people would write it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec import models
from nnspec.errors import FileError
from nnspec.porting.port import Port
from tests.porting.exports import Exported, branches, built, exported
from tests.porting.test_to_keras import near

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]
RUN = """
import importlib.util, pathlib, sys
import numpy as np
folder = pathlib.Path(sys.argv[1])
for path in sorted(folder.glob("*/model.py")):
    found = importlib.util.spec_from_file_location("model", path)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    model = module.load()
    given = dict(np.load(path.with_name("inputs.npz")))
    out = model(given if len(given) > 1 else next(iter(given.values())))
    named = out if isinstance(out, dict) else {"output": out}
    np.savez(path.with_name("outputs.npz"), **{name: np.asarray(value) for name, value in named.items()})
assert not [name for name in sys.modules if name.startswith("nnspec")]
"""


def exporter() -> Any:
    from nnspec_tensorflow.porting.keras_source import KerasSourceExporter

    return KerasSourceExporter()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Exported]]:
    """Source of the builders' models, each in a directory."""
    folder = tmp_path_factory.mktemp("source")
    chosen = [*built(), exported("branches", branches()), exported("resized", resized())]
    for each in chosen:
        exporter().write(each.port, folder / each.name)
        np.savez(folder / each.name / "inputs.npz", **each.inputs)
    return folder, chosen


def resized() -> nn.Model:
    """A model that computes with arrays that are no weights."""
    return nn.Sequential([nn.Resize((7, 5), method="cubic"), nn.Flatten(), nn.Dense(2)], input=[4, 6, 2])


@pytest.mark.slow
def test_source_runs_without_nnspec(written: tuple[Path, list[Exported]]) -> None:
    folder, chosen = written
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", RUN, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    for each in chosen:
        expected = each.outputs()
        named = expected if len(expected) > 1 else {"output": next(iter(expected.values()))}
        near(dict(np.load(folder / each.name / "outputs.npz")), named, 2e-5)


def test_source_is_formatted(written: tuple[Path, list[Exported]]) -> None:
    folder, _ = written
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["format", "--check", "--isolated"], ["check", "--isolated", "--select", "E,F,I,B,W"]):
        done = subprocess.run([*ruff, *command, str(folder)], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_nodes_and_bits(written: tuple[Path, list[Exported]]) -> None:
    folder, chosen = written
    for each in chosen:
        if each.name not in ("branches", "unet", "seq2seq", "resized"):
            continue
        subject = exporter().open(folder / each.name, each.port)
        found = subject.nodes(each.inputs, dtype="float32")
        near(found, {name: value for name, value in each.values().items() if name in found}, 2e-5)
        assert set(each.port.model.outputs) <= set(found)
        kept = exporter().variables(folder / each.name, each.port)
        assert all(kept[name].tobytes() == array.tobytes() for name, array in each.port.variables.items())


def test_what_repeats_is_written_once(written: tuple[Path, list[Exported]]) -> None:
    folder, _ = written
    gpt2 = (folder / "gpt2" / "model.py").read_text()
    assert len(re.findall(r"^def \w+\(name: str\) -> keras.Model:", gpt2, re.MULTILINE)) == 1
    assert gpt2.count("MultiHeadAttention") == 1
    unet = (folder / "unet" / "model.py").read_text()
    assert "filters: int" in unet  # what differs is a parameter


def test_blocks_of_a_flat_graph_are_functions(tmp_path: Path) -> None:
    layers: list[Any] = []
    for i in range(3):
        layers += [
            nn.Dense(6, name=f"block{i}_dense"),
            nn.LayerNorm(name=f"block{i}_norm"),
            nn.Tanh(name=f"block{i}_tanh"),
        ]
    each = exported("flat", nn.Sequential([*layers, nn.Dense(2, name="head")], input=[6]))
    exporter().write(each.port, tmp_path / "flat")
    source = (tmp_path / "flat" / "model.py").read_text()
    assert source.count("layers.Dense(") == 2
    assert 'name=f"{name}_dense"' in source
    found = exporter().open(tmp_path / "flat", each.port).nodes(each.inputs, dtype="float32")
    near(found, each.values(), 2e-5)


def test_source_is_short(written: tuple[Path, list[Exported]]) -> None:
    """Defaults of Keras's are left out."""
    folder, _ = written
    lenet = (folder / "lenet" / "model.py").read_text()
    assert 'layers.Conv2D(6, 5, padding="same", activation="tanh", name="conv")' in lenet
    assert "initializer" not in lenet and "dtype" not in lenet


def test_a_directory_without_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"model\.py"):
        exporter().open(tmp_path, Port(models.lenet(), {}))
