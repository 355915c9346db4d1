"""Flax source: it computes what the spec says, runs without nnspec, and reads as if a person had written it."""

from __future__ import annotations

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
    contraction,
    convolution,
    convolutional_recurrent,
    cumulative,
    dropout,
    elementwise,
    embedding,
    geometry,
    indexing,
    linear,
    logic,
    masking,
    normalization,
    ops,
    padding,
    pooling,
    positions,
    recurrent,
    reductions,
    resampling,
    scaling,
    shape,
    sorting,
    time_distributed,
    transposed_convolution,
    weight_normalization,
)
from nnspec_conformance.case import AsNamed, Case
from tests.porting.flax_files import port_of, port_of_cases, refusal, ruff, run_alone

pytest.importorskip("jax", reason="the jax backend is not installed")
JaxBackend = pytest.importorskip("nnspec_jax.backend").JaxBackend
FlaxExporter = pytest.importorskip("nnspec_jax.porting.flax_source").FlaxExporter
pytestmark = pytest.mark.jax

FAMILIES = (
    *(activation, arrangement, attention, contraction, convolution, convolutional_recurrent, cumulative, dropout),
    *(elementwise, embedding, geometry, indexing, linear, logic, masking, normalization, ops, padding, pooling),
    *(positions, recurrent, reductions, resampling, scaling, shape, sorting, time_distributed),
    *(transposed_convolution, weight_normalization),
)


# Ids beyond a table, which the spec answers with NaN or 0, are looked up as JAX does: from the end, if negative.
ASTRAY = ("ids that are not in the table", "ids beyond the end")


def cases_of(family: ModuleType) -> list[Case]:
    """The family's cases that have source."""
    cases = [case for case in family.CASES if isinstance(case, Case) and not case.id.endswith(ASTRAY)]
    return [case for case in cases if refusal(case) is None]


def error(found: Any, wanted: Any) -> float:
    """The largest error, relative to the largest number."""
    wide, given = np.asarray(wanted, np.float64), np.asarray(found, np.float64)
    assert wide.shape == given.shape
    finite = np.isfinite(wide)
    assert np.array_equal(given[~finite], wide[~finite], equal_nan=True)
    scale = np.abs(wide[finite]).max(initial=0.0)
    return float(np.abs(given - wide)[finite].max(initial=0.0) / (scale or 1.0))


def opened(port: Any, path: Path, dtype: FloatType = "float32") -> Any:
    exporter = FlaxExporter()
    exporter.write(port, path, dtype=dtype)
    return exporter.open(path, port)


def test_a_layer_of_each_class_computes_what_the_reference_does(tmp_path: Path) -> None:
    firsts: dict[type[Any], Case] = {}
    for family in FAMILIES:
        for case in cases_of(family):
            firsts.setdefault(type(case.spec), case)
    port, inputs = port_of_cases(list(firsts.values()), "float64")
    found = opened(port, tmp_path / "model", "float64").nodes(inputs, dtype="float64")
    wanted = run(port.model, port.variables, inputs).outputs
    errors = {name: error(found[name], wanted[name]) for name in port.model.outputs}
    assert len(errors) > 100
    assert {name: e for name, e in errors.items() if e > 1e-11} == {}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__.rpartition(".")[2])
def test_layers_compute_what_the_reference_does(family: ModuleType, tmp_path: Path) -> None:
    cases = cases_of(family)
    port, inputs = port_of_cases(cases, "float64")
    subject = opened(port, tmp_path / "model", "float64")
    drawing = {node.name for _, node in port.model.walk() if node.layer.random}
    for training in (False, True):
        found = subject.nodes(inputs, dtype="float64", training=training)
        wanted = run(port.model, port.variables, inputs, training=training)
        errors = {
            name: error(found[name], wanted.outputs[name])
            for name in port.model.outputs
            if not (training and name in drawing)
        }
        assert {name: e for name, e in errors.items() if e > 1e-11} == {}
    wanted = run(port.model, port.variables, inputs, training=True).updates
    after = subject.statistics(inputs, dtype="float64")
    kept = {name: wanted.get(name, port.variables[name]) for name in after}
    assert {name: error(after[name], kept[name]) for name in after if error(after[name], kept[name]) > 1e-11} == {}
    ruff(tmp_path / "model")


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__.rpartition(".")[2])
def test_layers_have_the_gradients_of_the_net(family: ModuleType, tmp_path: Path) -> None:
    """Those of few cases: a compiler takes long for many gradients in one function."""
    port, inputs = port_of_cases(cases_of(family)[:8], "float64")
    _gradients(port, inputs, opened(port, tmp_path / "model", "float64"))


def _gradients(port: Any, inputs: Any, subject: Any) -> None:
    """Gradients are those of the net, whose own are held to the reference's differences by the suite."""
    rng = np.random.default_rng(5)
    net = JaxBackend().build(port.model, port.variables, dtype="float64")
    given = net.forward(inputs)
    cotangents = {name: rng.normal(size=y.shape) for name, y in given.items() if y.dtype.kind == "f"}
    wanted = net.gradients(inputs, cotangents)
    found = subject.gradients(inputs, cotangents, dtype="float64")
    for kind in ("inputs", "parameters"):
        ours, theirs = getattr(found, kind), getattr(wanted, kind)
        assert set(ours) == set(theirs)
        # Gradients that are zero but for rounding, as that of a key's bias, are measured by the largest.
        largest = max((float(np.abs(value).max(initial=0.0)) for value in theirs.values()), default=0.0)
        bounds = {name: 1e-9 * max(float(np.abs(theirs[name]).max(initial=0.0)), 1e-3 * largest) for name in theirs}
        off = {name: float(np.abs(ours[name] - theirs[name]).max(initial=0.0)) for name in theirs}
        assert {name: value for name, value in off.items() if value > bounds[name]} == {}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__.rpartition(".")[2])
def test_layers_round_as_little_as_the_reference(family: ModuleType, tmp_path: Path) -> None:
    cases = cases_of(family)
    port, inputs = port_of_cases(cases, "float32")
    subject = opened(port, tmp_path / "model")
    assert all(
        np.array_equal(value, port.variables[name].astype(np.float32))
        for name, value in FlaxExporter().variables(tmp_path / "model", port).items()
    )
    found = subject.nodes(inputs, dtype="float32")
    truth = run(port.model, port.variables, inputs).outputs
    rounded = run(port.model, port.variables, inputs, dtype=np.float32).outputs
    epsilon = float(np.finfo(np.float32).eps)
    worse = {
        name: (error(found[name], truth[name]), error(rounded[name], truth[name]))
        for name in port.model.outputs
        if error(found[name], truth[name]) > 16 * max(error(rounded[name], truth[name]), epsilon)
    }
    assert worse == {}


# What is asked after every change.
DAILY = ("mlp", "resnet", "lstm")
MODELS: dict[str, Any] = {
    "mlp": lambda: models.mlp((16, 8, 3), norm="BatchNorm", dropout_rate=0.1, input=(5,)),
    "lenet": lambda: models.lenet(),
    "autoencoder": lambda: models.autoencoder((12, 7), 3, input=(20,)),
    "vae": lambda: models.vae((12,), 3, input=(20,)),
    "resnet": lambda: models.resnet((2, 3, 2), 5, features=4, input=(32, 32, 3)),
    "bottlenecks": lambda: models.resnet((2, 3), 5, block="bottleneck", version=2, features=4, input=(32, 32, 3)),
    "mobilenet": lambda: models.mobilenet_v2(5, 0.25, input=(32, 32, 3)),
    "unet": lambda: models.unet(2, 4, levels=2, padding="same", norm="BatchNorm", input=(16, 16, 1)),
    "lstm": lambda: models.lstm_classifier(3, 5, num_layers=2, bidirectional=True, num_embeddings=11, input=(7,)),
    "seq2seq": lambda: models.seq2seq(11, 13, 6, num_layers=2, embedding_features=5, mask=True),
    "encoder": lambda: models.transformer_encoder(2, 8, 2, 12, num_embeddings=11, num_classes=3, length=6),
    "decoder": lambda: models.transformer_decoder(2, 8, 2, 12, num_embeddings=11, length=6, memory_length=5, mask=True),
    "bert": lambda: models.bert(3, 8, 2, num_embeddings=31, max_length=16, mask=True, length=6),
    "gpt2": lambda: models.gpt2(3, 8, 2, num_embeddings=31, max_length=16, length=6),
    "vit": lambda: models.vit(5, 4, num_layers=2, features=8, num_heads=2, input=(8, 8, 3)),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Path]]:
    """All models, written."""
    made = {}
    for name, build in MODELS.items():
        path = tmp_path_factory.mktemp("models") / name
        port = port_of(build())
        FlaxExporter().write(port, path)
        made[name] = port, path
    return made


def test_source_of_models_is_clean(written: dict[str, tuple[Any, Path]]) -> None:
    ruff(*(path for _, path in written.values()))


def test_models_run_where_nnspec_and_tensorflow_are_not(written: dict[str, tuple[Any, Path]]) -> None:
    for port, path in written.values():
        np.savez(path / "inputs.npz", *_inputs(port.model).values())
    run_alone([path for _, path in written.values()])
    for name, (port, path) in written.items():
        outputs = np.load(path / "outputs.npz")
        inputs = _inputs(port.model)
        wanted = run(port.model, port.variables, inputs).outputs
        rounded = run(port.model, port.variables, inputs, dtype=np.float32).outputs
        for output in port.model.outputs:
            found = outputs[output if len(port.model.outputs) > 1 else "output"]
            bound = 16 * max(error(rounded[output], wanted[output]), float(np.finfo(np.float32).eps))
            assert error(found, wanted[output]) <= bound, (name, output)


def test_what_is_loaded_can_be_trained_on(written: dict[str, tuple[Any, Path]]) -> None:
    """The random layers of a loaded module draw, each time something else."""
    import importlib.util

    for name in ("mlp", "vae"):
        port, path = written[name]
        spec = importlib.util.spec_from_file_location(f"written_{name}", path / "model.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        model = module.load()
        model.train()
        one, other = (np.asarray(model(*_inputs(port.model).values())) for _ in range(2))
        assert np.isfinite(one).all() and (one != other).any()


def _inputs(model: Model) -> dict[str, Any]:
    """Inputs of a batch of three; axes of any length have seven."""
    sized = model.with_inputs(*([size or 7 for size in given.shape or ()] for given in model.inputs.values()))
    found = AsNamed(sized, id="inputs").point("float32", batch=3).inputs
    return {name: x.astype(np.float32) if x.dtype.kind == "f" else x for name, x in found.items()}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in DAILY else pytest.mark.slow) for name in MODELS]
)
def test_models_compute_the_same_in_both_modes(name: str, written: dict[str, tuple[Any, Path]]) -> None:
    port, path = written[name]
    subject, inputs = FlaxExporter().open(path, port), _inputs(port.model)
    drawing = any(node.layer.random for _, node in port.model.walk())
    for training in (False, True)[: 1 if drawing else 2]:
        found = subject.nodes(inputs, dtype="float64", training=training)
        wanted = run(port.model, port.variables, inputs, training=training)
        assert set(found) >= set(port.model.outputs)
        errors = {path: error(value, wanted.nodes.get(path, value)) for path, value in found.items()}
        assert {path: e for path, e in errors.items() if e > 1e-11} == {}
    for variable, value in FlaxExporter().variables(path, port).items():
        assert np.array_equal(value, port.variables[variable])
    _gradients(port, inputs, subject)


def test_blocks_and_models_may_be_called_like_what_the_source_brings_along(tmp_path: Path) -> None:
    """Two blocks of a SeparableConv with a norm, of that name, in a model of that name."""
    layers = [{"SeparableConv": {"features": 3, "kernel_size": [3, 3]}}, "BatchNorm", "relu"]
    x = nnspec.symbol((6, 5, 3), "x")
    y = nnspec.Sequential(layers, [6, 5, 3], name="separable_conv")(x)
    y = nnspec.Sequential(layers, [6, 5, 3], name="separable_conv_2")(y)
    port = port_of(Model(inputs=x, outputs=y, name="separable_conv"))
    inputs = {"x": np.random.default_rng(0).normal(size=(2, 6, 5, 3))}
    found = opened(port, tmp_path / "model", "float64").nodes(inputs, dtype="float64")
    (name,) = port.model.outputs
    assert error(found[name], run(port.model, port.variables, inputs).outputs[name]) < 1e-11
    text = (tmp_path / "model" / "model.py").read_text()
    assert text.count("class SeparableConv(") == text.count("class SeparableConvModel(") == 1


def test_an_input_without_a_shape_is_refused() -> None:
    model = nnspec.Sequential([nnspec.Dense(3)])
    with pytest.raises(PortError, match="'input' has no shape"):
        FlaxExporter().write(Port(model, {}), Path("nowhere"))
