"""``nnspec port`` and ``nnspec diff`` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnspec.cli.main import run
from nnspec.cli.port import custom_objects
from nnspec.errors import PortError
from nnspec.model import Sequential
from nnspec.porting import registry
from nnspec.porting.directory import DirectoryExporter, DirectoryImporter
from nnspec.porting.port import Port
from tests.porting.subjects import ReferenceSubject, changed, random_variables

pytestmark = pytest.mark.jax
MODEL = Sequential([{"Dense": 5}, "tanh", {"Dense": 5}, {"Dense": 2}], (5,))
VARIABLES = random_variables(MODEL)
WRONG = changed(VARIABLES, "dense_1/kernel", VARIABLES["dense_1/kernel"].T)
QUICK = ["--backend", "jax", "--no-gradients", "--verify-in", "float64"]


class Importer(DirectoryImporter):
    """Reads directories, whose original is one with a mistake if they are named so."""

    def from_file(self, path: Path, how: Any) -> Port:
        found = super().from_file(path, how)
        subject = ReferenceSubject(MODEL, WRONG if "wrong" in path.name else VARIABLES)
        return Port(found.model, found.variables, {"dense_1": "middle (Dense)"}, subject)


@pytest.fixture(autouse=True)
def formats(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Point:
        name, module = "nnspec", "nnspec.porting.directory"

        def __init__(self, made: Any) -> None:
            self.made = made

        def load(self) -> Any:
            return self.made

    held = {"nnspec.exporters": DirectoryExporter, "nnspec.importers": Importer}
    monkeypatch.setattr(registry, "_points", lambda group: {"nnspec": Point(held[group])})
    monkeypatch.chdir(tmp_path)
    for name in ("right", "wrong"):
        DirectoryExporter().write(Port(MODEL, VARIABLES), tmp_path / name)


def test_port(capsys: pytest.CaptureFixture[str]) -> None:
    status = run(["port", "right", "--to", "nnspec", "-o", "out", *QUICK, "--report", "r.html", "--report", "r.json"])
    printed = capsys.readouterr()
    assert status == 0, printed.err
    assert "✓ verified: what was read and what was written agree" in printed.out and "written to out" in printed.out
    assert not printed.err, "progress is for terminals"
    assert Path("out/spec.yaml").is_file() and Path("r.html").is_file() and json.loads(Path("r.json").read_text())


def test_a_port_that_diverges(capsys: pytest.CaptureFixture[str]) -> None:
    status = run(["port", "wrong", "--to", "nnspec", "-o", "out", *QUICK])
    printed = capsys.readouterr()
    assert status == 1 and not Path("out").exists()
    assert printed.err.splitlines()[-1].startswith("error: what was read does not compute what the other side does")
    assert "dense_1 (middle (Dense))" in printed.err and "written to" not in printed.out
    assert run(["port", "wrong", "--to", "nnspec", "-o", "out", *QUICK, "--json"]) == 1
    read = json.loads(capsys.readouterr().out)
    assert not read["passed"] and read["checks"]["import"]["first"]["name"] == "dense_1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["port", "right", "--to", "nnspek", "-o", "out"], "nothing writes 'nnspek'; did you mean 'nnspec'"),
        (["port", "none", "--to", "nnspec", "-o", "out"], "there is no file or directory none"),
        (["port", "right", "--to", "nnspec", "-o", "right"], "right exists"),
        (["port", "right", "--to", "nnspec", "-o", "out", "--dtype", "float23"], "--dtype is one of float64"),
        (
            ["port", "none", "--to", "nnspec", "-o", "out", "--weights-format", "orbax"],
            "nnspec has no choice of formats for its weights: leave the weights format out",
        ),
        (["port", "right", "--to", "nnspec", "-o", "out", "--report", "r.txt"], "ends in .json or .html"),
        (
            ["port", "right", "--to", "nnspec", "-o", "out", "--custom", "Mine"],
            "--custom takes name=package.module:object",
        ),
        (["port", "right", "--to", "nnspec", "-o", "out", "--inputs", "x.csv"], "come from .npz or .npy files"),
        (["diff", "right", "none"], "there is no file or directory none"),
    ],
)
def test_mistakes(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in Path().iterdir()) == ["right", "wrong"]


def test_examples_of_inputs(capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("x.npz", input=np.ones((3, 5), np.float32))
    assert run(["port", "right", "--to", "nnspec", "-o", "out", *QUICK, "--inputs", "x.npz", "--json"]) == 0
    read = json.loads(capsys.readouterr().out)
    assert read["checks"]["export"]["inputs"] == {"input": {"shape": [3, 5], "dtype": "float32"}}


def test_diff(capsys: pytest.CaptureFixture[str]) -> None:
    DirectoryExporter().write(Port(MODEL, WRONG), Path("other"))
    assert run(["diff", "right", "wrong", "--backend", "jax"]) == 0
    assert "✓ they compute the same outputs in float64" in capsys.readouterr().out
    assert run(["diff", "right", "other", "--backend", "jax"]) == 1
    printed = capsys.readouterr().out
    assert "first dense_1 (Dense) differs by" in printed and "kernel" in printed
    assert run(["diff", "right", "other", "--backend", "jax", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["first"]["a"] == "dense_1"


def test_custom_objects() -> None:
    assert custom_objects(["Mine=nnspec.model:Model"])["Mine"].__name__ == "Model"
    with pytest.raises(PortError, match="has no 'Modle'; did you mean 'Model'"):
        custom_objects(["Mine=nnspec.model:Modle"])
