"""StableHLO programs in nets that are trained, saved, called on any batch, and asked what they do not have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.backends import Backend
from nnspec.errors import ShapeError, SpecError, UnsupportedError
from nnspec.reference.model import run
from nnspec_conformance.stablehlo import program

RNG = np.random.default_rng(3)
X, CLASSES = RNG.normal(size=(8, 6)), (np.arange(8) % 3).astype(np.int32)
SPECTRUM = nn.StableHLO(program("spectrum"), 1, ("window",))


def random(model: nn.Model) -> dict[str, Any]:
    return {name: RNG.normal(size=param.shape) for name, param in model.params().items()}


def test_what_stands_behind_a_program_is_trained(backend: Backend) -> None:
    model = nn.Sequential([SPECTRUM, nn.Dense(3)], [6])
    variables = random(model)
    net = backend.build(model, variables, dtype="float64")
    engine = backend.engine(net, loss=nn.SoftmaxCrossEntropy(), optimizer=nn.SGD(0.5))
    engine.load("train", {"input": X, "targets": CLASSES})
    engine.train(np.arange(8, dtype=np.int32)[None], 0, 1)
    after = net.variables()
    np.testing.assert_array_equal(after["stable_hlo/window"], variables["stable_hlo/window"])
    features = np.abs(np.fft.rfft(X * variables["stable_hlo/window"]))
    logits = features @ variables["dense/kernel"] + variables["dense/bias"]
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    gradient = features.T @ (shares - np.eye(3)[CLASSES]) / 8
    np.testing.assert_allclose(after["dense/kernel"], variables["dense/kernel"] - 0.5 * gradient, rtol=1e-11)


def test_what_stands_before_it_cannot_be(backend: Backend) -> None:
    net = backend.build(nn.Sequential([nn.Dense(6), SPECTRUM], [6]))
    engine = backend.engine(net, loss=nn.MeanSquaredError(), optimizer=nn.SGD(0.5))
    engine.load("train", {"input": X, "targets": np.ones((8, 4))})
    with pytest.raises(UnsupportedError, match=r"no derivative: .* only where nothing before it is trained"):
        engine.train(np.arange(8, dtype=np.int32)[None], 0, 1)


def test_it_has_no_gradients(backend: Backend) -> None:
    net = backend.build(nn.Sequential([SPECTRUM], [6]))
    with pytest.raises(UnsupportedError, match="no derivative"):
        net.gradients({"input": X}, {"stable_hlo": np.ones((8, 4))})


@pytest.mark.parametrize("batch", [0, 1, 7])
def test_batches_of_any_size(backend: Backend, batch: int) -> None:
    model = nn.Sequential([nn.StableHLO(program("image"), 1, ("kernel",))], [5, 4, 2])
    variables, x = random(model), RNG.normal(size=(batch, 5, 4, 2))
    found = backend.build(model, variables, dtype="float64").forward({"input": x})["stable_hlo"]
    expected = run(model, variables, {"input": x}, dtype=np.float64).outputs["stable_hlo"]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_names_of_variables_may_be_those_of_methods(backend: Backend) -> None:
    """Flax's modules have a method ``train``, Keras's layers one that is called ``call``."""
    model = nn.Sequential([nn.StableHLO(program("products"), 1, ("train", "call", "variables"))], [4, 3])
    variables = {
        "stable_hlo/train": RNG.normal(size=(1, 3, 2)),
        "stable_hlo/call": RNG.normal(size=(2, 5)),
        "stable_hlo/variables": RNG.normal(size=5),
    }
    x = RNG.normal(size=(2, 4, 3))
    net = backend.build(model, variables, dtype="float64")
    expected = x @ variables["stable_hlo/train"][0] @ variables["stable_hlo/call"] + variables["stable_hlo/variables"]
    np.testing.assert_allclose(net.forward({"input": x})["stable_hlo"], expected, rtol=1e-11)
    assert set(variables) <= set(net.variables())


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_keras_saves_it(tmp_path: Path) -> None:
    from nnspec import backends

    keras = pytest.importorskip("nnspec_tensorflow.startup").keras
    model = nn.Sequential([SPECTRUM, nn.Dense(3)], [6])
    net = backends.backend("tensorflow").build(model, random(model))
    net.native.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(np.asarray(again(X)), net.forward({"input": X})["dense"], rtol=1e-5)


# The layer by itself


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: nn.StableHLO("x = 1"), r"program: line 1 of the program: expected an operation in generic form"),
        (lambda: nn.StableHLO(program("spectrum")), "main takes 2 arguments, of which 1 are inputs: expected 1 names"),
        (lambda: nn.StableHLO(program("spectrum"), 1, ("window",), 1), "output: main has 1 results, got 1"),
        (lambda: nn.StableHLO(program("spectrum"), 2), "input 1 of main is tensor<6xf32>: expected one example"),
        (lambda: nn.StableHLO(program("lookup"), 2, ()), "input 1 of main is tensor<6x3xf32>"),
        (lambda: nn.StableHLO(program("scatter"), 1, ("ids",)), "the variable ids is tensor<1x5xi32>: variables are"),
        (lambda: nn.StableHLO(program("spectrum"), 1, ("Window",)), r"variables\[0\]"),
        (
            lambda: nn.StableHLO(program("bits").replace("stablehlo.convert", "stablehlo.rng")),
            "a program has no rng: it draws random numbers that no seed decides",
        ),
    ],
)
def test_what_is_no_such_layer(make: Any, match: str) -> None:
    with pytest.raises(SpecError, match=match):
        make()


def test_inputs_have_the_programs_shapes_and_dtypes() -> None:
    with pytest.raises(ShapeError, match=r"input 0 of the program is \(batch, 6\), got \(batch, 7\)"):
        nn.Sequential([SPECTRUM], [7]).infer()
    with pytest.raises(ShapeError, match="input 0 of the program is int32, got float"):
        nn.Sequential([nn.StableHLO(program("lookup"), 1, ("table",))], [4]).infer()


def test_operations_are_counted() -> None:
    assert nn.StableHLO(program("products"), 2, ("kernel", "bias")).flops((2, 4, 3), (2, 3, 2)) == 2 * (
        4 * 2 * 5 + 4 * 5 * 3 + 4 * 5 + 4 * 3
    )
