"""Keras files of stock layers: every class that Keras can express, as the NumPy reference computes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec import porting
from nnspec.errors import FileError, PortError
from nnspec.porting.port import Port
from nnspec.reference.model import run
from nnspec_conformance import suite
from nnspec_conformance.case import Case, joined
from nnspec_conformance.example import Example
from tests.porting.exports import Exported, branches, built, exported

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

# What stock Keras has no counterpart for, whatever the options; each is refused by name.
REFUSED = {
    *("AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "Cutout", "Equalization", "HashedCrossing"),
    *("Hashing", "IntegerLookup", "MGU", "MelSpectrogram", "RandomColorDegeneration", "RandomColorJitter"),
    *("RandomCrop", "RandomElasticTransform", "RandomErasing", "RandomGaussianBlur", "RandomGrayscale", "RandomHue"),
    *("RandomInvert", "RandomPerspective", "RandomPosterization", "RandomSaturation", "RandomSharpness"),
    *("STFTSpectrogram", "Solarization", "SpectralNorm", "StableHLO", "TokenDropout", "TokenMasking"),
}
# Ids beyond a table, of which Keras on TensorFlow makes an error on CPUs.
BEYOND = ("ids that are not in the table", "beyond the table")
EVERYDAY = ("linear", "normalization", "positions", "shape")
FAMILIES = [
    pytest.param(module, id=suite.family(module), marks=() if suite.family(module) in EVERYDAY else pytest.mark.slow)
    for module in suite.LAYERS
]


def exporter() -> Any:
    from nnspec_tensorflow.porting.keras_file import KerasExporter

    return KerasExporter()


def cases(module: Any) -> list[Case]:
    """The cases of a family, examples included, that can be exported."""
    from nnspec_tensorflow.porting.export import families as families, graph

    found = []
    for case in (*module.CASES, *getattr(module, "EXAMPLES", ())):
        own = case.case if isinstance(case, Example) else case
        try:
            graph.realize(own.model, "float32")
        except PortError:
            continue
        if own.id.replace("_", " ") not in BEYOND:
            found.append(own)
    return found


def near(found: dict[str, Any], expected: dict[str, Any], relative: float) -> None:
    """All values are the expected ones, to a share of each value's scale; integers and booleans are equal."""
    assert set(found) == set(expected)
    with np.errstate(all="ignore"):
        _near(found, expected, relative)


def near_shown(model: nn.Model, found: dict[str, Any], expected: dict[str, Any], relative: float) -> None:
    """As ``near``, of the nodes that are shown: all but states of which Keras has parts alone."""
    hidden = {path for path, node in model.walk() if isinstance(node.layer, nn.LSTM) and node.layer.return_state}
    assert set(expected) - set(found) <= hidden
    near(found, {name: value for name, value in expected.items() if name in found}, relative)


def _near(found: dict[str, Any], expected: dict[str, Any], relative: float) -> None:
    for name, want in expected.items():
        got = found[name]
        assert got.shape == want.shape, name
        if want.dtype.kind != "f":
            assert (got == want).all(), name
            continue
        same = (got == want) | (np.isnan(got) & np.isnan(want))
        scale = np.abs(want[np.isfinite(want)]).max(initial=0.0)
        apart = np.where(same, 0, np.abs(got.astype(np.float64) - want))
        assert apart.max(initial=0.0) <= relative * scale, f"{name}: {apart.max() / scale:.1e}"


def test_a_single_number_comes_back_as_one(tmp_path: Path) -> None:
    port = Port(nn.Sequential([nn.Parameter(())], [3]), {"parameter/value": np.asarray(0.7, np.float32)})
    exporter().write(port, tmp_path / "model.keras")
    assert porting.same_bits(port.variables, exporter().variables(tmp_path / "model.keras", port)) == []


@pytest.mark.slow
def test_refused_classes_are_these() -> None:
    """Every class of which no case can be exported, and no other one."""
    exportable: set[str] = set()
    everything: set[str] = set()
    for module in suite.LAYERS:
        exportable |= {kind.__name__ for case in cases(module) for kind in case.classes}
        everything |= {kind.__name__ for case in module.CASES for kind in case.classes}
    assert everything - exportable == REFUSED


@pytest.mark.parametrize("module", FAMILIES)
def test_cases_are_computed_as_by_the_reference(module: Any, tmp_path: Path) -> None:
    chosen = cases(module)
    if not chosen:
        assert {kind.__name__ for case in module.CASES for kind in case.classes} <= REFUSED
        return
    model = joined(chosen)
    points = [case.point("float32") for case in chosen]
    variables = {name: array for point in points for name, array in point.variables.items()}
    inputs = {name: array for point in points for name, array in point.inputs.items()}
    port, path = Port(model, variables), tmp_path / "model.keras"
    exporter().write(port, path)
    subject = exporter().open(path, port)
    with np.errstate(all="ignore"):
        expected = run(model, variables, inputs).nodes
    # Keras's norms lose digits where means are large: 7e-5.
    near_shown(model, subject.nodes(inputs, dtype="float32"), expected, 1e-4)
    kept = exporter().variables(path, port)
    assert all(kept[name].tobytes() == array.tobytes() for name, array in variables.items())


@pytest.mark.slow
@pytest.mark.parametrize("module", suite.LAYERS, ids=suite.family)
def test_formulas_are_the_same_in_float64(module: Any) -> None:
    """Of what Keras does not compute with numbers in float32."""
    from nnspec_tensorflow.porting.export import graph
    from nnspec_tensorflow.porting.export.subject import NativeSubject

    for case in cases(module):
        made = graph.realize(case.model, "float64", quiet=True)
        if not made.exact:
            continue
        point = case.point("float64")
        graph.write(made, point.variables)
        subject = NativeSubject(case.model, made, lambda made=made: made.model, print, "float64", "model")
        found = subject.nodes(point.inputs, dtype="float64")
        with np.errstate(all="ignore"):
            expected = run(case.model, point.variables, point.inputs).nodes
        near_shown(case.model, found, expected, 1e-11)


PLAIN = """
import pathlib, sys
import numpy as np
import keras
folder, backend = pathlib.Path(sys.argv[1]), sys.argv[2]
assert keras.backend.backend() == backend
for path in sorted(folder.glob("*.keras")):
    model = keras.models.load_model(path, safe_mode=True)
    given = dict(np.load(path.with_suffix(".inputs.npz")))
    found = model(given if len(given) > 1 else next(iter(given.values())))
    named = found if isinstance(found, dict) else {"output": found}
    np.savez(path.with_suffix(f".{backend}.npz"), **{n: np.asarray(v) for n, v in named.items()})
assert not [name for name in sys.modules if name.startswith("nnspec")]
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Exported]]:
    """Files of the builders' models, and their inputs."""
    folder = tmp_path_factory.mktemp("exported")
    models = [*built(), exported("branches", branches())]
    for each in models:
        exporter().write(each.port, folder / f"{each.name}.keras")
        np.savez(folder / f"{each.name}.inputs.npz", **each.inputs)
    return folder, models


def in_plain_keras(folder: Path, backend: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", PLAIN, str(folder), backend]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


def test_a_file_runs_in_plain_keras(tmp_path: Path) -> None:
    each = exported("branches", branches())
    exporter().write(each.port, tmp_path / "branches.keras")
    np.savez(tmp_path / "branches.inputs.npz", **each.inputs)
    in_plain_keras(tmp_path, "tensorflow")
    near(dict(np.load(tmp_path / "branches.tensorflow.npz")), each.outputs(), 2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", pytest.param("jax", marks=pytest.mark.jax)])
def test_builders_models_run_in_plain_keras(files: tuple[Path, list[Exported]], backend: str) -> None:
    folder, models = files
    in_plain_keras(folder, backend)
    for each in models:
        found = dict(np.load(folder / f"{each.name}.{backend}.npz"))
        expected = each.outputs()
        if len(expected) == 1:
            expected = {"output": next(iter(expected.values()))}
        near(found, expected, 2e-5)


@pytest.mark.slow
def test_builders_models_keep_their_bits(files: tuple[Path, list[Exported]]) -> None:
    folder, models = files
    for each in models:
        kept = exporter().variables(folder / f"{each.name}.keras", each.port)
        assert set(kept) == set(each.port.variables)
        for name, array in each.port.variables.items():
            assert kept[name].tobytes() == array.tobytes(), f"{each.name}: {name}"


@pytest.mark.slow
def test_a_file_holds_nothing_but_stock_keras(files: tuple[Path, list[Exported]]) -> None:
    folder, models = files

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            if "class_name" in value and "module" in value:
                yield value
            for inner in value.values():
                yield from walk(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)

    for each in models:
        with zipfile.ZipFile(folder / f"{each.name}.keras") as archive:
            config = json.loads(archive.read("config.json"))
        objects = list(walk(config))
        assert objects
        for found in objects:
            assert (found["module"] or "keras").startswith(("keras", "builtins")), found["module"]
            assert found["class_name"] not in ("Lambda", "__lambda__", "function")


def test_layers_are_named_after_their_nodes(tmp_path: Path) -> None:
    from nnspec_tensorflow.startup import keras

    exporter().write(exported("branches", branches()).port, tmp_path / "branches.keras")
    model = keras.models.load_model(tmp_path / "branches.keras")
    names = [layer.name for layer in model.layers]
    assert set(names) == {"a", "b", "shared", "inner", "joined", "head", "total"}
    assert [layer.name for layer in model.get_layer("inner").layers] == ["input", "dense", "batch_norm", "dropout"]
    assert set(model.output) == {"head", "total"}


def test_statistics_and_gradients_in_training(tmp_path: Path) -> None:
    """Against nnspec's own net, whose derivatives conformance compares with central differences."""
    quiet = nn.Sequential(
        [
            nn.Dense(5, "tanh"),
            nn.BatchNorm(momentum=0.7, epsilon=0.1),
            nn.Dense(5, "tanh"),
            nn.BatchRenorm(momentum=0.6),
            nn.Dropout(0.5),
        ],
        input=[4],
    )
    still = nn.Sequential([*(node.layer for node in quiet.nodes[:-1]), nn.Dropout(0.0)], input=[4])
    each = exported("training", quiet)
    path = tmp_path / "model.keras"
    exporter().write(each.port, path)
    subject = exporter().open(path, each.port)
    net = nn.backend("tensorflow").build(still, dtype="float64")
    net.assign({name: array.astype(np.float64) for name, array in each.port.variables.items()})
    cotangents = {"dropout": np.random.default_rng(1).normal(size=(3, 5))}
    inputs = {name: array.astype(np.float64) for name, array in each.inputs.items()}
    expected = net.gradients(inputs, cotangents, training=True)
    found = subject.gradients(inputs, cotangents, dtype="float64", training=True)
    near(found.inputs, expected.inputs, 1e-9)
    near(found.parameters, expected.parameters, 1e-9)
    after = run(still, each.port.variables, each.inputs, training=True).updates
    near(subject.statistics(inputs, dtype="float64"), after, 1e-11)


@pytest.mark.jax
@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_other_float_types_are_verified(dtype: Any, tmp_path: Path) -> None:
    """Keras says float32 of any functional model, whatever its layers are."""
    model = nn.Sequential([nn.Dense(5, "tanh"), nn.Dropout(0.5), nn.Dense(2)], input=[4])
    each = exported("other", model)
    for to, out in (("keras", "out.keras"), ("keras-source", "out")):
        made = porting.port(each.port, to, tmp_path / out, dtype=dtype, backend="jax", gradients=False)
        assert made.report.passed and made.report.bits == ()


@pytest.mark.parametrize(
    ("layer", "input", "words"),
    [
        (nn.MGU(3), (5, 2), ("mgu (MGU)", "one gate")),
        (nn.SimpleRNN(3, residual=True), (5, 2), ("residual",)),
        (nn.LSTM(3, return_state=True, return_sequences=True), (5, 2), ("return_state with return_sequences", "Slice")),
        (
            nn.LSTM(3, recurrent_activation={"hard_sigmoid": {"convention": "keras2"}}),
            (5, 2),
            ("recurrent_activation",),
        ),
        (nn.SpectralNorm(nn.Dense(3)), (5,), ("spectral_norm (SpectralNorm)",)),
        (nn.RandomFlip(probability=0.2), (4, 4, 3), ("probability=0.2",)),
        (nn.RandomCrop(2, 2), (6, 6, 2), ("random_crop (RandomCrop)", "CenterCrop")),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Layer) else "",
)
def test_what_keras_lacks_is_named(layer: Any, input: tuple[int, ...], words: tuple[str, ...], tmp_path: Path) -> None:
    model = nn.Sequential([layer], input=list(input))
    with pytest.raises(PortError) as raised:
        exporter().write(exported("refused", model).port, tmp_path / "model.keras")
    assert all(word in str(raised.value) for word in words), str(raised.value)
    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"gone\.keras"):
        exporter().open(tmp_path / "gone.keras", Port(branches(), {}))
