"""Functions that are no graph of the vocabulary: kept as StableHLO, run on both backends, exported and refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnspec import porting
from nnspec.errors import PortError, UnsupportedError
from nnspec.layers.stablehlo import StableHLO
from nnspec.porting.directory import DirectoryExporter
from nnspec.porting.port import Port
from nnspec.porting.registry import exporter
from nnspec.reference.model import run

jax = pytest.importorskip("jax", reason="the jax backend is not installed")
jnp = jax.numpy

pytestmark = pytest.mark.jax
RNG = np.random.default_rng(5)
needs_tensorflow = pytest.mark.tensorflow


def array(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


def roots(x: Any) -> Any:
    """√|x| of each example, by as many steps as it needs."""

    def of(x: Any) -> Any:
        a = jnp.abs(x) + 0.1
        return jax.lax.while_loop(lambda y: jnp.abs(y * y - a).max() > 1e-5, lambda y: 0.5 * (y + a / y), a)

    return jax.vmap(of)(x)


def outputs(port: Port, x: Any) -> list[Any]:
    """By the reference."""
    (name,) = port.model.inputs
    found = run(port.model, port.variables, {name: x}).outputs
    return [np.asarray(found[path]) for path in port.model.outputs]


# JAX


@needs_tensorflow
def test_a_loop_that_ends_by_values_runs_on_both_backends() -> None:
    x = array(5, 3)
    port = porting.from_jax(roots, x)  # compared in TensorFlow, in float64 and float32
    (node,) = port.model.nodes
    assert isinstance(node.layer, StableHLO)
    assert node.name == "roots"
    assert port.variables == {}
    (note,) = port.notes
    assert "whose number of steps depends on its inputs" in note
    assert "all of roots is kept as a StableHLO node" in note
    np.testing.assert_allclose(outputs(port, x)[0] ** 2, np.abs(x) + 0.1, atol=1.01e-5)


@pytest.mark.parametrize("backend", ["jax", pytest.param("tensorflow", marks=needs_tensorflow)])
def test_several_outputs_share_the_variables(backend: str) -> None:
    w, x = {"kernel": array(3, 6), "shift": np.arange(6, dtype=np.int32)}, array(4, 3)

    def spectrum(v: Any, x: Any) -> Any:
        y = jnp.fft.fft(x @ v["kernel"])
        return {"size": jnp.abs(y), "largest": jnp.argmax(jnp.abs(y), -1) + v["shift"][2], "real": y.real > 0}

    port = porting.from_jax(spectrum, x, variables=w, backend=backend)
    assert {name: value.shape for name, value in port.variables.items()} == {"output_0/kernel": (3, 6)}
    assert np.array_equal(port.variables["output_0/kernel"], w["kernel"])
    assert [node.shares for node in port.model.nodes] == [None, "output_0", "output_0"]
    largest, real, size = outputs(port, x)
    truth = np.fft.fft(x.astype(np.float64) @ w["kernel"])
    np.testing.assert_allclose(size, np.abs(truth), rtol=1e-5)
    assert np.array_equal(largest, np.abs(truth).argmax(-1) + 2)
    assert np.array_equal(real, truth.real > 0)


@needs_tensorflow
def test_a_platform_without_calls_into_libraries_is_found() -> None:
    """The CPU's factors of Cholesky come from LAPACK, which is in no other program."""
    x = array(2, 3, 3)
    port = porting.from_jax(lambda x: jnp.linalg.cholesky(x @ x.mT + 3 * jnp.eye(3)), x)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(
        outputs(port, x)[0], np.linalg.cholesky(wide @ wide.swapaxes(1, 2) + 3 * np.eye(3)), atol=1e-6
    )


@needs_tensorflow
def test_what_jax_composes_is_opened() -> None:
    """JAX exports erf and top_k as composites of what they are made of."""

    def call(x: Any) -> Any:
        largest, places = jax.lax.top_k(jax.scipy.special.erf(jnp.abs(jnp.fft.fft(x)) / 9), 2)
        return {"largest": largest, "places": places}

    x = array(4, 6)
    port = porting.from_jax(call, x)
    special = pytest.importorskip("scipy.special")
    truth = special.erf(np.abs(np.fft.fft(x.astype(np.float64))) / 9)
    largest, places = outputs(port, x)
    np.testing.assert_allclose(largest, -np.sort(-truth, -1)[:, :2], rtol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(truth, places, -1), largest, rtol=1e-5)


@pytest.mark.parametrize(
    ("function", "given", "why", "nor"),
    [
        (
            lambda x: jax.lax.while_loop(lambda y: y.max() > 1, lambda y: y / 2, x),
            (array(4, 3),),
            "reduces the batch axis",
            "in its output 'output' examples of a batch depend on one another",
        ),
        (lambda x: jnp.fft.fft(x).real.sum(), (array(4, 3),), "complex128", "has no axis for the batch"),
        (lambda x: jnp.linalg.eigvalsh(x @ x.mT), (array(4, 3, 3),), "eigh", "no custom_call of"),
        (lambda x: jnp.fft.fft(x), (array(4, 3),), "complex128", "complex numbers do not leave a program"),
    ],
    ids=["examples", "scalar", "library", "complex"],
)
def test_what_can_be_no_such_node_either(function: Any, given: Any, why: str, nor: str) -> None:
    with pytest.raises(PortError, match=why) as raised:
        porting.from_jax(function, *given, check=False)
    assert "nor can it be a StableHLO node: " in str(raised.value)
    assert nor in str(raised.value)


def test_what_is_no_program_has_its_first_error_alone() -> None:
    with pytest.raises(PortError, match="cannot be called in inference mode") as raised:
        porting.from_jax(lambda x: x @ jnp.ones((9, 2)), array(4, 3), check=False)
    assert "StableHLO" not in str(raised.value)


# TensorFlow


@needs_tensorflow
def test_functions_of_tensorflow() -> None:
    from nnspec_tensorflow.startup import tf

    kernel = tf.Variable(array(3, 8), name="kernel")
    table = tf.constant(RNG.integers(0, 9, 50))
    x = array(4, 3)

    def call(x: Any) -> Any:
        bits = tf.bitwise.right_shift(tf.bitcast(x, tf.int32), 20)
        return {
            "bits": bits + tf.cast(tf.gather(table, 3), tf.int32),
            "size": tf.abs(tf.signal.fft(tf.cast(x @ kernel, tf.complex64))),
        }

    port = porting.from_tensorflow(call, x, backend="jax")
    assert [type(node.layer) for node in port.model.nodes] == [StableHLO, StableHLO]
    ((name, value),) = port.variables.items()
    assert name == "bits/kernel"
    assert np.array_equal(value, kernel.numpy())
    bits, size = outputs(port, x)
    assert np.array_equal(bits, (x.view(np.int32) >> 20) + int(table[3]))
    np.testing.assert_allclose(size, np.abs(np.fft.fft(x.astype(np.float64) @ kernel.numpy())), rtol=1e-5)


@needs_tensorflow
def test_a_loop_to_a_precision_is_compared_in_that() -> None:
    """A loop of a whole batch ends when its last example is good enough; in float32 the others do not change more."""
    from nnspec_tensorflow.startup import tf

    x = np.abs(array(4, 3)) + 1

    def call(x: Any) -> Any:
        return tf.math.betainc(x, x + 1, x / (1 + x))

    port = porting.from_tensorflow(call, x, backend="jax")
    assert isinstance(port.model.nodes[0].layer, StableHLO)
    special = pytest.importorskip("scipy.special")
    np.testing.assert_allclose(outputs(port, x)[0], special.betainc(x, x + 1, x / (1 + x)), rtol=2e-5)


# What is made of it


@pytest.fixture(scope="module")
def port() -> Port:
    kernel = array(3, 6)
    return porting.from_jax(
        lambda v, x: jnp.abs(jnp.fft.rfft(x @ v["kernel"])), array(4, 3), variables={"kernel": kernel}, check=False
    )


def test_it_is_written_and_read_as_a_spec(port: Port, tmp_path: Path) -> None:
    DirectoryExporter().write(port, tmp_path / "written")
    again = porting.load(tmp_path / "written", check=False)
    assert again.model == port.model
    assert porting.same_bits(port.variables, again.variables) == []


@pytest.mark.parametrize("to", ["stablehlo", pytest.param("savedmodel", marks=needs_tensorflow)])
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_it_is_exported_and_verified(port: Port, to: str, tmp_path: Path) -> None:
    made = exporter(to)
    made.write(port, tmp_path / "written")
    subject = made.open(tmp_path / "written", port)
    found = porting.verify(port.model, port.variables, subject, backend="jax")
    assert found.passed, found.message()
    assert {figure.name for figure in found.figures()} == set(port.model.outputs)
    assert porting.same_bits(port.variables, made.variables(tmp_path / "written", port)) == []


@pytest.mark.parametrize(
    ("to", "match"),
    [
        pytest.param("keras", "no counterpart in stock Keras", marks=needs_tensorflow),
        pytest.param("keras-source", "no counterpart in stock Keras", marks=needs_tensorflow),
        ("flax", "StableHLO has no Flax source"),
        ("onnx", "StableHLO has no counterpart in ONNX"),
    ],
)
def test_other_formats_refuse_it(port: Port, to: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(PortError, match=match):
        exporter(to).write(port, tmp_path / "written")
    assert list(tmp_path.iterdir()) == []


def test_the_refusal_says_why_it_is_a_program(port: Port, tmp_path: Path) -> None:
    with pytest.raises(PortError, match=r"StableHLO has no Flax source.*fft .* has no counterpart"):
        porting.to_flax_source(port, tmp_path / "written")


@pytest.mark.parametrize("name", ["jax", pytest.param("tensorflow", marks=needs_tensorflow)])
def test_it_has_no_derivative(port: Port, name: str) -> None:
    from nnspec import backends

    x, net = array(4, 3), backends.backend(name).build(port.model, port.variables)
    (output,) = port.model.outputs
    with pytest.raises(UnsupportedError, match="a StableHLO program has no derivative"):
        net.gradients({next(iter(port.model.inputs)): x}, {output: array(4, 4)})


def test_gradients_are_noted_as_not_compared(port: Port) -> None:
    assert port.subject is not None
    found = porting.verify(port.model, port.variables, port.subject, backend="jax")
    assert found.passed, found.message()
    assert any("gradients were not compared" in note for note in found.notes)
    assert found.missing == ()
