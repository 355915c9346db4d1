"""Ports of live models in Python, with importers and exporters that stand for those of frameworks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnspec import porting
from nnspec.errors import PortError, VerificationError
from nnspec.model import Sequential
from nnspec.porting import registry
from nnspec.porting.directory import DirectoryExporter
from nnspec.porting.formats import Reading
from nnspec.porting.port import Port
from nnspec.porting.verify import same_bits
from tests.porting.subjects import ReferenceSubject, changed, random_variables

pytestmark = pytest.mark.jax
MODEL = Sequential([{"Dense": 5}, "tanh", {"Dense": 5}], (5,))
VARIABLES = random_variables(MODEL)


class Network:
    """A model of a framework.

    Attributes:
        wrong: whether it computes something else than is read of it.
    """

    def __init__(self, wrong: bool = False) -> None:
        self.wrong = wrong


class Importer:
    name = "networks"
    asked: Any = None

    def reads(self, path: Path) -> bool:
        return False

    def knows(self, model: Any) -> bool:
        return isinstance(model[0] if isinstance(model, tuple) else model, Network)

    def from_object(self, model: Any, how: Reading) -> Port:
        Importer.asked = model, how
        network = model[0] if isinstance(model, tuple) else model
        wrong = changed(VARIABLES, "dense_1/kernel", VARIABLES["dense_1/kernel"].T)
        return Port(MODEL, VARIABLES, {}, ReferenceSubject(MODEL, wrong if network.wrong else VARIABLES))


class Loading(DirectoryExporter):
    """Gives live models, too: here the variables."""

    suffix = ".keras"

    def load(self, path: Path) -> Any:
        return self.variables(path, Port(MODEL, {}))


@pytest.fixture(autouse=True)
def formats(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        module = "nnspec.porting.directory"

        def __init__(self, name: str, made: Any) -> None:
            self.name, self.load = name, lambda: made

    held: dict[str, dict[str, Any]] = {
        "nnspec.importers": {"networks": Importer},
        "nnspec.exporters": {"keras": Loading, "flax": DirectoryExporter},
    }
    monkeypatch.setattr(registry, "_points", lambda group: {n: Point(n, m) for n, m in held[group].items()})
    monkeypatch.setenv("NNSPEC_BACKEND", "jax")


def test_live_models_are_read_and_compared() -> None:
    found = porting.from_keras(Network(), backend="jax")
    assert found.model == MODEL and same_bits(VARIABLES, found.variables) == []
    with pytest.raises(VerificationError, match="the first node that diverges is dense_1") as raised:
        porting.from_keras(Network(wrong=True), backend="jax")
    assert raised.value.report.first.name == "dense_1"
    assert porting.from_keras(Network(wrong=True), check=False).model == MODEL


def test_examples_go_by_place_and_variables_along() -> None:
    x = np.ones((2, 5), np.float32)
    porting.from_flax(Network(), x, variables={"params": 1}, method="encode", check=False)
    (network, variables), how = Importer.asked
    assert isinstance(network, Network) and variables == {"params": 1}
    assert how.method == "encode" and list(how.inputs) == ["0"] and how.inputs["0"] is x


def test_models_are_written_for_others(tmp_path: Path) -> None:
    loaded = porting.to_keras(MODEL, VARIABLES, backend="jax")
    assert {name: np.array(v) for name, v in loaded.items()}.keys() == VARIABLES.keys()
    made = porting.to_flax_source(Port(MODEL, VARIABLES), tmp_path / "net", backend="jax")
    assert made.report.passed and (tmp_path / "net/spec.yaml").is_file()
    with pytest.raises(PortError, match="a model is written with its variables"):
        porting.to_keras(MODEL)
    with pytest.raises(PortError, match="the variable 'dense/bias' is missing"):
        porting.to_flax_source(MODEL, tmp_path / "other", {"dense/kernel": VARIABLES["dense/kernel"]})
