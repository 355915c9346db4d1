"""Metrics of variances and covariances against scikit-learn and SciPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as oracle

import nnspec as nn
from nnspec.metrics import added
from nnspec.reference.metrics import value

RNG = np.random.default_rng(5)
T = RNG.normal(size=(120, 3)) * [1.0, 4.0, 0.2]
X = T + RNG.normal(size=(120, 3)) * [0.5, 9.0, 0.1] + [0.0, 1.0, -0.1]
WEIGHTS = RNG.uniform(0.1, 3.0, 120)
ALL_WEIGHTS = [pytest.param(None, id="plain"), pytest.param(WEIGHTS, id="weighted")]


def metric(spec: Any, outputs: Any, targets: Any, weights: Any = None) -> float:
    return float(spec.result(*value(spec, outputs, targets, weights)))


@pytest.mark.parametrize("weights", ALL_WEIGHTS)
@pytest.mark.parametrize("average", ["uniform", "variance_weighted"])
@pytest.mark.parametrize(
    ("cls", "score"), [(nn.R2, oracle.r2_score), (nn.ExplainedVariance, oracle.explained_variance_score)]
)
def test_shares_of_the_variance(cls: Any, score: Any, average: Any, weights: Any) -> None:
    name = {"uniform": "uniform_average"}.get(average, average)
    expected = score(T, X, multioutput=name, sample_weight=weights)
    assert metric(cls(average), X, T, weights) == pytest.approx(expected, rel=1e-12)
    expected = score(T[:, 0], X[:, 0], sample_weight=weights)
    assert metric(cls(average), X[:, 0], T[:, 0], weights) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("average", ["uniform", "variance_weighted"])
@pytest.mark.parametrize(
    ("cls", "score"), [(nn.R2, oracle.r2_score), (nn.ExplainedVariance, oracle.explained_variance_score)]
)
def test_targets_that_are_all_equal(cls: Any, score: Any, average: Any) -> None:
    name = {"uniform": "uniform_average"}.get(average, average)
    same = np.full((9, 2), 0.5)
    for targets, outputs in (
        (same, same),
        (same, same + RNG.normal(size=(9, 2))),
        (np.c_[same[:, 0], T[:9, 0]], X[:9, :2]),
        (np.c_[same[:, 0], T[:9, 0]], np.c_[same[:, 0], X[:9, 0]]),
    ):
        expected = score(targets, outputs, multioutput=name)
        assert metric(cls(average), outputs, targets) == pytest.approx(expected, rel=1e-12)
    # The mean of such numbers is none of them in scikit-learn.
    assert metric(cls(average), X[:9], np.full((9, 3), 0.1)) == 0
    assert metric(cls(average), np.full((9, 3), 0.1), np.full((9, 3), 0.1)) == 1


def test_correlation() -> None:
    expected = np.mean([stats.pearsonr(X[:, k], T[:, k]).statistic for k in range(3)])
    assert metric(nn.PearsonCorrelation(), X, T) == pytest.approx(expected, rel=1e-12)
    matrix = np.cov(X[:, 1], T[:, 1], aweights=WEIGHTS)
    expected = matrix[0, 1] / math.sqrt(matrix[0, 0] * matrix[1, 1])
    assert metric(nn.PearsonCorrelation(), X[:, 1], T[:, 1], WEIGHTS) == pytest.approx(expected, rel=1e-12)
    assert math.isnan(metric(nn.PearsonCorrelation(), X, np.ones_like(X)))


def test_outputs_are_those_along_the_last_axis() -> None:
    x, t = X.reshape(20, 6, 3), T.reshape(20, 6, 3)
    for spec in (nn.R2(), nn.ExplainedVariance(), nn.PearsonCorrelation()):
        assert metric(spec, x, t) == pytest.approx(metric(spec, X, T), rel=1e-13)


@pytest.mark.parametrize("spec", [nn.R2(), nn.ExplainedVariance(), nn.PearsonCorrelation()])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_large_mean_costs_no_digits_over_batches(spec: Any, dtype: Any) -> None:
    # Whole numbers around 2²⁰, so that float32 holds them exactly: the truth is that of the same numbers around 0.
    t = RNG.integers(-50, 50, (300, 2)).astype(dtype)
    x = t + RNG.integers(-20, 20, (300, 2)).astype(dtype)
    weights = np.ones(300)
    weights[0] = 0  # an ignored position far from all others
    truth = metric(spec, x.astype(np.float64), t.astype(np.float64), weights)
    far_x, far_t = x + np.array(2**20, dtype), t + np.array(2**20, dtype)
    far_x[0] = far_t[0] = 0
    running = None
    for rows in (slice(0, 64), slice(64, 128), slice(128, 192), slice(192, 293), slice(293, 300)):
        running = added(spec, running, value(spec, far_x[rows], far_t[rows], weights[rows]))
    assert running is not None
    found = spec.result(*running)
    assert found == pytest.approx(truth, rel=1e-12 if dtype == "float64" else 1e-6)


def test_nothing_counted() -> None:
    nothing = np.zeros(120)
    for spec in (nn.R2(), nn.ExplainedVariance(), nn.PearsonCorrelation()):
        empty = value(spec, X, T, nothing)
        assert math.isnan(spec.result(*empty))
        some = added(spec, empty, value(spec, X, T, WEIGHTS))
        assert spec.result(*some) == pytest.approx(metric(spec, X, T, WEIGHTS), rel=1e-12)
        assert spec.result(*added(spec, some, empty)) == pytest.approx(metric(spec, X, T, WEIGHTS), rel=1e-12)
