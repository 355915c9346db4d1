"""Losses of margins against scikit-learn, PyTorch and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize
from sklearn import metrics as sklearn_metrics

import nnspec as nn
from nnspec.reference.losses import per_position

RNG = np.random.default_rng(23)
X = RNG.normal(size=(8, 5)) * 2
SIGNS = RNG.choice([-1.0, 1.0], X.shape)
IDS = RNG.integers(0, 5, 8)


def test_hinge() -> None:
    found = per_position(nn.Hinge(), X, SIGNS)
    assert found.mean() == pytest.approx(sklearn_metrics.hinge_loss(SIGNS.ravel(), X.ravel()), rel=1e-14)
    np.testing.assert_array_equal(per_position(nn.Hinge(binary_targets=True), X, (SIGNS + 1) / 2), found)
    np.testing.assert_allclose(per_position(nn.SquaredHinge(), X, SIGNS), found**2, rtol=1e-14)
    perceptron = np.where(np.sign(X) == SIGNS, 0, np.abs(X))  # how far wrong scores are from zero
    np.testing.assert_allclose(per_position(nn.Hinge(0.0), X, SIGNS), perceptron, rtol=1e-14)
    np.testing.assert_allclose(per_position(nn.Hinge(0.5), X, SIGNS), per_position(nn.Hinge(), 2 * X, SIGNS) / 2)


def test_squared_hinge_of_binary_targets() -> None:
    binary = per_position(nn.SquaredHinge(binary_targets=True), X, (SIGNS + 1) / 2)
    np.testing.assert_array_equal(binary, per_position(nn.SquaredHinge(), X, SIGNS))


def test_categorical_hinge_is_crammer_and_singers() -> None:
    expected = sklearn_metrics.hinge_loss(IDS, X, labels=range(5))
    assert per_position(nn.CategoricalHinge(), X, IDS).mean() == pytest.approx(expected, rel=1e-14)
    one_hot = np.eye(5)[IDS]
    found = per_position(nn.CategoricalHinge(0.5), X, one_hot)
    np.testing.assert_allclose(found, per_position(nn.CategoricalHinge(), 2 * X, IDS) / 2, rtol=1e-14)
    perceptron = X.max(-1) - X[np.arange(8), IDS]
    np.testing.assert_allclose(per_position(nn.CategoricalHinge(0.0), X, IDS), perceptron, rtol=1e-14)


def test_categorical_hinge_of_two_classes_is_multi_margin() -> None:
    torch = pytest.importorskip("torch")
    ids = IDS % 2
    expected = torch.nn.functional.multi_margin_loss(
        torch.from_numpy(X[:, :2].copy()), torch.from_numpy(ids), reduction="none"
    )
    # PyTorch sums over the rivals, and divides by the number of classes.
    np.testing.assert_allclose(per_position(nn.CategoricalHinge(), X[:, :2], ids) / 2, expected.numpy(), rtol=1e-13)


def test_categorical_hinge_of_keras() -> None:
    # Of Keras's documentation: the rival is masked, hence never below 0.
    y = np.array([[0.0, 1.0], [0.0, 0.0]])
    x = np.array([[0.6, 0.4], [0.4, 0.6]])
    found = per_position(nn.CategoricalHinge(rival="masked"), x, y)
    np.testing.assert_allclose(found, [1.2, 1.6], rtol=1e-14)
    low = per_position(nn.CategoricalHinge(rival="masked"), np.array([[0.25, -4.0]]), np.array([0]))
    assert low[0] == 0.75
    assert per_position(nn.CategoricalHinge(), np.array([[0.25, -4.0]]), np.array([0]))[0] == 0.0


def onto_simplex(scores: np.ndarray) -> np.ndarray:
    """The nearest distribution, from the threshold that takes a sum of 1."""
    tau = optimize.brentq(lambda t: np.maximum(scores - t, 0).sum() - 1, scores.min() - 1, scores.max(), xtol=1e-15)
    return np.maximum(scores - tau, 0)


def test_sparsemax_loss_is_martins_and_astudillos() -> None:
    for x, y in zip(X, RNG.dirichlet(np.ones(5), 8), strict=True):
        p = onto_simplex(x)
        support = p > 0
        tau = (x - p)[support].mean()
        # Their equation 16, with a distribution for the class.
        expected = -(y * x).sum() + (x[support] ** 2 - tau**2).sum() / 2 + (y**2).sum() / 2
        assert per_position(nn.SparsemaxLoss(), x[None], y[None])[0] == pytest.approx(expected, rel=1e-10)
    shifted = per_position(nn.SparsemaxLoss(), X + 1e6, IDS)
    np.testing.assert_allclose(shifted, per_position(nn.SparsemaxLoss(), X, IDS), atol=1e-8)


def test_sparsemax_loss_of_two_classes_is_the_modified_huber_loss() -> None:
    t = np.linspace(-3, 3, 25)
    expected = np.where(t >= 1, 0, np.where(t <= -1, -t, (1 - t) ** 2 / 4))
    scores = np.stack([t, np.zeros_like(t)], -1)
    np.testing.assert_allclose(per_position(nn.SparsemaxLoss(), scores, np.zeros(25, int)), expected, atol=1e-15)
    np.testing.assert_allclose(per_position(nn.BinarySparsemaxLoss(), t, np.ones(25)), expected, atol=1e-15)
    np.testing.assert_allclose(per_position(nn.BinarySparsemaxLoss(), -t, np.zeros(25)), expected, atol=1e-15)


def test_binary_sparsemax_loss_is_a_fenchel_young_loss() -> None:
    x, y = np.linspace(-3, 3, 25), RNG.random(25)
    plus = np.where(x >= 1, x, np.where(x <= -1, 0, (x + 1) ** 2 / 4))  # the conjugate of y² − y
    np.testing.assert_allclose(per_position(nn.BinarySparsemaxLoss(), x, y), plus - x * y + y**2 - y, atol=1e-15)
