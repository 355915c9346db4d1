"""Recurrent layers and embeddings against Flax's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from tests.jax.models import check_derivatives, randomized

pytest.importorskip("jax", reason="the jax backend is not installed")

import jax.numpy as jnp
from flax import linen, nnx

RNG = np.random.default_rng(9)
X = RNG.normal(size=(4, 5, 3)).astype(np.float32)


@pytest.mark.parametrize("reverse", [False, True])
def test_lstm_against_flax(reverse: bool) -> None:
    """``OptimizedLSTMCell`` has the same gates side by side; ``RNN`` returns reversed steps as they were taken."""
    net = randomized(nn.Sequential([nn.LSTM(4, return_sequences=True, reverse=reverse)], input=[5, 3]), "float32")
    cell = nnx.OptimizedLSTMCell(3, 4, rngs=nnx.Rngs(0))
    cell.dense_i.kernel[...] = jnp.asarray(net.variables()["lstm/kernel"])
    cell.dense_h.kernel[...] = jnp.asarray(net.variables()["lstm/recurrent_kernel"])
    cell.dense_h.bias[...] = jnp.asarray(net.variables()["lstm/bias"])
    expected = nnx.RNN(cell, reverse=reverse, rngs=nnx.Rngs(0))(jnp.asarray(X))
    np.testing.assert_allclose(net.forward({"input": X})["lstm"], expected, rtol=1e-5, atol=1e-6)


def test_gru_against_flax() -> None:
    """``GRUCell`` is a GRU without bias for the recurrent kernel."""
    net = randomized(nn.Sequential([nn.GRU(4, recurrent_bias="none")], input=[5, 3]), "float32")
    cell = nnx.GRUCell(3, 4, rngs=nnx.Rngs(0))
    cell.dense_i.kernel[...] = jnp.asarray(net.variables()["gru/kernel"])
    cell.dense_i.bias[...] = jnp.asarray(net.variables()["gru/bias"])
    cell.dense_h.kernel[...] = jnp.asarray(net.variables()["gru/recurrent_kernel"])
    expected = nnx.RNN(cell, rngs=nnx.Rngs(0))(jnp.asarray(X))[:, -1]
    np.testing.assert_allclose(net.forward({"input": X})["gru"], expected, rtol=1e-5, atol=1e-6)


def linen_outputs(cell: Any, params: Any, x: Any) -> Any:
    """All outputs of a Linen cell with these parameters, from states of zeros."""
    return linen.RNN(cell).apply({"params": {"cell": params}}, jnp.asarray(x))


def parts(array: Any, names: str) -> dict[str, Any]:
    """An array with gates side by side, cut into what Linen keeps apart."""
    return dict(zip(names, np.split(np.asarray(array), len(names), axis=-1), strict=True))


@pytest.mark.parametrize("kind", ["GRU", "MGU", "MGU without reset"])
def test_cells_of_linen(kind: str) -> None:
    """Those whose recurrent bias is that of n alone."""
    reset = kind != "MGU without reset"
    gates, layer = ("rzn", nn.GRU(4, recurrent_bias="candidate", return_sequences=True))
    if kind != "GRU":
        gates, layer = ("fn", nn.MGU(4, reset_gate=reset, return_sequences=True))
    net = randomized(nn.Sequential([layer], input=[5, 3]), "float32")
    given = {name.partition("/")[2]: v for name, v in net.variables().items()}
    bias = given["bias"] if kind == "GRU" else np.concatenate([given["forget_bias"], given["bias"]])
    kernels, biases = parts(given["kernel"], gates), parts(bias, gates)
    params: Any = {f"i{g}": {"kernel": kernels[g], "bias": biases[g]} for g in gates}
    params |= {f"h{g}": {"kernel": k} for g, k in parts(given["recurrent_kernel"], gates).items()}
    if reset:
        params["hn"]["bias"] = given["recurrent_bias"]
    cell = linen.GRUCell(4) if kind == "GRU" else linen.MGUCell(4, reset_gate=reset)
    (found,) = net.forward({"input": X}).values()
    np.testing.assert_allclose(found, linen_outputs(cell, params, X), rtol=1e-5, atol=1e-6)


def test_simple_cell_with_residual() -> None:
    net = randomized(nn.Sequential([nn.SimpleRNN(4, residual=True, return_sequences=True)], input=[5, 3]), "float32")
    kernel, recurrent, bias = (net.variables()[f"simple_rnn/{n}"] for n in ("kernel", "recurrent_kernel", "bias"))
    params = {"i": {"kernel": kernel, "bias": bias}, "h": {"kernel": recurrent}}
    expected = linen_outputs(linen.SimpleCell(4, residual=True), params, X)
    np.testing.assert_allclose(net.forward({"input": X})["simple_rnn"], expected, rtol=1e-5, atol=1e-6)


def test_conv_lstm_against_linen() -> None:
    """Linen's order of gates is i, g, f, o; it has a bias for each kernel, and adds 1 to the forget gate."""
    net = randomized(nn.Sequential([nn.ConvLSTM(2, (2, 3), return_sequences=True)], input=[3, 4, 5, 2]), "float32")
    given = {name.partition("/")[2]: v for name, v in net.variables().items()}

    def ordered(array: Any) -> Any:
        i, f, g, o = np.split(np.asarray(array), 4, axis=-1)
        return np.concatenate([i, g, f, o], axis=-1)

    bias = given["bias"] - np.repeat(np.array([0, 1, 0, 0], np.float32), 2)
    params = {
        "ih": {"kernel": ordered(given["kernel"]), "bias": ordered(bias)},
        "hh": {"kernel": ordered(given["recurrent_kernel"]), "bias": np.zeros(8, np.float32)},
    }
    x = RNG.normal(size=(2, 3, 4, 5, 2)).astype(np.float32)
    expected = linen_outputs(linen.ConvLSTMCell(2, (2, 3)), params, x)
    np.testing.assert_allclose(net.forward({"input": x})["conv_lstm"], expected, rtol=1e-4, atol=1e-5)


def test_states_and_lengths_against_flax() -> None:
    """``nnx.RNN`` takes lengths where we take masks, and gives the last state of each sequence."""
    layer = nn.LSTM(4, mask=True, initial_state=True, return_state=True)
    x, start, seen = nn.symbol([5, 3], "x"), nn.symbol([8], "start"), nn.symbol([5], "seen", "bool")
    net = randomized(nn.Model(inputs=[x, start, seen], outputs=layer(x, start, seen)), "float32")
    cell = nnx.OptimizedLSTMCell(3, 4, rngs=nnx.Rngs(0))
    cell.dense_i.kernel[...] = jnp.asarray(net.variables()["lstm/kernel"])
    cell.dense_h.kernel[...] = jnp.asarray(net.variables()["lstm/recurrent_kernel"])
    cell.dense_h.bias[...] = jnp.asarray(net.variables()["lstm/bias"])
    lengths, states = np.array([3, 5, 1, 4]), RNG.normal(size=(4, 8)).astype(np.float32)
    h, c = jnp.split(jnp.asarray(states), 2, axis=-1)
    rnn = nnx.RNN(cell, return_carry=True, rngs=nnx.Rngs(0))
    (last_c, last_h), _ = rnn(jnp.asarray(X), initial_carry=(c, h), seq_lengths=jnp.asarray(lengths))
    found = net.forward({"x": X, "start": states, "seen": np.arange(5) < lengths[:, None]})["lstm"]
    np.testing.assert_allclose(found, np.concatenate([last_h, last_c], axis=-1), rtol=1e-5, atol=1e-6)


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
def test_derivatives_of_both_modes_and_orders(layer: nn.Layer) -> None:
    """Against finite differences, by JAX's own means: the loop over time has a rule of its own for tangents."""
    net = randomized(nn.Sequential([layer], input=[5, 3]), "float64")
    check_derivatives(net, X)


def test_embedding_is_flaxs() -> None:
    """The same rows as ``nnx.Embed``, which takes −1 for the last; sequences may be of any length."""
    net = randomized(nn.Sequential([nn.Embedding(7, 3)], input={"shape": [None], "dtype": "int32"}), "float32")
    made = nnx.Embed(7, 3, rngs=nnx.Rngs(0))
    made.embedding[...] = jnp.asarray(net.variables()["embedding/embedding"])
    assert isinstance(net.native.layers["embedding"], nnx.Embed)
    for length in (1, 6):
        ids = RNG.integers(0, 7, (4, length), dtype=np.int32)
        np.testing.assert_array_equal(net.forward({"input": ids})["embedding"], made(jnp.asarray(ids)))
    outside = np.array([[-1, 7]], np.int32)
    assert np.isnan(net.forward({"input": outside})["embedding"]).all()
