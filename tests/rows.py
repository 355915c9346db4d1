"""Rows that the tests of data share, and a model for them."""

from __future__ import annotations

import math

import numpy as np

import nnspec as nn

CLASSES = nn.SoftmaxCrossEntropy()
VALUES = nn.MeanSquaredError()
RNG = np.random.default_rng(1)
X, IDS = RNG.normal(size=(20, 4)), RNG.integers(0, 3, 20)
NAN = X.copy()
NAN[7, 2] = math.nan


def chain(outputs: int, *shape: int | None) -> nn.Model:
    return nn.Sequential([nn.Dense(outputs)], list(shape) or None)
