"""Variables that are values by themselves, against NumPy's broadcasting and finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.piecewise import decoding
from nnspec.spec import dump, parse
from tests.reference.single import single, value

RNG = np.random.default_rng(9)


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (1, 3, 2)])
@pytest.mark.parametrize("given", [np.ones((5, 2)), np.arange(3, dtype=np.int32), np.ones((2, 1, 1), bool)])
def test_each_example_has_the_value(shape: tuple[int, ...], given: Any) -> None:
    stored = RNG.normal(size=shape)
    found = value(nn.Parameter(shape), given, variables={"value": stored})
    np.testing.assert_array_equal(found, np.stack([stored] * len(given)))
    assert found.shape == nn.Parameter(shape).output_shape(given.shape)


def test_what_the_input_holds_changes_nothing() -> None:
    stored = RNG.normal(size=3)
    found = value(nn.Parameter((3,)), np.full((2, 4), np.nan), variables={"value": stored})
    np.testing.assert_array_equal(found, [stored, stored])


def test_gradient_is_the_sum_over_the_batch() -> None:
    stored, cotangents, step = RNG.normal(size=(2, 3)), RNG.normal(size=(5, 2, 3)), 1e-3

    def total(at: Any) -> float:
        y = value(nn.Parameter((2, 3)), np.ones((5, 1)), variables={"value": at})
        return float((y**2 / 2 * cotangents).sum())

    for place in np.ndindex(stored.shape):
        moved = np.zeros_like(stored)
        moved[place] = step
        difference = (total(stored + moved) - total(stored - moved)) / (2 * step)
        np.testing.assert_allclose(difference, stored[place] * cotangents[:, *place].sum(), rtol=1e-9)


@pytest.mark.parametrize(("trainable", "kind"), [(True, "parameter"), (False, "statistic")])
def test_only_what_is_trained_is_a_parameter(trainable: bool, kind: str) -> None:
    layer = nn.Parameter((2,), {"constant": 3.0}, trainable=trainable)
    (param,) = layer.params((None, 4)).values()
    assert (param.shape, param.kind, param.decay, param.init) == ((2,), kind, False, nn.Constant(3.0))
    assert single(layer, np.ones((3, 4)), variables={"value": np.ones(2)}, training=True).updates == {}


def test_a_class_token_in_front_of_a_sequence() -> None:
    """The graph as it is written: the input says how many examples there are."""
    nodes = (nn.Node("token", nn.Parameter((1, 4)), ("x",)), nn.Node("y", nn.Concat(axis=1), ("token", "x")))
    model = nn.Model({"x": nn.Input((3, 4))}, nodes, ("y",))
    assert model.output_shapes((None, 3, 4)) == {"y": (None, 4, 4)}
    assert list(model.params()) == ["token/value"]
    assert parse("layer", dump(model)) == model
    assert parse("layer", {"Parameter": [1, 4]}) == nn.Parameter((1, 4))


@pytest.mark.parametrize("shape", [(0,), (2, -1), (2.5,)])
def test_sizes_are_whole_numbers_from_one_up(shape: Any) -> None:
    with pytest.raises(nn.SpecError, match="shape"):
        nn.Parameter(shape)


def test_decoding_in_pieces_takes_it_for_no_sequence() -> None:
    """A number that is learned for all positions stays what it is when a sequence comes piece by piece."""
    inputs = {"ids": nn.Input((None,), "int32")}
    nodes = (
        nn.Node("embedding", nn.Embedding(7, 4), ("ids",)),
        nn.Node("bias", nn.Parameter((1, 4)), ("ids",)),
        nn.Node("sum", nn.Add(), ("embedding", "bias")),
        nn.Node("attention", nn.MultiHeadAttention(2, causal=True), ("sum",)),
    )
    found = decoding(nn.Model(inputs, nodes, ("attention",)), 5)
    assert [node.layer for node in found.model.nodes if node.name == "bias"] == [nn.Parameter((1, 4))]
