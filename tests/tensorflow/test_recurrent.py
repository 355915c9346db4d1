"""Recurrent layers and embeddings against Keras's own, and through its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from tests.tensorflow.models import check_second_derivatives, randomized

startup = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed")
tf, keras = startup.tf, startup.keras

RNG = np.random.default_rng(8)
X = RNG.normal(size=(4, 5, 3))


def of_keras(gates: Any) -> Any:
    """A GRU's gates in Keras's order, z, r, n, from r, z, n."""
    r, z, n = np.split(gates, 3, axis=-1)
    return np.concatenate([z, r, n], axis=-1)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU", "GRU before"])
def test_against_keras(kind: str, reverse: bool) -> None:
    """Outputs of all steps, in the order of Keras's ``go_backwards``."""
    name = kind.removesuffix(" before")
    option = {"reset_after": kind == "GRU"} if name == "GRU" else {}
    layer = getattr(nn, name)(4, return_sequences=True, reverse=reverse, **option)
    net = randomized(nn.Sequential([layer], input=[5, 3]), "float64")
    (node,) = net.model.outputs
    given = {n.removeprefix(f"{node}/"): v for n, v in net.variables().items() if n.startswith(node)}
    weights = [given["kernel"], given["recurrent_kernel"], given["bias"]]
    if name == "GRU":
        weights = [of_keras(w) for w in weights]
    if kind == "GRU":
        weights[2] = np.stack([weights[2], of_keras(given["recurrent_bias"])])
    made = getattr(keras.layers, name)(4, return_sequences=True, go_backwards=reverse, dtype="float64", **option)
    made.build((None, 5, 3))
    made.set_weights(weights)
    expected = made(tf.constant(X)).numpy()
    np.testing.assert_allclose(net.forward({"input": X})[node], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "layer",
    [
        nn.SimpleRNN(4),
        nn.LSTM(4, reverse=True),
        nn.LSTM(4, activation="softplus"),
        nn.GRU(4),
        nn.GRU(4, reset_after=False),
    ],
)
def test_second_derivatives(layer: nn.Layer, compiled: bool) -> None:
    """The loop over time has a gradient of its own, which is to be differentiable like any other."""
    check_second_derivatives(randomized(nn.Sequential([layer], input=[5, 3]), "float64"), X, compiled=compiled)


# TensorFlow's variables have an ``__array__`` without the ``copy`` of NumPy 2, which Keras calls when it saves.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_saved_by_keras(tmp_path: Path) -> None:
    """The native model is loaded by Keras, for sequences of any length."""
    layers = [nn.Embedding(7, 3), nn.LSTM(4, return_sequences=True), nn.GRU(3, return_sequences=True), nn.SimpleRNN(2)]
    net = randomized(nn.Sequential(layers, input={"shape": [None], "dtype": "int32"}), "float32")
    net.native.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for length in (5, 8):
        ids = RNG.integers(0, 7, (4, length), dtype=np.int32)
        expected = net.forward({"input": ids})[net.model.outputs[0]]
        np.testing.assert_allclose(loaded(ids).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_the_gradient_of_a_table_is_dense() -> None:
    """``tf.gather``'s own would be a ``tf.IndexedSlices``, for which optimizers have other formulas."""
    layer = nn.backend("tensorflow").build(nn.Sequential([nn.Embedding(3, 2)], input={"shape": [4], "dtype": "int32"}))
    table = layer.native.layers[-1].embeddings
    with tf.GradientTape() as tape:
        y = layer.native(np.array([[0, 2, 2, 5]], np.int32))
    gradient = tape.gradient(y, table.value)
    assert isinstance(gradient, tf.Tensor)
    np.testing.assert_array_equal(gradient.numpy(), [[1, 1], [0, 0], [2, 2]])
