"""Dropout: the mask of the generator, the scale, and when it does nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec import random
from tests.reference.single import single, value

X = np.random.default_rng(3).normal(size=(20, 30))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_dropout(dtype: Any) -> None:
    found = single(nn.Dropout(0.3), X, training=True, seed=11, step=4, dtype=dtype)
    words = random.words(11, random.stream_of("node", "dropout", 0), 4, X.size).reshape(X.shape)
    kept = words.astype(object) < 0.7 * 2**32
    np.testing.assert_array_equal(found.masks["node"], kept)
    wide = np.dtype(np.float64 if dtype == "float64" else np.float32)
    expected = np.where(kept, X.astype(dtype).astype(wide) / wide.type(0.7), 0).astype(dtype)
    np.testing.assert_array_equal(found.outputs["node"], expected)


def test_step_and_seed_change_the_mask() -> None:
    masks = [
        single(nn.Dropout(0.5), X, training=True, seed=seed, step=step).masks["node"].tobytes()
        for seed, step in ((0, 0), (0, 1), (1, 0))
    ]
    assert len(set(masks)) == 3


@pytest.mark.parametrize(("rate", "training"), [(0.4, False), (0.0, True), (0.0, False)])
def test_nothing_is_dropped(rate: float, training: bool) -> None:
    found = single(nn.Dropout(rate), X, training=training)
    np.testing.assert_array_equal(found.outputs["node"], X)
    assert found.masks == {}


def test_the_mean_is_kept() -> None:
    kept = value(nn.Dropout(0.25), np.ones((300, 300)), training=True, seed=5)
    assert set(np.unique(kept)) == {0.0, 1 / 0.75}
    assert abs(kept.mean() - 1) < 4 * np.sqrt(0.25 / 0.75 / kept.size)
