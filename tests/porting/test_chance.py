"""Models without chance compute in training mode what the original computes in inference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec
from nnspec.layers.base import Layer
from nnspec.model import Model, Sequential
from nnspec.porting.chance import draws, without_chance
from nnspec.porting.samples import samples
from nnspec.reference.model import run
from tests.porting.subjects import random_variables

IMAGES = (8, 10, 3)
LAYERS: dict[str, tuple[Any, tuple[int, ...], str]] = {
    "Dropout": (nnspec.Dropout(0.5), (6,), "float"),
    "SpatialDropout": (nnspec.SpatialDropout(0.5), (5, 6), "float"),
    "StochasticDepth": (nnspec.StochasticDepth(0.5), (6,), "float"),
    "AlphaDropout": (nnspec.AlphaDropout(0.5), (6,), "float"),
    "GaussianNoise": (nnspec.GaussianNoise(0.5), (6,), "float"),
    "GaussianDropout": (nnspec.GaussianDropout(0.5), (6,), "float"),
    "GaussianSample": (nnspec.GaussianSample(), (6,), "float"),
    "LSTM": (nnspec.LSTM(3, recurrent_dropout_rate=0.4), (5, 6), "float"),
    "MultiHeadAttention": (nnspec.MultiHeadAttention(2, dropout_rate=0.4), (5, 6), "float"),
    "RandomFlip": (nnspec.RandomFlip(), IMAGES, "float"),
    "RandomCrop": (nnspec.RandomCrop(4, 5), IMAGES, "float"),
    "RandomCrop with padding": (nnspec.RandomCrop(8, 10, padding=2), IMAGES, "float"),
    "RandomBrightness": (nnspec.RandomBrightness(0.3), IMAGES, "float"),
    "RandomErasing": (nnspec.RandomErasing(noise=1.0), IMAGES, "float"),
    "TokenMasking": (nnspec.TokenMasking(9, 1), (20,), "int32"),
    "TokenDropout": (nnspec.TokenDropout(0.4), (20,), "int32"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_random_layers_draw_nothing(name: str) -> None:
    layer, shape, dtype = LAYERS[name]
    x = nnspec.symbol(shape, "x", dtype=dtype)
    model = Model(inputs=x, outputs=layer(x))
    calm = without_chance(model)
    assert draws(model) and not any(_draws(node.layer) for _, node in calm.walk())
    variables, given = random_variables(model), samples(model)
    want = run(model, variables, given).outputs
    found = run(calm, variables, given, training=True, seed=3).outputs
    assert want.keys() == found.keys() and calm.params().keys() == model.params().keys()
    assert all(np.array_equal(found[key], want[key]) for key in want)
    plain = run(model, variables, given, training=True, seed=3).outputs
    assert not all(np.array_equal(plain[key], want[key]) for key in want), "the layer draws nothing to begin with"


def _draws(layer: Layer) -> bool:
    """Whether a layer draws: at rate 0 some still have the streams that they would draw from."""
    rates = [getattr(layer, name) for name in ("rate", "stddev", "dropout_rate") if hasattr(layer, name)]
    return bool(layer.random) and any(rates)


def test_nested_and_shared_models() -> None:
    inner = Sequential([{"Dense": 6}, {"Dropout": 0.5}, nnspec.GaussianSample()])
    a, b = nnspec.symbol((4,), "a"), nnspec.symbol((4,), "b")
    model = Model(inputs=[a, b], outputs=inner(a) + inner(b))
    calm = without_chance(model)
    assert [node.shares for node in calm.nodes] == [node.shares for node in model.nodes]
    variables, given = random_variables(model), samples(model)
    want = run(model, variables, given).nodes
    found = run(calm, variables, given, training=True).nodes
    assert all(np.array_equal(found[path], want[path]) for path in want)


def test_models_that_draw_nothing_stay_as_they_are() -> None:
    model = Sequential([{"Dense": 6}, "BatchNorm"], (4,))
    assert without_chance(model) is model and not draws(model)
