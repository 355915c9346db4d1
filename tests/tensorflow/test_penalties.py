"""Penalties and constraints against Keras's own regularizers and constraints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.reference import penalties

startup = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed")
keras = startup.keras

RNG = np.random.default_rng(61)
MODEL = nn.Sequential([nn.Dense(5)], input=[4])
W = RNG.normal(size=(4, 5)).astype(np.float32)


@pytest.mark.parametrize(
    ("spec", "regularizer"),
    [
        (nn.Penalty(l1=0.3), keras.regularizers.L1(0.3)),
        (nn.Penalty(l2=0.3), keras.regularizers.L2(0.3)),
        (nn.Penalty(0.3, 0.2), keras.regularizers.L1L2(0.3, 0.2)),
        (nn.Penalty(orthogonal=0.3), keras.regularizers.OrthogonalRegularizer(0.3)),
        (nn.Penalty(orthogonal=0.3, vectors="columns"), keras.regularizers.OrthogonalRegularizer(0.3, "columns")),
    ],
)
def test_regularizers(spec: nn.Penalty, regularizer: Any) -> None:
    expected = regularizer(keras.ops.convert_to_tensor(W))
    found = penalties.value([spec], MODEL, {"dense/kernel": W}, {})
    assert found == pytest.approx(float(expected), rel=1e-6)


def test_activity_is_of_each_example() -> None:
    layer = keras.layers.ActivityRegularization(l1=0.3, l2=0.2)
    layer(W)
    found = penalties.value([nn.Penalty(0.3, 0.2, node="dense")], MODEL, {}, {"dense": W})
    assert found == pytest.approx(float(sum(layer.losses)), rel=1e-6)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"max_norm": 1.5, "epsilon": 1e-7}, keras.constraints.MaxNorm(1.5)),
        ({"max_norm": 1.0, "min_norm": 1.0, "epsilon": 1e-7, "axes": 1}, keras.constraints.UnitNorm(1)),
        ({"non_negative": True}, keras.constraints.NonNeg()),
        ({"min_norm": 1.6, "max_norm": 1.9, "rate": 0.3, "epsilon": 1e-7}, keras.constraints.MinMaxNorm(1.6, 1.9, 0.3)),
    ],
)
def test_constraints(fields: dict[str, Any], constraint: Any) -> None:
    expected = constraint(W)
    found = penalties.constrained([nn.Constraint(**fields)], MODEL, {"dense/kernel": W})["dense/kernel"]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
