"""Dice and Tversky against scikit-learn's F-scores and their formulas in sums of counts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special
from sklearn import metrics as sklearn_metrics

import nnspec as nn
from nnspec.errors import ShapeError
from nnspec.reference.losses import per_position, value

RNG = np.random.default_rng(41)
X = RNG.normal(size=(3, 4, 5))
Y = (RNG.random(X.shape) < 0.5) / 1.0
HARD = (RNG.random(X.shape) < 0.5) / 1.0


def test_dice_of_hard_segmentations_is_the_f1_score() -> None:
    found = per_position(nn.Dice(1e-12, from_probabilities=True), HARD, Y)
    scores = [sklearn_metrics.f1_score(y.ravel(), p.ravel()) for y, p in zip(Y, HARD, strict=True)]
    np.testing.assert_allclose(found, 1 - np.array(scores), rtol=1e-10)
    classes = per_position(nn.Dice(1e-12, from_probabilities=True, per_class=True), HARD, Y)
    by_class = [sklearn_metrics.f1_score(y, p, average=None, zero_division=0) for y, p in zip(Y, HARD, strict=True)]
    np.testing.assert_allclose(classes, 1 - np.array(by_class), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_tversky_of_hard_segmentations_is_an_f_score(beta: float) -> None:
    """F_β = TP / (TP + FP / (1 + β²) + FN · β² / (1 + β²))."""
    share = 1 / (1 + beta**2)
    found = per_position(nn.Tversky(share, 1 - share, 1e-12, from_probabilities=True), HARD, Y)
    scores = [sklearn_metrics.fbeta_score(y.ravel(), p.ravel(), beta=beta) for y, p in zip(Y, HARD, strict=True)]
    np.testing.assert_allclose(found, 1 - np.array(scores), rtol=1e-10)


def test_logits_and_classes() -> None:
    for spec, p in (
        (nn.Dice(), special.expit(X)),
        (nn.Dice(multiclass=True), special.softmax(X, -1)),
        (nn.Tversky(0.2, 0.7, multiclass=True, per_class=True), special.softmax(X, -1)),
    ):
        given = {name: held for name, held in vars(spec).items() if name not in ("multiclass", "from_probabilities")}
        same = type(spec)(**given, from_probabilities=True)
        np.testing.assert_allclose(per_position(spec, X, Y), per_position(same, p, Y), rtol=1e-13)


def test_smoothing() -> None:
    nothing = np.zeros((2, 3))
    assert per_position(nn.Dice(from_probabilities=True), nothing, nothing).tolist() == [0, 0]
    keras = nn.Dice(smooth_numerator=False, from_probabilities=True)
    assert per_position(keras, nothing, nothing).tolist() == [1, 1]
    dice = per_position(nn.Dice(3.0), X, Y)
    np.testing.assert_allclose(per_position(nn.Tversky(smooth=1.5), X, Y), dice, rtol=1e-13)


def test_one_value_per_example_or_class() -> None:
    assert value(nn.Dice(), X, Y)[1] == 3
    assert value(nn.Dice(per_class=True), X, Y)[1] == 15
    assert nn.Tversky(per_class=True).positions((None, 4, 5)) == (None, 5)
    with pytest.raises(ShapeError, match="per_class needs an axis of classes"):
        per_position(nn.Dice(per_class=True), np.zeros(3), np.zeros(3))
