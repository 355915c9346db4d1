"""Layers that nodes share where their inputs differ: in number, in kind, in size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import nnspec as nn
from nnspec.backends import Backend
from nnspec.model import Model
from nnspec.reference.model import run

RNG = np.random.default_rng(17)


def vectors_first() -> Model:
    """A table that is multiplied with before it is looked up."""
    table = nn.Embedding(5, 4)
    x, ids = nn.symbol([4], "x"), nn.symbol([3], "ids", "int32")
    return nn.Model(inputs=[x, ids], outputs=[table.attend(x), table(ids)])


def to_itself_and_another() -> Model:
    attention = nn.MultiHeadAttention(2, dropout_rate=0.3)
    x, memory = nn.symbol([3, 4], "x"), nn.symbol([5, 4], "memory")
    return nn.Model(inputs=[x, memory], outputs=attention(attention(x), memory))


def masked_with_and_without_memory() -> Model:
    """The second inputs, keys and a mask of pairs, have equal ranks and other last sizes."""
    attention = nn.MultiHeadAttention(2, mask=True)
    x, memory = nn.symbol([3, 4], "x"), nn.symbol([5, 6], "memory")
    keys, pairs = nn.symbol([5], "keys", "bool"), nn.symbol([3, 3], "pairs", "bool")
    return nn.Model(
        inputs=[x, memory, keys, pairs],
        outputs=attention(nn.MultiHeadAttention(1, mask=True)(attention(x, memory, keys), pairs), memory, keys),
    )


def of_one_and_of_two_sequences() -> Model:
    bias = nn.RelativePositionBias(2, 8, 16)
    x, memory = nn.symbol([3, 4], "x"), nn.symbol([5, 4], "memory")
    return nn.Model(inputs=[x, memory], outputs=[bias(x), bias(x, memory)])


def images_of_two_sizes() -> Model:
    layer = nn.ConvLSTM(2, (3,), recurrent_dropout_rate=0.3)
    small, large = nn.symbol([3, 4, 2], "small"), nn.symbol([3, 6, 2], "large")
    return nn.Model(inputs=[small, large], outputs=[layer(small), layer(large)])


@pytest.mark.parametrize(
    "make",
    [
        vectors_first,
        to_itself_and_another,
        masked_with_and_without_memory,
        of_one_and_of_two_sequences,
        images_of_two_sizes,
    ],
)
def test_each_use_is_that_of_its_inputs(backend: Backend, make: Callable[[], Model]) -> None:
    model = make()
    net = backend.build(model, dtype="float64", seed=3)
    given = {}
    for name, declared in model.inputs.items():
        shape = (2, *(declared.shape or ()))
        kinds = {"float": RNG.normal(size=shape), "int32": RNG.integers(0, 5, shape), "bool": RNG.random(shape) < 0.7}
        given[name] = kinds[declared.dtype].astype({"float": "float64"}.get(declared.dtype, declared.dtype))
    for training in (False, True):
        expected = run(model, net.variables(), given, training=training, seed=3).outputs
        found = net.forward(given, training=training)
        for name in model.outputs:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-12, atol=1e-13)
