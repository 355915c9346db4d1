"""Whole ports: verified and put in their place, or refused and gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnspec.porting
from nnspec.errors import BackendError, FileError, PortError, VerificationError
from nnspec.model import Sequential
from nnspec.porting import registry
from nnspec.porting.directory import DirectoryExporter, DirectoryImporter
from nnspec.porting.formats import Reading
from nnspec.porting.port import Port, Subject
from nnspec.porting.verify import same_bits
from tests.porting.subjects import ReferenceSubject, changed, random_variables

pytestmark = pytest.mark.jax
MODEL = Sequential([{"Dense": 5}, "tanh", {"Dense": 5}, {"Dense": 2}], (5,))
VARIABLES = random_variables(MODEL)
WRONG = changed(VARIABLES, "dense_1/kernel", VARIABLES["dense_1/kernel"].T)


@pytest.fixture(autouse=True)
def formats(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The formats that there are in these tests, whatever is installed."""
    known: dict[str, Any] = {"nnspec": DirectoryExporter}

    class Point:
        module = "nnspec.porting.directory"

        def __init__(self, name: str, made: Any) -> None:
            self.name, self.made = name, made

        def load(self) -> Any:
            return self.made

    def points(group: str) -> dict[str, Any]:
        held = known if group == "nnspec.exporters" else {"nnspec": DirectoryImporter}
        return {name: Point(name, made) for name, made in held.items()}

    monkeypatch.setattr(registry, "_points", points)
    return known


def original(variables: Any = VARIABLES) -> Port:
    return Port(MODEL, VARIABLES, {"dense_1": "middle (Dense)"}, ReferenceSubject(MODEL, variables))


def test_a_port_is_verified_and_put_in_its_place(tmp_path: Path) -> None:
    told: list[str] = []
    made = nnspec.porting.port(
        original(),
        "nnspec",
        tmp_path / "out",
        backend="jax",
        gradients=False,
        progress=told.append,
        report=[tmp_path / "report.json", tmp_path / "report.html"],
    )
    assert made.path == tmp_path / "out" and made.report.passed
    assert list(made.report.checks) == ["import", "export"] and made.report.bits == ()
    assert same_bits(VARIABLES, DirectoryExporter().variables(tmp_path / "out", made.port)) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "report.html", "report.json"]
    read = json.loads((tmp_path / "report.json").read_text())
    assert read["nnspec_port"] == 1 and read["passed"] and read["checks"]["import"]["subject"] == "the NumPy reference"
    assert told[0] == "reading a port" and "reading variables back" in told


def test_a_wrong_import_leaves_nothing_but_the_report(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match=r"what was read .* dense_1 \(middle \(Dense\)\)") as raised:
        nnspec.porting.port(
            original(WRONG), "nnspec", tmp_path / "out", backend="jax", gradients=False, report=[tmp_path / "r.json"]
        )
    assert raised.value.exit_status == 1
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
    read = json.loads((tmp_path / "r.json").read_text())
    first = read["checks"]["import"]["first"]
    assert not read["passed"] and first["name"] == "dense_1" and first["dtype"] == "float64"


def test_a_wrong_export_leaves_nothing(tmp_path: Path, formats: dict[str, Any]) -> None:
    class Transposing(DirectoryExporter):
        def open(self, path: Path, port: Port) -> Subject:
            return ReferenceSubject(MODEL, WRONG)

    formats["nnspec"] = Transposing
    with pytest.raises(VerificationError, match=r"what was written .* dense_1"):
        nnspec.porting.port(original(), "nnspec", tmp_path / "out", backend="jax", gradients=False)
    assert list(tmp_path.iterdir()) == []


def test_other_bits_leave_nothing(tmp_path: Path, formats: dict[str, Any]) -> None:
    """Too small for any node to show it: one bit of one weight."""

    class Rounding(DirectoryExporter):
        def variables(self, path: Path, port: Port) -> dict[str, Any]:
            found = {name: np.array(value) for name, value in super().variables(path, port).items()}
            found["dense/kernel"][0, 0] = np.nextafter(found["dense/kernel"][0, 0], np.float32(9))
            return found

    formats["nnspec"] = Rounding
    with pytest.raises(VerificationError, match="variables changed on their way: dense/kernel has other bits"):
        nnspec.porting.port(original(), "nnspec", tmp_path / "out", backend="jax", gradients=False)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("kept")
    quick = {"backend": "jax", "gradients": False, "dtypes": ["float32"]}
    with pytest.raises(FileError, match="exists: choose another name"):
        nnspec.porting.port(original(), "nnspec", tmp_path / "out", **quick)
    with pytest.raises(VerificationError):
        nnspec.porting.port(original(WRONG), "nnspec", tmp_path / "out", force=True, **quick)
    assert (tmp_path / "out/mine").read_text() == "kept"
    nnspec.porting.port(original(), "nnspec", tmp_path / "out", force=True, **quick)
    assert [path.name for path in tmp_path.iterdir()] == ["out"] and not (tmp_path / "out/mine").exists()


def test_targets_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(PortError, match="nothing writes 'nnspek'; did you mean 'nnspec'"):
        nnspec.porting.port(original(), "nnspek", tmp_path / "out")
    with pytest.raises(FileError, match="its directory does not exist"):
        nnspec.porting.port(original(), "nnspec", tmp_path / "none" / "out")
    with pytest.raises(FileError, match=r"ends in \.json or \.html"):
        nnspec.porting.port(original(), "nnspec", tmp_path / "out", backend="jax", report=["r.txt"])
    assert list(tmp_path.iterdir()) == []


def test_another_dtype_is_compared_as_it_is_written(tmp_path: Path) -> None:
    made = nnspec.porting.port(
        Port(MODEL, VARIABLES), "nnspec", tmp_path / "out", dtype="float16", backend="jax", gradients=False
    )
    assert made.report.passed and list(made.report.checks) == ["export"]
    assert "nothing that could be run beside the spec" in made.report.notes[0]


def test_sources_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    DirectoryExporter().write(Port(MODEL, VARIABLES), tmp_path / "net")
    how = Reading()
    assert registry.read(tmp_path / "net", how).model == MODEL
    assert registry.read(str(tmp_path / "net"), how).model == MODEL
    assert registry.read(MODEL, how).model == MODEL
    (tmp_path / "mine_to_port.py").write_text(
        "import nnspec\ndef make():\n    return nnspec.Sequential([{'Dense': 2}], (3,))\n"
        "net = make()\ndef needs(size):\n    pass\n"
    )
    monkeypatch.chdir(tmp_path)
    for reference in ("mine_to_port:make", "mine_to_port:net"):
        assert list(registry.read(reference, how).variables) == ["dense/kernel", "dense/bias"]
    for source, message in (
        ("mine_to_port:maker", "has no 'maker'; did you mean 'make'"),
        ("mine_to_port:needs", "is called without arguments"),
        ("no_such_module:make", "cannot be imported"),
    ):
        with pytest.raises(PortError, match=message):
            registry.read(source, how)
    with pytest.raises(FileError, match="there is no file or directory"):
        registry.read(tmp_path / "none.keras", how)
    (tmp_path / "text.txt").write_text("no model")
    with pytest.raises(FileError, match="is no model that nnspec reads"):
        registry.read(tmp_path / "text.txt", how)
    with pytest.raises(PortError, match=r"a builtins\.int is no model"):
        registry.read(7, how)


def test_frameworks_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name, module = "keras", "nnspec_tensorflow.porting.none"

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BackendError, match=r"keras needs tensorflow, keras, which is not installed: pip install"):
        registry._loaded(Point())  # type: ignore[arg-type]


def test_names_of_functions_and_of_modules() -> None:
    """A module that is named as a function does not hide it."""
    import nnspec.porting.diff
    import nnspec.porting.port
    import nnspec.porting.samples
    import nnspec.porting.verify

    for name in ("port", "verify", "diff", "samples"):
        assert callable(getattr(nnspec.porting, name)), name
    assert set(dir(nnspec.porting)) >= {"from_keras", "from_flax", "to_keras", "to_flax_source", "Port"}
    for name in dir(nnspec.porting):
        assert getattr(nnspec.porting, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'prot'"):
        nnspec.porting.prot  # noqa: B018
