"""Recurrent layers and embeddings against Flax's own."""

from __future__ import annotations

import numpy as np
import pytest

import nnspec as nn
from tests.jax.models import check_derivatives, randomized

pytest.importorskip("jax", reason="the jax backend is not installed")

import jax.numpy as jnp
from flax import nnx

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
    net = randomized(nn.Sequential([nn.GRU(4)], input=[5, 3]), "float32")
    net.assign({"gru/recurrent_bias": np.zeros(12)})
    cell = nnx.GRUCell(3, 4, rngs=nnx.Rngs(0))
    cell.dense_i.kernel[...] = jnp.asarray(net.variables()["gru/kernel"])
    cell.dense_i.bias[...] = jnp.asarray(net.variables()["gru/bias"])
    cell.dense_h.kernel[...] = jnp.asarray(net.variables()["gru/recurrent_kernel"])
    expected = nnx.RNN(cell, rngs=nnx.Rngs(0))(jnp.asarray(X))[:, -1]
    np.testing.assert_allclose(net.forward({"input": X})["gru"], expected, rtol=1e-5, atol=1e-6)


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
