"""Derivatives of changes of colors where pieces meet: channels that are equal, values at the ends of their range."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnspec as nn
from nnspec.backends import Backend
from nnspec.reference.model import run

# Gray, the lowest value, two largest channels, the highest value.
PIXELS = np.array([[4, 4, 4], [0, 0, 0], [9, 9, 1], [10, 10, 10]], float).reshape(1, 2, 2, 3)
RANGE: dict[str, Any] = {"value_range": (0, 10)}
# Σ y differentiated by each channel of these.
SLOPES: dict[str, tuple[nn.Layer, Any]] = {
    "brightness": (nn.RandomBrightness(0.0, **RANGE), [[1, 1, 1], [0, 0, 0], [1, 1, 1], [0, 0, 0]]),
    "saturation": (nn.RandomSaturation(0.0, **RANGE), [[3, 0, 0]] * 4),
    "hue": (nn.RandomHue(0.0, **RANGE), [[3, 0, 0], [0, 0, 0], [2, 0, 1], [0, 0, 0]]),
    "solarization": (nn.Solarization(**RANGE), [[-1, -1, -1], [0, 0, 0], [-1, -1, -1], [0, 0, 0]]),
    "posterization": (nn.RandomPosterization(2, **RANGE), [[0, 0, 0]] * 4),
}


def test_derivatives_where_pieces_meet(backend: Backend) -> None:
    """With factors that change nothing, or take all color away."""
    nodes = tuple(nn.Node(name, layer, ("x",)) for name, (layer, _) in SLOPES.items())
    model = nn.Model({"x": nn.Input((2, 2, 3))}, nodes, tuple(SLOPES))
    net = backend.build(model, dtype="float64", seed=3)
    values = run(model, {}, {"x": PIXELS}, training=True, seed=3).outputs
    for name, (_, expected) in SLOPES.items():
        cotangents = {other: np.full(y.shape, float(other == name)) for other, y in values.items()}
        found = net.gradients({"x": PIXELS}, cotangents, training=True).inputs["x"]
        np.testing.assert_array_equal(found.reshape(-1, 3), expected, err_msg=name)
