"""TensorFlow without Keras: functions and SavedModels through StableHLO, compared with TensorFlow itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnspec import porting
from nnspec.errors import FileError, PortError, VerificationError
from nnspec.porting.functions import Function
from nnspec.porting.registry import importer
from nnspec.reference.model import run
from tests.porting import trained

tf = pytest.importorskip("tensorflow", reason="the tensorflow backend is not installed")
pytest.importorskip("jax", reason="the jax backend is not installed")
models = pytest.importorskip("tests.porting.tensorflow_models")

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]
PITCH = "basic_pitch/saved_models/icassp_2022/nmp/saved_model.pb"
FAST = ("mlp", "lstm while")


def rng(seed: int = 0) -> Any:
    return np.random.default_rng(seed)


def inputs_of(port: Any, rows: int, generator: Any) -> dict[str, Any]:
    """Random inputs of a port's model."""
    found: dict[str, Any] = {}
    for name, given in port.model.inputs.items():
        shape = (rows, *given.shape)
        if given.dtype == "float":
            found[name] = generator.normal(size=shape).astype(np.float32)
        else:
            found[name] = generator.integers(0, 2 if given.dtype == "bool" else 7, shape).astype(given.dtype)
    return found


def flat(made: Any) -> list[Any]:
    return [np.asarray(one) for one in tf.nest.flatten(made)]


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in FAST else pytest.mark.slow) for n in models.MODELS])
def test_functions_of_modules(name: str) -> None:
    """All nodes in float64 with gradients, outputs beside TensorFlow's own: ``load`` verifies."""
    made = models.MODELS[name](rng(3))
    port = porting.from_tensorflow(made.__call__, backend="jax")
    inputs = inputs_of(port, 3, rng(5))
    wanted = flat(made(*inputs.values()))
    found = run(port.model, port.variables, inputs)
    for path, want in zip(port.model.outputs, wanted, strict=True):
        got = found.outputs[path]
        if want.dtype.kind == "f":
            assert np.abs(got - want).max() < 3e-6 * max(1.0, np.abs(want).max())
        else:
            assert np.array_equal(got, want)


def layers_of(port: Any) -> list[str]:
    return [type(node.layer).__name__ for _, node in port.model.walk()]


def read(call: Any, *inputs: Any) -> Any:
    """A function read without verification."""
    return porting.from_tensorflow(call, *inputs, check=False)


def test_kernels_are_layers_and_biases_their_own() -> None:
    made = models.Lstm(rng(1), loop=True)
    port = read(made.__call__)
    assert {name: value.shape for name, value in port.variables.items() if "constant" not in name} == {
        "while_dense/kernel": (7, 16),
        "while_dense/bias": (16,),
    }
    assert [node.shares for node in port.model.nodes if type(node.layer).__name__ == "Dense"] == [
        None,
        *["while_dense"] * 4,
    ]
    assert any(
        note == "Outputs are named after their nodes: output_0 is concat, output_1 is while_multiply_13."
        for note in port.notes
    )


def test_convolutions_and_pools_are_layers() -> None:
    made = models.Cnn(rng(1))
    port = read(made.__call__)
    found = layers_of(port)
    assert [name for name in found if name in ("Conv", "MaxPool", "AvgPool", "ReLU6", "ELU")] == [
        *("Conv", "MaxPool", "ReLU6", "Conv", "AvgPool", "ELU", "Conv", "Conv")
    ]
    statistics = {name for name, param in port.model.params().items() if param.kind != "parameter"}
    assert {"norm_mean/value", "norm_variance/value"} <= statistics


def test_approximations_of_the_compiler_are_the_functions_they_stand_for() -> None:
    """XLA's erfc is 60 operations that are right in float32."""
    spec = tf.TensorSpec((None, 4))
    port = read(
        tf.function(lambda x: (tf.math.erfc(x), tf.math.asinh(x), tf.nn.softplus(x), tf.nn.selu(x)), autograph=False),
        spec,
    )
    assert len(layers_of(port)) == 5
    x = rng(2).normal(size=(5, 4))
    from scipy import special

    first = run(port.model, port.variables, {next(iter(port.model.inputs)): x}).outputs[port.model.outputs[0]]
    assert np.abs(first - special.erfc(x)).max() < 1e-14


def test_gradients_are_those_of_tensorflow() -> None:
    made = models.Mlp(rng(4))
    port = read(made.__call__)
    x = tf.constant(rng(5).normal(size=(3, 5)).astype(np.float32))
    weights = {}
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = made(x)
        total = 0.0
        for key, path in zip(sorted(outputs), port.model.outputs, strict=True):
            weights[path] = rng(6).normal(size=outputs[key].shape).astype(np.float32)
            total += tf.reduce_sum(outputs[key] * weights[path])
    of_x, of_kernel, of_bias = tape.gradient(total, [x, made.kernels[1], made.biases[1]])
    found = port.subject.gradients({"x": x.numpy()}, weights, dtype="float64")
    for got, want in (
        (found.inputs["x"], of_x),
        (found.parameters["dense_1/kernel"], of_kernel),
        (found.parameters["dense_1/bias"], of_bias),
    ):
        assert np.abs(got - np.asarray(want)).max() < 1e-5 * np.abs(want).max()


def test_a_program_that_tensorflow_computes_otherwise_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What TensorFlow itself computes is beside the spec, not only what its StableHLO says."""
    from nnspec_tensorflow.porting.saved_model.program import TensorFlowProgram

    plain = TensorFlowProgram.run
    monkeypatch.setattr(TensorFlowProgram, "run", lambda self, inputs: [x * 1.001 for x in plain(self, inputs)])
    with pytest.raises(VerificationError, match=r"rescaling|einsum|matmul"):
        porting.from_tensorflow(
            tf.function(lambda x: x @ tf.ones((3, 2)) * 2.0, autograph=False), tf.TensorSpec((None, 3)), backend="jax"
        )


# Saved models


def saved(made: Any, path: Path, **signatures: Any) -> Path:
    tf.saved_model.save(made, str(path), signatures=signatures or {"serving_default": made.__call__})
    return path


def test_a_saved_model_to_flax_and_back(tmp_path: Path) -> None:
    source = saved(models.Mlp(rng(7)), tmp_path / "model")
    made = porting.port(source, "nnspec", tmp_path / "out", backend="jax")
    assert made.report.passed
    back = porting.load(tmp_path / "out", check=False)
    assert porting.same_bits(made.port.variables, back.variables) == []


@pytest.mark.slow
@pytest.mark.parametrize(("to", "name"), [("flax", "out"), ("keras", "out.keras"), ("savedmodel", "out")])
def test_a_saved_model_to_all_formats(to: str, name: str, tmp_path: Path) -> None:
    made = porting.port(saved(models.Cnn(rng(8)), tmp_path / "model"), to, tmp_path / name)
    assert made.report.passed
    assert {str(value.dtype) for value in made.port.variables.values()} == {"float32"}


@pytest.mark.slow
def test_what_the_exporter_writes_is_read_again(tmp_path: Path) -> None:
    first = porting.port(saved(models.Mlp(rng(9)), tmp_path / "model"), "savedmodel", tmp_path / "out")
    again = porting.load(tmp_path / "out")
    x = rng(1).normal(size=(3, 5))
    outputs = [run(port.model, port.variables, {"x": x}).outputs for port in (first.port, again)]
    by_size = [sorted(found.values(), key=lambda y: y.shape) for found in outputs]
    for one, other in zip(*by_size, strict=True):
        assert np.abs(one - other).max() < 1e-12 * np.abs(one).max()


@pytest.mark.slow
@pytest.mark.skipif(trained.located(PITCH) is None, reason="basic-pitch is not installed")
def test_a_trained_model_of_a_package(tmp_path: Path) -> None:
    """Pitches of sound: 306 nodes, written by Keras 2 without a config."""
    folder = trained.located(PITCH)
    assert folder is not None
    port = porting.load(folder.parent, backend="jax")
    assert len(port.model.outputs) == 3


class Two(tf.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.w = tf.Variable(rng(2).normal(size=(3, 4)).astype(np.float32), name="w")

    @tf.function(input_signature=[tf.TensorSpec((None, 3), name="x")])  # type: ignore[untyped-decorator]
    def double(self, x: Any) -> Any:
        return {"doubled": 2 * (x @ self.w)}

    @tf.function(input_signature=[tf.TensorSpec((None, None, 3), name="x")])  # type: ignore[untyped-decorator]
    def pooled(self, x: Any) -> Any:
        return {"pooled": tf.reduce_max(tf.einsum("btc,cd->btd", x, self.w), 1)}

    @tf.function(input_signature=[tf.TensorSpec((2, 3), name="x")])  # type: ignore[untyped-decorator]
    def fixed(self, x: Any) -> Any:
        return {"y": x @ self.w}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Two()
    path = tmp_path_factory.mktemp("two") / "model"
    return saved(made, path, double=made.double, pooled=made.pooled, fixed=made.fixed)


def test_signatures_by_name(two: Path) -> None:
    port = porting.load(two, method="double", check=False)
    assert layers_of(port) == ["Dense", "Rescaling"]
    with pytest.raises(PortError, match=r"no signature 'serving_default' \(signatures: double, fixed, pooled\)"):
        porting.load(two)


def test_axes_of_any_length_want_an_example(two: Path) -> None:
    with pytest.raises(PortError, match="any length along axis 1: give an example"):
        porting.load(two, method="pooled")
    example = {"x": rng(3).normal(size=(4, 6, 3)).astype(np.float32)}
    port = porting.load(two, method="pooled", inputs=example, check=False)
    assert port.model.inputs["x"].shape == (6, 3)


def test_a_fixed_batch_is_refused(two: Path) -> None:
    with pytest.raises(PortError, match="takes batches of 2 alone: export the function with a free first axis"):
        porting.load(two, method="fixed")


@pytest.mark.parametrize(
    ("function", "match"),
    [
        (lambda x: x - tf.reduce_mean(x, 0), "batch axis"),
        (lambda x: x * tf.random.normal((3,)), "draws random numbers|random|rng"),
        (lambda x: tf.while_loop(lambda y: tf.reduce_sum(y) < 9, lambda y: y + 1, [x])[0], "number of steps depends"),
        (lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: x, lambda: -x), "branch that depends on values"),
        (
            lambda x: tf.cast(tf.linalg.qr(tf.reshape(x, (-1, 3, 1)))[0], tf.float32),
            "not read: nnspec has tensors alone",
        ),
        (lambda x: tf.strings.to_number(tf.strings.as_string(x)), "cannot be compiled by XLA"),
        (lambda x: tf.py_function(lambda y: y, [x], tf.float32), "cannot be compiled by XLA|cannot be called"),
    ],
    ids=["batch", "random", "loop", "branch", "qr", "strings", "python"],
)
def test_what_has_no_counterpart_is_named(function: Any, match: str) -> None:
    with pytest.raises(PortError, match=match):
        read(tf.function(function, autograph=False), tf.TensorSpec((None, 3), name="x"))


def test_a_function_says_what_it_takes() -> None:
    with pytest.raises(PortError, match=r"give a tf\.TensorSpec or an example of each input"):
        read(tf.function(lambda x: x))
    with pytest.raises(PortError, match="is one number"):
        read(tf.function(lambda x: x), tf.TensorSpec(()))


def test_the_importer_of_stablehlo_reads_programs_alone(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no program"):
        importer("stablehlo").from_file(tmp_path, porting.Reading())
    assert not importer("stablehlo").reads(tmp_path)
    assert Function("tensorflow", len).variables is None


# Files from strangers


class Evil(tf.Module):  # type: ignore[misc]
    def __init__(self, body: Any) -> None:
        super().__init__()
        self.body = body

    @tf.function(input_signature=[tf.TensorSpec((None, 3), name="x")], autograph=False)  # type: ignore[untyped-decorator]
    def __call__(self, x: Any) -> Any:
        return {"y": self.body(x)}


@pytest.mark.parametrize(
    ("body", "match"),
    [
        (lambda x: x + tf.strings.to_number(tf.io.read_file("/etc/hostname")), "ReadFile .*touches files"),
        (lambda x: tf.py_function(lambda y: y, [x], tf.float32), "EagerPyFunc .*calls Python"),
        (lambda x: tf.numpy_function(lambda y: y, [x], tf.float32), "PyFunc .*calls Python"),
        (lambda x: x * tf.random.uniform(()), "RandomUniform .*draws random numbers"),
    ],
    ids=["read", "python", "numpy", "random"],
)
def test_operations_beyond_computing_are_refused_before_loading(
    body: Any, match: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = saved(Evil(body), tmp_path / "model")
    monkeypatch.setattr(tf.saved_model, "load", lambda *_: pytest.fail("it was loaded"))
    with pytest.raises(PortError, match=match):
        porting.load(source)


def test_writing_in_a_function_within_is_refused(tmp_path: Path) -> None:
    written = tmp_path / "written"

    @tf.function  # type: ignore[untyped-decorator]
    def inner(x: Any) -> Any:
        with tf.control_dependencies([tf.io.write_file(str(written), "gotcha")]):
            return tf.identity(x)

    source = saved(Evil(lambda x: inner(x) + 1.0), tmp_path / "model")
    with pytest.raises(PortError, match=r"WriteFile .*touches files"):
        porting.load(source)
    assert not written.exists()


def test_tables_are_refused(tmp_path: Path) -> None:
    made = Two()
    values = tf.lookup.KeyValueTensorInitializer([1, 2], [3, 4])
    made.table = tf.lookup.StaticHashTable(values, 0)
    with pytest.raises(FileError, match="holds a resource"):
        porting.load(saved(made, tmp_path / "model", double=made.double))


def test_damaged_and_old_files(tmp_path: Path) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    source = tmp_path / "model"
    source.mkdir()
    (source / "saved_model.pb").write_bytes(b"\xff" * 100)
    with pytest.raises(FileError, match="damaged"):
        porting.load(source)
    (source / "saved_model.pb").write_bytes(SavedModel().SerializeToString())
    with pytest.raises(FileError, match="holds 0 graphs"):
        porting.load(source)
    old = SavedModel()
    old.meta_graphs.add()
    (source / "saved_model.pb").write_bytes(old.SerializeToString())
    with pytest.raises(FileError, match="written by TensorFlow 1"):
        porting.load(source)


def test_missing_variables(two: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "model"
    shutil.copytree(two, copy)
    shutil.rmtree(copy / "variables")
    with pytest.raises(FileError, match="cannot be loaded"):
        porting.load(copy, method="double")
