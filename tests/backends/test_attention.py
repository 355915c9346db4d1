"""Attention and positions where lengths are known only when they come, and where a bias hides keys."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.backends import Backend
from nnspec.errors import ShapeError
from nnspec.model import Model
from nnspec.reference.model import run

RNG = np.random.default_rng(43)


def encoder(positions: nn.Layer, bias: nn.Layer) -> Model:
    x = nn.symbol([None, 4], "x")
    y = positions(x)
    y = nn.MultiHeadAttention(2, num_kv_heads=1, window=3, rotary=nn.RotaryPositions(), attention_bias=True)(y, bias(y))
    return nn.Model(inputs=x, outputs=nn.AdditiveAttention()(nn.DotProductAttention(causal=True)(y)))


@pytest.mark.parametrize(
    ("positions", "bias"),
    [(nn.SinusoidalPositions(), nn.ALiBi(2)), (nn.LearnedPositions(6), nn.RelativePositionBias(2, 4, 4))],
    ids=["by formula", "learned"],
)
def test_sequences_of_any_length(backend: Backend, positions: Any, bias: Any) -> None:
    net = backend.build(encoder(positions, bias), dtype="float64", seed=3)
    (output,) = net.model.outputs
    for length in (3, 6):
        inputs = {"x": RNG.normal(size=(2, length, 4))}
        expected = run(net.model, net.variables(), inputs).outputs[output]
        np.testing.assert_allclose(net.forward(inputs)[output], expected, rtol=1e-12, atol=1e-13)


def test_positions_beyond_the_table(backend: Backend) -> None:
    net = backend.build(nn.Sequential([nn.LearnedPositions(2)], [None, 3]), dtype="float32")
    with pytest.raises(ShapeError, match=r"LearnedPositions has 2 vectors, for input \(batch, 4, 3\)"):
        net.forward({"input": np.ones((2, 4, 3), np.float32)})


@pytest.mark.parametrize("length", [1, 2])
def test_a_native_model_has_nan_beyond_the_table(backend: Backend, length: int) -> None:
    net = backend.build(nn.Sequential([nn.LearnedPositions(length, add=False)], [None, 3]), dtype="float32", seed=3)
    found = np.asarray(net.native(np.ones((2, 3, 3), np.float32)))
    (table,) = (value for name, value in net.variables().items() if name.endswith("embedding"))
    np.testing.assert_array_equal(found[:, :length], np.stack([table] * 2))
    assert np.isnan(found[:, length:]).all()


@pytest.mark.parametrize("layer", [nn.MultiHeadAttention(2), nn.DotProductAttention()], ids=["projected", "plain"])
def test_a_bias_of_minus_infinity(backend: Backend, layer: Any) -> None:
    """It hides a key as a mask does, with no gradient and no NaN, where all are hidden too."""
    x, bias = nn.symbol([3, 4], "x"), nn.symbol([3, 3], "bias")
    hiding = dataclasses.replace(layer, attention_bias=True)
    net = backend.build(nn.Model(inputs=[x, bias], outputs=hiding(x, bias)), dtype="float64", seed=3)
    (output,) = net.model.outputs
    given = RNG.normal(size=(2, 3, 3))
    given[0, 1, 2] = given[1, 2] = -np.inf
    inputs = {"x": RNG.normal(size=(2, 3, 4)), "bias": given}
    expected = run(net.model, net.variables(), inputs).outputs[output]
    np.testing.assert_allclose(net.forward(inputs)[output], expected, rtol=1e-12, atol=1e-13)
    slopes = net.gradients(inputs, {output: RNG.normal(size=(2, 3, 4))})
    assert all(np.isfinite(slope).all() for slope in (*slopes.inputs.values(), *slopes.parameters.values()))
    np.testing.assert_array_equal(slopes.inputs["bias"][given == -np.inf], 0)
