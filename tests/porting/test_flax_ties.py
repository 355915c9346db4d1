"""Tied weights of Flax models: what is one parameter there is one variable of the port, whatever it is used for."""
# ruff: noqa: E402 - what follows needs JAX, which may not be installed

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp
import numpy as np
from flax import linen as nn, nnx

from tests.porting.flax_check import check, data, ids, ported, random_module, random_variables

pytestmark = pytest.mark.jax

Use = Callable[[Any, Any, Any, Any], Any]
# What a model makes of its embedding, the ids, and what was looked up; and a layer that is then in the port.
USES: dict[str, tuple[Use, str]] = {
    "attend": (lambda embed, w, i, x: embed.attend(x), "Unembedding"),
    "transposed": (lambda embed, w, i, x: x @ w.T, "Unembedding"),
    "einsum": (lambda embed, w, i, x: jnp.einsum("vd,bld->blv", w, x), "Unembedding"),
    "scaled": (lambda embed, w, i, x: x @ (w.T * 0.5), "Parameter"),
    "summed": (lambda embed, w, i, x: x + w.sum(), "Parameter"),
    "a row": (lambda embed, w, i, x: x * w[3], "Parameter"),
}


@pytest.mark.parametrize("name", USES)
def test_an_embedding(name: str) -> None:
    use, layer = USES[name]

    class Tied(nnx.Module):
        def __init__(self) -> None:
            self.embed = nnx.Embed(7, 4, rngs=nnx.Rngs(0))

        def __call__(self, i: Any) -> Any:
            return use(self.embed, self.embed.embedding[...], i, self.embed(i))

    model, i = random_module(Tied()), ids(2, 5, below=7)
    port = ported(model, i)
    assert layer in [type(node.layer).__name__ for _, node in port.model.walk()]
    assert [value.shape for value in port.variables.values()] == [(7, 4)]
    assert not [note for note in port.notes if "several ways" in note]
    check(port, model(jnp.asarray(i)), [i])


def test_an_autoencoder() -> None:
    class Autoencoder(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            encode = nn.Dense(6, name="encode")
            return nn.tanh(encode(x)) @ encode.variables["params"]["kernel"].T

    model, x = Autoencoder(), data(3, 4)
    variables = random_variables(model, x)
    port = ported((model, variables), x)
    assert sorted(value.shape for value in port.variables.values()) == [(4, 6), (6,)]
    check(port, model.apply(variables, x), [x])


def test_parts_of_a_parameter_are_variables_of_their_own() -> None:
    """Queries, keys and values of one kernel overlap nowhere: nothing is tied."""

    class Split(nnx.Module):
        def __init__(self) -> None:
            self.kernel = nnx.Param(jnp.zeros((4, 9)))

        def __call__(self, x: Any) -> Any:
            q, k, v = jnp.split(self.kernel[...], 3, axis=-1)
            return jnp.tanh(x @ q) + (x @ k) * (x @ v)

    model, x = random_module(Split()), data(3, 4)
    port = ported(model, x)
    assert [value.shape for value in port.variables.values()] == [(4, 3)] * 3
    check(port, model(jnp.asarray(x)), [x])


def test_overlapping_parts_are_not() -> None:
    class Overlapping(nnx.Module):
        def __init__(self) -> None:
            self.kernel = nnx.Param(jnp.zeros((4, 6)))

        def __call__(self, x: Any) -> Any:
            return x @ self.kernel[:, :4] + jnp.tanh(x) @ self.kernel[:, 2:]

    model, x = random_module(Overlapping()), data(3, 4)
    port = ported(model, x)
    assert [value.shape for value in port.variables.values()] == [(4, 6)]
    assert np.array_equal(next(iter(port.variables.values())), model.kernel[...])
    check(port, model(jnp.asarray(x)), [x])
