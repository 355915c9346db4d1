"""Clipping of gradients: the three kinds, their bounds bit for bit, and gradients that are not finite."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.reference import optimizers

RNG = np.random.default_rng(13)
GRADIENTS = {"a": np.array([[3.0, -4.0]]), "b": np.array([12.0, 0.0, -84.0])}  # norms 5 and √7200; together 85


def test_global_norm() -> None:
    assert optimizers.global_norm(GRADIENTS) == 85.0
    random = {"a": RNG.normal(size=(3, 4)), "b": RNG.normal(size=5) * 1e-12}
    together = np.concatenate([g.ravel() for g in random.values()])
    assert optimizers.global_norm(random) == pytest.approx(np.linalg.norm(together), rel=1e-15)
    assert optimizers.global_norm({}) == 0.0


def test_clip_by_global_norm() -> None:
    clipped = optimizers.clip(nn.Clip(global_norm=17.0), GRADIENTS)
    assert clipped["a"].tolist() == [pytest.approx([0.6, -0.8], rel=1e-15)]
    assert clipped["b"].tolist() == pytest.approx([2.4, 0.0, -16.8], rel=1e-15)


def test_clip_by_norm() -> None:
    clipped = optimizers.clip(nn.Clip(norm=10.0), GRADIENTS)
    np.testing.assert_array_equal(clipped["a"], GRADIENTS["a"])
    assert clipped["b"].tolist() == pytest.approx((GRADIENTS["b"] * 10 / math.sqrt(7200)).tolist(), rel=1e-15)


def test_clip_by_value() -> None:
    clipped = optimizers.clip(nn.Clip(value=3.5), {**GRADIENTS, "c": np.array([np.nan, -np.inf, 0.1])})
    assert clipped["a"].tolist() == [[3.0, -3.5]]
    assert clipped["b"].tolist() == [3.5, 0.0, -3.5]
    np.testing.assert_array_equal(clipped["c"], [np.nan, -3.5, 0.1])


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("spec", [nn.Clip(global_norm=7.3), nn.Clip(norm=7.3), nn.Clip(value=7.3)], ids=str)
def test_below_the_bound_nothing_changes_by_a_bit(spec: Any, dtype: Any) -> None:
    given = {name: (w / 20).astype(dtype) for name, w in GRADIENTS.items()}
    for name, g in optimizers.clip(spec, given).items():
        assert g.dtype == np.dtype(dtype)
        assert g.tobytes() == given[name].tobytes()


def test_exactly_at_the_bound_nothing_changes() -> None:
    g = np.linspace(0.1, 1.9, 40)
    norm = float(optimizers.global_norm({"a": g}))
    assert (g / norm * norm != g).any()
    for spec in (nn.Clip(global_norm=norm), nn.Clip(norm=norm)):
        np.testing.assert_array_equal(optimizers.clip(spec, {"a": g})["a"], g)


def test_infinite_and_nan_gradients() -> None:
    infinite = optimizers.clip(nn.Clip(global_norm=1.0), {"a": np.array([np.inf, 2.0]), "b": np.array([3.0])})
    np.testing.assert_array_equal(infinite["a"], [np.nan, 0.0])
    np.testing.assert_array_equal(infinite["b"], [0.0])
    nan = optimizers.clip(nn.Clip(global_norm=1.0), {"a": np.array([np.nan, 2.0]), "b": np.array([3.0])})
    assert np.isnan(nan["a"]).all() and np.isnan(nan["b"]).all()


def test_norms_of_small_types_are_in_float32() -> None:
    g = {"a": np.full(10000, 1e-3, np.float16)}  # the squares are below float16's smallest number
    assert optimizers.global_norm(g).dtype == np.float32
    assert optimizers.global_norm(g) == pytest.approx(0.1, rel=1e-3)
    assert optimizers.clip(nn.Clip(norm=0.05), g)["a"].dtype == np.float16
    assert optimizers.global_norm(GRADIENTS).dtype == np.float64
