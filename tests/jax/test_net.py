"""The net: precision whatever the process is set to, variables in and out, refusals, gradients."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.backends import FloatType
from nnspec.errors import BackendError, ShapeError, SpecError
from nnspec.model import Model
from nnspec.reference.derivative import directional
from nnspec.reference.model import run
from tests.jax.models import branches, classifier, randomized

jax = pytest.importorskip("jax", reason="the jax backend is not installed")

X = np.random.default_rng(6).normal(size=(8, 6))


def test_gradients_are_the_differences_of_the_reference() -> None:
    rng = np.random.default_rng(1)
    net = randomized(branches(), "float64")
    inputs = {"x": rng.normal(size=(5, 4)), "ids": rng.integers(0, 9, (5, 2))}
    variables = net.variables()
    floats = [name for name in net.model.outputs if name != "flatten"]
    cotangents = {name: rng.normal(size=net.forward(inputs)[name].shape) for name in floats}
    for training in (False, True):
        found = net.gradients(inputs, cotangents, training=training)
        assert list(found.inputs) == ["x"]
        assert set(found.parameters) == {n for n in variables if n.endswith(("kernel", "bias", "scale"))}
        point = {"x": inputs["x"], **{name: variables[name] for name in found.parameters}}
        direction = {name: rng.normal(size=value.shape) for name, value in point.items()}

        def value(moved: Any, training: bool = training) -> float:
            given = {**inputs, "x": moved["x"]}
            result = run(net.model, {**variables, **moved}, given, training=training, seed=5, dtype=np.float64)
            return sum(np.vdot(result.outputs[name], cotangents[name]) for name in floats)

        expected = directional(value, point, direction, 1e-3)
        gradients = {**found.inputs, **found.parameters}
        assert sum(np.vdot(gradients[n], direction[n]) for n in point) == pytest.approx(float(expected), rel=1e-9)
        uncompiled = net.gradients(inputs, cotangents, training=training, compiled=False)
        for name, gradient in found.parameters.items():
            np.testing.assert_allclose(uncompiled.parameters[name], gradient, rtol=1e-10, atol=1e-12)
    assert {name: x.tobytes() for name, x in net.variables().items()} == {n: x.tobytes() for n, x in variables.items()}


def test_a_float64_net_is_float64_in_every_thread() -> None:
    net = randomized(classifier(), "float64")
    expected = run(net.model, net.variables(), {"input": X}, dtype=np.float64).outputs["dense_1"]
    found: list[Any] = []
    outside = jax.config.jax_enable_x64

    def work() -> None:
        found.append(net.forward({"input": X})["dense_1"])
        found.append(net.gradients({"input": X}, {"dense_1": np.ones((8, 3))}).inputs["input"])
        found.append(net.variables()["dense/kernel"])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [x.dtype for x in found] == [np.float64] * 3
    assert abs(found[0] - expected).max() <= 1e-13 * abs(expected).max()
    assert jax.config.jax_enable_x64 == outside  # nothing is left behind


@pytest.mark.parametrize(
    ("dtype", "x64"), [("float64", False), ("float32", True), ("bfloat16", True), ("float16", False)]
)
def test_dtypes_are_the_nets(dtype: FloatType, x64: bool) -> None:
    with jax.enable_x64(x64):
        net = randomized(classifier(), dtype)
        output = net.forward({"input": X}, training=True)["dense_1"]
        variables = net.variables()
    assert output.dtype.name == dtype
    assert {x.dtype.name for name, x in variables.items() if not name.startswith("random/")} == {dtype}
    assert {variables[f"random/{name}"].dtype for name in ("seed", "step")} == {np.dtype(np.uint32)}


TRAINING = """
import numpy as np
import nnspec as nn
model = nn.Sequential([nn.Dense(9, "gelu"), nn.BatchNorm(), nn.Dropout(0.4), nn.Dense(3, "elu")], input=[6])
backend = nn.backend("jax")
net = backend.build(model, seed=3)
metrics = [nn.Accuracy()]
engine = backend.engine(net, loss=nn.SoftmaxCrossEntropy(), optimizer=nn.AdamW(nn.CosineDecay(0.1, 9)), metrics=metrics)
rng = np.random.default_rng(0)
engine.load("train", {"input": rng.normal(size=(20, 6)), "targets": rng.integers(0, 3, 20)})
engine.train(np.arange(20, dtype=np.int32).reshape(4, 5), 0, 4)
native = net.native
native.train()
assert native(np.ones((2, 6), np.float32)).dtype == np.float32
engine.evaluate("train", 7)
for name, x in engine.variables().items():
    print(name, x.dtype, x.tobytes().hex())
print(backend.words(1, 2, 3, 9).tobytes().hex(), engine.totals())
"""


@pytest.mark.slow
def test_float32_is_the_same_with_x64_on() -> None:
    found = []
    for x64 in ("0", "1"):
        environment = {**os.environ, "JAX_ENABLE_X64": x64}
        command = [sys.executable, "-W", "error", "-c", TRAINING]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "dense/kernel float32" in done.stdout
        found.append(done.stdout)
    assert found[0] == found[1]


def test_matrix_products_do_not_fall_back_to_fewer_bits() -> None:
    net = randomized(classifier(), "float32")
    given = {"input": X.astype(np.float32)}
    lowered = jax.jit(lambda *args: net._gradients(*args, training=True)).lower(
        net.arrays(), given, {"dense_1": given["input"][:, :3]}
    )
    products = [line for line in lowered.as_text().splitlines() if "stablehlo.dot_general" in line]
    assert len(products) == 5  # one forward (no gradient needs the last), and for both layers one by either operand
    assert all("precision = [HIGHEST, HIGHEST]" in line for line in products)


def test_variables_go_out_and_in() -> None:
    net = randomized(classifier(), "float32", seed=2**40 + 7)
    variables = net.variables()
    assert list(variables)[-2:] == ["random/seed", "random/step"]
    assert variables["random/seed"].tolist() == [7, 2**8]
    copies = {name: x.copy() for name, x in variables.items()}
    for x in variables.values():
        x[...] = 0  # their own memory
    other = nn.backend("jax").build(classifier(), copies)
    for name, x in copies.items():
        x += 1  # what was given is not looked at again
        np.testing.assert_array_equal(other.variables()[name], net.variables()[name])


def test_assign_changes_all_or_nothing() -> None:
    net = randomized(classifier(), "float32")
    before = net.variables()
    fine = {"dense/bias": np.zeros(9)}
    for wrong, message in [
        ({"dense/kernl": np.zeros((6, 9))}, "there is no variable 'dense/kernl'; did you mean 'dense/kernel'"),
        ({"dense/kernel": np.zeros((9, 6))}, r"the variable 'dense/kernel' has shape \[6, 9\], got \[9, 6\]"),
        ({"optimizer/step": np.zeros(())}, "there is no variable 'optimizer/step'"),
    ]:
        with pytest.raises(SpecError, match=message):
            net.assign({**fine, **wrong})
    for name, x in net.variables().items():
        np.testing.assert_array_equal(x, before[name])


def test_builds_that_cannot_be() -> None:
    jax_backend = nn.backend("jax")
    variables = jax_backend.build(classifier()).variables()
    with pytest.raises(SpecError, match="the variable 'dense/kernel' is missing"):
        jax_backend.build(classifier(), {n: x for n, x in variables.items() if n != "dense/kernel"})
    with pytest.raises(SpecError, match="there is no variable 'dense/kernel_0'"):
        jax_backend.build(classifier(), {**variables, "dense/kernel_0": np.zeros(1)})
    with pytest.raises(ShapeError, match="the input's shape is not known"):
        jax_backend.build(nn.Sequential([nn.Dense(2)]))
    with pytest.raises(BackendError, match=r"no device 'cpu:77'.*\(devices: .*cpu:0"):
        jax_backend.build(classifier(), device="cpu:77")


INPUTS: list[Any] = [
    ({"inputs": X}, SpecError, "the model has no input 'inputs'; did you mean 'input'"),
    ({}, SpecError, "the input 'input' is missing"),
    ({"input": X[:, :5]}, ShapeError, r"input: expected the shape \(batch, 6\), got \(8, 5\)"),
    ({"input": X[0]}, ShapeError, "input: expected the shape"),
    ({"input": X.astype(np.int64)}, ShapeError, "input: expected floats, got int64"),
    ({"input": X.astype(str)}, ShapeError, "input: expected floats, got <U"),
]


@pytest.mark.parametrize(("inputs", "error", "message"), INPUTS)
def test_inputs_that_do_not_fit(inputs: Any, error: type[Exception], message: str) -> None:
    net = nn.backend("jax").build(classifier())
    with pytest.raises(error, match=message):
        net.forward(inputs)


def test_inputs_of_other_kinds() -> None:
    model: Model = branches()
    net = nn.backend("jax").build(model)
    x, ids = np.ones((2, 4)), np.array([[1, 2], [3, 2**31 - 1]])
    np.testing.assert_array_equal(net.forward({"x": x, "ids": ids})["flatten"], ids)
    for wrong, message in [
        ({"x": x, "ids": ids + 1}, "ids: expected integers of 32 bits, got 2 to 2147483648"),
        ({"x": x, "ids": ids * 0.5}, "ids: expected integers, got float64"),
        ({"x": x, "ids": ids[:1]}, "ids: a batch of 1, but the input 'x' has one of 2"),
    ]:
        with pytest.raises(ShapeError, match=message):
            net.forward(wrong)


def test_cotangents_that_do_not_fit() -> None:
    net = nn.backend("jax").build(classifier())
    with pytest.raises(SpecError, match=r"the model has no output 'dense'; did you mean 'dense_1'\?"):
        net.gradients({"input": X}, {"dense": np.ones((8, 9))})
    with pytest.raises(SpecError, match="the cotangent of the output 'dense_1' is missing"):
        net.gradients({"input": X}, {})
    with pytest.raises(ShapeError, match=r"dense_1: the output has shape \[8, 3\], its cotangent \[8, 9\]"):
        net.gradients({"input": X}, {"dense_1": np.ones((8, 9))})


def test_empty_and_single_batches() -> None:
    layers = [nn.Reshape((2, -1)), nn.LayerNorm(), nn.Flatten(), nn.Dense(3)]
    net = randomized(nn.Sequential(layers, input=[6]), "float32")
    assert net.forward({"input": X[:0]})["dense"].shape == (0, 3)
    one, all_ = net.forward({"input": X[:1]})["dense"], net.forward({"input": X})["dense"]
    np.testing.assert_allclose(one, all_[:1], rtol=1e-5)
