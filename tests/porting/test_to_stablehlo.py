"""StableHLO: exported for three platforms and any batch; run here, it computes what the spec says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnspec import models
from nnspec.errors import PortError, UnsupportedError
from nnspec.porting.port import Port
from nnspec.reference.model import run
from nnspec_conformance.case import AsNamed

pytest.importorskip("jax", reason="the jax backend is not installed")
JaxBackend = pytest.importorskip("nnspec_jax.backend").JaxBackend
StableHloExporter = pytest.importorskip("nnspec_jax.porting.stablehlo").StableHloExporter
pytestmark = pytest.mark.jax


@pytest.fixture(scope="module")
def ported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Port, dict[str, Any], Path]:
    model = models.resnet((1, 1), 5, features=4, input=(16, 16, 3))
    point = AsNamed(model, id="stablehlo").point("float64", batch=3)
    port, path = Port(model, point.variables), tmp_path_factory.mktemp("stablehlo") / "model"
    StableHloExporter().write(port, path, dtype="float64")
    return port, point.inputs, path


def test_outputs_and_gradients_of_batches_of_any_size(ported: tuple[Port, dict[str, Any], Path]) -> None:
    port, inputs, path = ported
    subject = StableHloExporter().open(path, port)
    assert subject.dtypes == ("float64",)
    for count in (3, 1):
        given = {name: x[:count] for name, x in inputs.items()}
        wanted = run(port.model, port.variables, given).outputs
        found = subject.nodes(given, dtype="float64")
        for name, value in wanted.items():
            assert np.abs(found[name] - value).max() <= 1e-12 * np.abs(value).max()
    cotangents = {name: np.random.default_rng(1).normal(size=value.shape) for name, value in wanted.items()}
    net = JaxBackend().build(port.model, port.variables, dtype="float64")
    ours, theirs = (s.gradients(given, cotangents, **o) for s, o in ((subject, {"dtype": "float64"}), (net, {})))
    for kind in ("inputs", "parameters"):
        assert set(getattr(ours, kind)) == set(getattr(theirs, kind))
        for name, value in getattr(theirs, kind).items():
            assert np.abs(getattr(ours, kind)[name] - value).max() <= 1e-11 * np.abs(value).max()


def test_what_lies_beside_it(ported: tuple[Port, dict[str, Any], Path]) -> None:
    port, _, path = ported
    signature = json.loads((path / "signature.json").read_text())
    assert signature["platforms"] == ["cpu", "cuda", "tpu"]
    assert {argument["name"] for argument in signature["arguments"]} == {*port.model.params(), "input"}
    assert signature["arguments"][-1]["shape"] == ["batch", "16", "16", "3"]
    assert (path / "model.stablehlo").read_bytes()[:4] == b"ML\xefR"
    for name, value in StableHloExporter().variables(path, port).items():
        assert np.array_equal(value, port.variables[name])


def test_training_is_not_in_it(ported: tuple[Port, dict[str, Any], Path]) -> None:
    port, inputs, path = ported
    with pytest.raises(UnsupportedError, match="inference mode"):
        StableHloExporter().open(path, port).nodes(inputs, dtype="float64", training=True)


def test_variables_inside_and_axes_of_any_length(tmp_path: Path) -> None:
    model = models.gpt2(1, 8, 2, num_embeddings=11, max_length=16)
    with pytest.raises(PortError, match="give axes of any length a size"):
        StableHloExporter().write(Port(model, AsNamed(model, id="open").point("float32").variables), tmp_path / "open")
    model = model.with_inputs((6,))
    point = AsNamed(model, id="inside").point("float32", batch=2)
    port = Port(model, {name: value.astype(np.float32) for name, value in point.variables.items()})
    exporter = StableHloExporter(variables="inside")
    exporter.write(port, tmp_path / "model")
    subject = exporter.open(tmp_path / "model", port)
    wanted = run(port.model, port.variables, point.inputs).outputs
    for name, value in subject.nodes(point.inputs, dtype="float32").items():
        assert np.abs(value - wanted[name]).max() <= 1e-5 * np.abs(wanted[name]).max()
    with pytest.raises(UnsupportedError, match="constants of the graph"):
        subject.gradients(point.inputs, {}, dtype="float32")
