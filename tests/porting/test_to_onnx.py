"""ONNX files: what ONNX's reference evaluator and ONNX Runtime compute of them is what the spec says."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import nnspec
from nnspec import models
from nnspec.backends import FloatType
from nnspec.errors import PortError
from nnspec.model import Model
from nnspec.porting.port import Port
from nnspec.reference.model import run
from nnspec_conformance import (
    activation,
    arrangement,
    attention,
    convolution,
    dropout,
    elementwise,
    embedding,
    linear,
    logic,
    masking,
    normalization,
    ops,
    padding,
    pooling,
    recurrent,
    reductions,
    resampling,
    scaling,
    shape,
    transposed_convolution,
)
from nnspec_conformance.case import AsNamed, Case, joined

pytest.importorskip("onnx", reason="the package onnx is not installed")

onnx_file = pytest.importorskip("nnspec.porting.onnx_file")
OnnxExporter, OnnxSubject = onnx_file.OnnxExporter, onnx_file.OnnxSubject
make = pytest.importorskip("nnspec.porting.onnx_graph.model").make

FAMILIES = (
    *(activation, arrangement, attention, convolution, dropout, elementwise, embedding, linear, logic, masking),
    *(normalization, ops, padding, pooling, recurrent, reductions, resampling, scaling, shape, transposed_convolution),
)

# ONNX Runtime's tanh is a ratio of polynomials: in x − tanh x its last bits are most of what is left near 0.
APPROXIMATE = ("TanhShrink_near_zero_tanh_shrink",)


def _runtime() -> None:
    pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")


def _has_counterpart(case: Case) -> bool:
    try:
        make(case.model, case.point("float64").variables, "float64")
    except PortError:
        return False
    return True


def _error(found: Any, wanted: Any) -> float:
    assert np.shape(found) == np.shape(wanted)
    wide = np.asarray(wanted, np.float64)
    return float(np.abs(np.asarray(found, np.float64) - wide).max(initial=0.0) / (np.abs(wide).max(initial=0.0) or 1.0))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__.rpartition(".")[2])
def test_layers(family: ModuleType, tmp_path: Path) -> None:
    port, inputs = _joined(family, "float64")
    path = tmp_path / "model.onnx"
    OnnxExporter().write(port, path, dtype="float64")
    found = OnnxSubject(path, port.model, runtime=False).nodes(inputs, dtype="float64")
    wanted = run(port.model, port.variables, inputs).outputs
    errors = {name: _error(found[name], wanted[name]) for name in wanted}
    # ONNX's evaluator approximates the error function.
    bounds = {name: 1e-7 if "gelu" in name.lower() or "erf" in name.lower() else 1e-11 for name in errors}
    assert {name: error for name, error in errors.items() if error > bounds[name]} == {}


def _joined(family: ModuleType, dtype: FloatType) -> tuple[Port, dict[str, Any]]:
    """All cases of a family that ONNX has, side by side."""
    known = [case for case in family.CASES if isinstance(case, Case) and "not in the table" not in case.id]
    cases = [case for case in known if _has_counterpart(case)]
    assert len(cases) > 2
    points = [case.point(dtype) for case in cases]
    port = Port(joined(cases), {name: value for point in points for name, value in point.variables.items()})
    return port, {name: x for point in points for name, x in point.inputs.items()}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__.rpartition(".")[2])
def test_layers_in_onnx_runtime(family: ModuleType, tmp_path: Path) -> None:
    """In float32, by the gate: at most four times what the reference loses there."""
    _runtime()
    port, inputs = _joined(family, "float32")
    path = tmp_path / "model.onnx"
    OnnxExporter().write(port, path)
    subject = OnnxExporter().open(path, port)
    assert subject.label.startswith("ONNX Runtime")
    found = subject.nodes(inputs, dtype="float32")
    wanted = run(port.model, port.variables, inputs).outputs
    rounded = run(port.model, port.variables, inputs, dtype=np.float32).outputs
    eps = float(np.finfo(np.float32).eps)
    worse = {
        name: (error, limit)
        for name, value in wanted.items()
        if (error := _error(found[name], value)) > (limit := 4 * max(_error(rounded[name], value), eps))
    }
    assert {name: figures for name, figures in worse.items() if name not in APPROXIMATE} == {}


def test_what_onnx_runtime_lacks_is_left_to_the_evaluator(tmp_path: Path) -> None:
    """It has no convolutions in float64, and says of recurrent layers only when they run that it has none."""
    _runtime()
    layers: dict[str, Any] = {"Conv": nnspec.Conv(3, (2,)), "LSTM": nnspec.LSTM(4), "Dense": nnspec.Dense(3)}
    for word, layer in layers.items():
        model = nnspec.Sequential([layer], (5, 2))
        point = AsNamed(model, id=word).point("float64")
        path, port = tmp_path / f"{word}.onnx", Port(model, point.variables)
        OnnxExporter().write(port, path, dtype="float64")
        subject = OnnxExporter().open(path, port)
        if word == "Dense":
            assert subject.label.startswith("ONNX Runtime")
        else:
            assert f"(reference evaluator; ONNX Runtime {version('onnxruntime')} has no kernel for" in subject.label
            with pytest.raises(PortError, match=f"no kernel for {word}"):
                OnnxSubject(path, model, runtime=True)
        (value,) = run(model, point.variables, point.inputs).outputs.values()
        assert _error(next(iter(subject.nodes(point.inputs, dtype="float64").values())), value) < 1e-11


MODELS: dict[str, Any] = {
    "lenet": lambda: models.lenet(),
    "resnet": lambda: models.resnet((1, 2), 5, features=4, input=(32, 32, 3)),
    "lstm": lambda: models.lstm_classifier(3, 5, bidirectional=True, num_embeddings=11, input=(7,)),
    "bert": lambda: models.bert(2, 8, 2, num_embeddings=31, max_length=16, mask=True, length=6),
    "gpt2": lambda: models.gpt2(2, 8, 2, num_embeddings=31, max_length=16),
}


@pytest.mark.parametrize("runtime", [False, True], ids=["evaluator", "onnxruntime"])
@pytest.mark.parametrize("name", MODELS)
def test_models(name: str, runtime: bool, tmp_path: Path) -> None:
    if runtime:
        _runtime()
    model: Model = MODELS[name]()
    sized = model.with_inputs(*([size or 6 for size in given.shape or ()] for given in model.inputs.values()))
    point = AsNamed(sized, id=name).point("float32", batch=2)
    port = Port(model, {key: value.astype(np.float32) for key, value in point.variables.items()})
    path = tmp_path / "model.onnx"
    OnnxExporter().write(port, path)
    found = OnnxSubject(path, model, runtime=runtime).nodes(point.inputs, dtype="float32")
    wanted = run(port.model, port.variables, point.inputs).outputs
    rounded = run(port.model, port.variables, point.inputs, dtype=np.float32).outputs
    for output, value in wanted.items():
        bound = 16 * max(_error(rounded[output], value), float(np.finfo(np.float32).eps))
        assert _error(found[output], value) <= bound
    for variable, value in OnnxExporter().variables(path, port).items():
        assert np.array_equal(value, port.variables[variable])


def test_what_has_no_counterpart_is_named(tmp_path: Path) -> None:
    model = nnspec.Sequential([nnspec.Dense(3), nnspec.LSTM(4, mask=False, activation="relu", name="memory")], (5, 2))
    variables = AsNamed(model, id="refused").point("float32").variables
    with pytest.raises(PortError, match="memory: LSTM with other activations"):
        OnnxExporter().write(Port(model, variables), tmp_path / "model.onnx")
    with pytest.raises(PortError, match="'input' has no shape"):
        OnnxExporter().write(Port(nnspec.Sequential([nnspec.Dense(3)]), {}), tmp_path / "model.onnx")
