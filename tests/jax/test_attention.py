"""Attention's own rules for derivatives, and its layer beside Flax's."""

from __future__ import annotations

import numpy as np
import pytest

import nnspec as nn
from tests.jax.models import check_derivatives, randomized

pytest.importorskip("jax", reason="the jax backend is not installed")

import jax.numpy as jnp
from flax import nnx

RNG = np.random.default_rng(10)
X = RNG.normal(size=(2, 5, 6)).astype(np.float32)


def test_against_flax() -> None:
    """``nnx.MultiHeadAttention`` makes its three projections one by one; the layer's variables are its own."""
    layer = nn.MultiHeadAttention(num_heads=2, head_features=4)
    net = randomized(nn.Sequential([layer], input=[5, 6]), "float32")
    theirs = nnx.MultiHeadAttention(2, 6, 8, 6, decode=False, rngs=nnx.Rngs(0))
    for name, value in net.variables().items():
        where, _, variable = name.removeprefix("multi_head_attention/").partition("/")
        if where in ("query", "key", "value", "out"):
            getattr(getattr(theirs, where), variable)[...] = jnp.asarray(value)
    outputs = net.forward({"input": X})["multi_head_attention"]
    np.testing.assert_allclose(outputs, theirs(jnp.asarray(X)), rtol=2e-5, atol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("causal", [False, True])
def test_derivatives_of_both_modes_and_orders(causal: bool) -> None:
    """Against finite differences, by JAX's own means: products of heads have rules of their own for tangents."""
    layer = nn.MultiHeadAttention(num_heads=2, head_features=3, causal=causal)
    net = randomized(nn.Sequential([layer], input=[5, 6]), "float64")
    check_derivatives(net, X)
