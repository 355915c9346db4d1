"""Losses of numbers against PyTorch, scikit-learn, SciPy and closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from nnspec.reference import derivative
from nnspec.reference.losses import per_position, value

RNG = np.random.default_rng(17)
X = RNG.normal(size=(6, 4)) * 2
Y = RNG.normal(size=(6, 4))
COUNTS = RNG.integers(0, 6, (6, 4)) / 1.0


def test_log_cosh() -> None:
    np.testing.assert_allclose(per_position(nn.LogCosh(), X, Y), np.log(np.cosh(X - Y)), rtol=1e-12)
    tiny, huge = per_position(nn.LogCosh(), np.array([1e-6, 1e200]), np.zeros(2))
    assert tiny == pytest.approx(0.5e-12, rel=1e-9)
    assert huge == 1e200
    found = derivative.gradient(lambda x: per_position(nn.LogCosh(), x, Y).sum(), X)
    np.testing.assert_allclose(found, np.tanh(X - Y), atol=1e-10)


def test_half_squared_error() -> None:
    """Of scikit-learn's deviance of normal distributions, which is the squared error, the half."""
    found = per_position(nn.HalfSquaredError(), X, Y).mean()
    assert found == pytest.approx(sklearn_metrics.mean_tweedie_deviance(Y.ravel(), X.ravel(), power=0) / 2, rel=1e-14)
    slope = derivative.gradient(lambda x: per_position(nn.HalfSquaredError(), x, Y).sum(), X)
    np.testing.assert_allclose(slope, X - Y, atol=1e-10)


def test_percentage_and_logarithmic_errors() -> None:
    flat = {"multioutput": "uniform_average"}
    expected = 100 * sklearn_metrics.mean_absolute_percentage_error(Y, X, **flat)
    assert np.mean(per_position(nn.MeanAbsolutePercentageError(), X, Y)) == pytest.approx(expected, rel=1e-13)
    found = per_position(nn.MeanAbsolutePercentageError(0.5), np.array([1.0]), np.array([-0.25]))
    assert found[0] == pytest.approx(250.0)
    positive = np.abs(X)
    expected = sklearn_metrics.mean_squared_log_error(COUNTS, positive)
    found = per_position(nn.MeanSquaredLogarithmicError(1e-300), positive, COUNTS)
    assert np.mean(found) == pytest.approx(expected, rel=1e-13)
    below = per_position(nn.MeanSquaredLogarithmicError(1.0), np.array([-3.0]), np.array([7.0]))
    assert below[0] == pytest.approx(math.log(4.0) ** 2)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.8])
def test_pinball(quantile: float) -> None:
    expected = sklearn_metrics.mean_pinball_loss(Y, X, alpha=quantile)
    assert np.mean(per_position(nn.Pinball(quantile), X, Y)) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("epsilon", [1e-8, 2.5])
def test_cosine_distance(epsilon: float) -> None:
    torch = pytest.importorskip("torch")
    similarity = torch.nn.functional.cosine_similarity(torch.from_numpy(X), torch.from_numpy(Y), dim=-1, eps=epsilon)
    found = per_position(nn.CosineDistance(epsilon=epsilon), X, Y)
    np.testing.assert_allclose(found, 1 - similarity.numpy(), rtol=1e-12)
    negative = per_position(nn.CosineDistance("negative", epsilon=epsilon), X, Y)
    np.testing.assert_allclose(negative, -similarity.numpy(), rtol=1e-12)


# Vectors on both sides of Keras's bound and of its square root.
SHORT = X * np.geomspace(1e-9, 1e-2, len(X))[:, None]


def test_cosines_of_short_vectors_in_keras() -> None:
    keras = pytest.importorskip("nnspec_tensorflow.startup").keras
    similarity = np.asarray(keras.losses.cosine_similarity(keras.ops.array(Y), keras.ops.array(SHORT)))
    found = per_position(nn.CosineDistance("negative", epsilon=1e-7), SHORT, Y)
    np.testing.assert_allclose(found, similarity, rtol=1e-12)


def test_cosines_of_short_vectors_in_optax() -> None:
    optax = pytest.importorskip("optax")
    x, y = SHORT.astype(np.float32), Y.astype(np.float32)
    found = per_position(nn.CosineDistance(epsilon=1e-3), x, y)
    np.testing.assert_allclose(found, optax.cosine_distance(x, y, epsilon=1e-6), rtol=1e-5)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("log_input", [False, True])
def test_poisson(log_input: bool, full: bool) -> None:
    torch = pytest.importorskip("torch")
    x = X if log_input else np.abs(X)
    expected = torch.nn.functional.poisson_nll_loss(
        torch.from_numpy(x), torch.from_numpy(COUNTS), log_input, full, eps=1e-3, reduction="none"
    ).numpy()
    found = per_position(nn.PoissonNLL(log_input, full, 1e-3), x, COUNTS)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_poisson_is_the_likelihood_but_for_a_constant_of_the_targets() -> None:
    found = per_position(nn.PoissonNLL(), X, COUNTS) + np.array([[math.lgamma(y + 1) for y in row] for row in COUNTS])
    np.testing.assert_allclose(found, -stats.poisson.logpmf(COUNTS, np.exp(X)), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("full", [False, True])
def test_gaussian(full: bool) -> None:
    torch = pytest.importorskip("torch")
    variances = RNG.uniform(0.01, 2.0, X.shape)
    outputs = np.concatenate([X, variances], -1)
    expected = torch.nn.functional.gaussian_nll_loss(
        torch.from_numpy(X), torch.from_numpy(Y), torch.from_numpy(variances), full, eps=0.1, reduction="none"
    ).numpy()
    raw, log = (nn.GaussianNLL(flag, full, epsilon=0.1) for flag in (False, True))
    np.testing.assert_allclose(per_position(raw, outputs, Y), expected, rtol=1e-12)
    logarithms = np.concatenate([X, np.log(variances)], -1)
    np.testing.assert_allclose(per_position(log, logarithms, Y), expected, rtol=1e-12)
    total, count = value(log, logarithms, Y)
    assert (total, count) == (pytest.approx(expected.sum(), rel=1e-12), Y.size)


def test_gaussian_is_the_density() -> None:
    outputs = np.stack([X, Y], -1)
    expected = -stats.norm.logpdf(X + 1, X, np.exp(Y / 2))
    found = per_position(nn.GaussianNLL(full=True), outputs, (X + 1)[..., None])[..., 0]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_gaussian_needs_pairs() -> None:
    for call in (
        lambda: nn.GaussianNLL().target_shape((None, 3)),
        lambda: per_position(nn.GaussianNLL(), np.zeros((2, 3)), np.zeros((2, 1))),
    ):
        with pytest.raises(ShapeError, match=r"a mean and a variance for each number"):
            call()
    with pytest.raises(ShapeError, match=r"targets of shape \(2, 4\) are not of the outputs' shape \(2, 2\)"):
        per_position(nn.GaussianNLL(), np.zeros((2, 4)), np.zeros((2, 4)))
    with pytest.raises(SpecError, match="a mean and a variance"):
        nn.Experiment(model=nn.Sequential([nn.Dense(3)], input=[2]), loss=nn.GaussianNLL(), optimizer=nn.SGD(0.1))


@pytest.mark.parametrize("fields", [{"quantile": 0.0}, {"quantile": 1.0}])
def test_quantiles_lie_between_0_and_1(fields: Any) -> None:
    with pytest.raises(SpecError, match="quantile"):
        nn.Pinball(**fields)


@pytest.mark.parametrize(
    "spec", [nn.LogCosh(), nn.Pinball(0.3), nn.CosineDistance(), nn.PoissonNLL(full=True), nn.GaussianNLL(full=True)]
)
def test_stays_in_the_dtype_of_its_inputs(spec: Any) -> None:
    targets = np.ones(spec.target_shape(X.shape), np.float32)
    assert per_position(spec, X.astype(np.float32), targets).dtype == np.float32
