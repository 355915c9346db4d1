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


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_masks_and_states_against_keras(kind: str, reverse: bool) -> None:
    """Masks of any pattern whose first step is there: before it, Keras gives 0 in place of the state."""
    mask = RNG.random((4, 5)) < 0.5
    mask[:, [0, -1]] = True
    assert not mask.all()
    for zeros in (False, True):
        options = {"mask": True, "initial_state": True, "zero_output_for_mask": zeros}
        layer = getattr(nn, kind)(4, return_sequences=True, reverse=reverse, **options)
        x, start, seen = nn.symbol([5, 3], "x"), nn.symbol([4 * layer.states], "start"), nn.symbol([5], "seen", "bool")
        net = randomized(nn.Model(inputs=[x, start, seen], outputs=layer(x, start, seen)), "float64")
        (node,) = net.model.outputs
        weights = [net.variables()[f"{node}/{name}"] for name in ("kernel", "recurrent_kernel", "bias")]
        if kind == "GRU":
            weights = [of_keras(w) for w in weights]
            weights[2] = np.stack([weights[2], of_keras(net.variables()[f"{node}/recurrent_bias"])])
        options = {"go_backwards": reverse, "zero_output_for_mask": zeros, "return_state": True}
        made = getattr(keras.layers, kind)(4, return_sequences=True, dtype="float64", **options)
        made.build((None, 5, 3))
        made.set_weights(weights)
        states = RNG.normal(size=(4, 4 * layer.states))
        split = [tf.constant(part) for part in np.split(states, layer.states, axis=-1)]
        expected, *last = made(tf.constant(X), initial_state=split, mask=tf.constant(mask))
        found = net.forward({"x": X, "start": states, "seen": mask})[node]
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-12, atol=1e-14)
        if not zeros:
            np.testing.assert_allclose(found[:, -1], last[0].numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave"])
def test_bidirectional_with_masks_against_keras(mode: Any) -> None:
    """Keras has zeros at masked steps of sequences here."""
    mask = np.arange(5) < np.array([3, 5, 1, 4])[:, None]
    inner = nn.LSTM(2, mask=True, zero_output_for_mask=True, return_sequences=True)
    x, seen = nn.symbol([5, 3], "x"), nn.symbol([5], "seen", "bool")
    net = randomized(nn.Model(inputs=[x, seen], outputs=nn.Bidirectional(inner, mode)(x, seen)), "float64")
    (node,) = net.model.outputs
    names = [f"{node}/{way}/{n}" for way in ("forward", "backward") for n in ("kernel", "recurrent_kernel", "bias")]
    lstm = keras.layers.LSTM(2, return_sequences=True, dtype="float64")
    made = keras.layers.Bidirectional(lstm, merge_mode=mode, dtype="float64")
    made.build((None, 5, 3))
    made.set_weights([net.variables()[name] for name in names])
    expected = made(tf.constant(X), mask=tf.constant(mask)).numpy()
    np.testing.assert_allclose(net.forward({"x": X, "seen": mask})[node], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("window", "strides", "padding", "shape"),
    [((3,), (2,), "valid", (7, 2)), ((2, 3), (1, 2), "same", (4, 5, 2)), ((2, 1, 2), (1, 1, 1), "same", (3, 2, 3, 1))],
)
def test_conv_lstm_against_keras(window: Any, strides: Any, padding: Any, shape: Any) -> None:
    layer = nn.ConvLSTM(3, window, strides, padding, return_sequences=True)
    net = randomized(nn.Sequential([layer], input=[4, *shape]), "float64")
    name = f"ConvLSTM{len(window)}D"
    made = getattr(keras.layers, name)(
        3, window, strides=strides, padding=padding, return_sequences=True, dtype="float64"
    )
    made.build((None, 4, *shape))
    made.set_weights([net.variables()[f"conv_lstm/{n}"] for n in ("kernel", "recurrent_kernel", "bias")])
    x = RNG.normal(size=(2, 4, *shape))
    expected = made(tf.constant(x)).numpy()
    np.testing.assert_allclose(net.forward({"input": x})["conv_lstm"], expected, rtol=1e-12, atol=1e-14)


def test_time_distributed_against_keras() -> None:
    net = randomized(nn.Sequential([nn.TimeDistributed(nn.Conv(2, (2, 2)))], input=[None, 4, 3, 2]), "float64")
    conv = keras.layers.Conv2D(2, 2, padding="same", dtype="float64")
    made = keras.layers.TimeDistributed(conv, dtype="float64")
    made.build((None, 5, 4, 3, 2))
    made.set_weights([net.variables()[f"time_distributed/layer/{n}"] for n in ("kernel", "bias")])
    x = RNG.normal(size=(3, 5, 4, 3, 2))
    found = net.forward({"input": x})["time_distributed"]
    np.testing.assert_allclose(found, made(tf.constant(x)).numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "layer",
    [
        nn.LSTM(4, reverse=True),
        nn.GRU(4),
        *(
            pytest.param(layer, marks=pytest.mark.slow)
            for layer in (
                nn.SimpleRNN(4),
                nn.LSTM(4, activation="softplus"),
                nn.GRU(4, reset_after=False),
                nn.LSTM(4, return_state=True),
                nn.MGU(4),
            )
        ),
    ],
)
def test_second_derivatives(layer: nn.Layer, compiled: bool) -> None:
    """The loop over time has a gradient of its own, which is to be differentiable like any other."""
    check_second_derivatives(randomized(nn.Sequential([layer], input=[5, 3]), "float64"), X, compiled=compiled)


# TensorFlow's variables have an ``__array__`` without the ``copy`` of NumPy 2, which Keras calls when it saves.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_saved_by_keras(tmp_path: Path) -> None:
    """The native model is loaded by Keras, for sequences of any length."""
    ids = nn.symbol([None], dtype="int32")
    y = nn.LSTM(4, return_sequences=True, mask=True)(nn.Embedding(7, 3)(ids), nn.PaddingMask(3.0)(ids))
    y = nn.GRU(3, return_sequences=True)(nn.TimeDistributed(nn.Dense(3, "tanh"))(y))
    y = nn.SimpleRNN(2)(nn.Bidirectional(nn.MGU(2, return_sequences=True))(y))
    net = randomized(nn.Model(inputs=ids, outputs=y), "float32")
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
