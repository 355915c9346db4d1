"""Losses of margins against scikit-learn, PyTorch and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
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
