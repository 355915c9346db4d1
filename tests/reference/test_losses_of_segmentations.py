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


@pytest.mark.parametrize("kind", [nn.Dice, nn.Tversky])
@pytest.mark.parametrize("per_class", [False, True])
def test_over_a_batch_examples_are_one(kind: type[nn.Dice | nn.Tversky], per_class: bool) -> None:
    whole = per_position(kind(per_class=per_class), X.reshape(1, 12, 5), Y.reshape(1, 12, 5))
    found = per_position(kind(per_class=per_class, over_batch=True), X, Y)
    np.testing.assert_allclose(found, np.repeat(whole, 3, axis=0), rtol=1e-14)


@pytest.mark.parametrize(
    "spec",
    [
        nn.Dice(over_batch=True, reduction="weighted_mean"),
        nn.Tversky(0.2, 0.9, over_batch=True, per_class=True, reduction="weighted_mean"),
        nn.GeneralizedDice(reduction="weighted_mean"),
    ],
)
def test_examples_that_weigh_nothing_are_as_if_not_there(spec: nn.Dice | nn.Tversky | nn.GeneralizedDice) -> None:
    padded = [np.concatenate([v, np.full((2, 4, 5), 0.7)]) for v in (X, Y)]
    mask = np.array([1.0, 1.0, 1.0, 0.0, 0.0])
    alone = spec.result(*value(spec, X, Y))
    assert spec.result(*value(spec, *padded, mask)) == pytest.approx(alone, rel=1e-14)


def test_weights_are_factors_of_terms_of_a_batch() -> None:
    w = RNG.uniform(0.5, 2.0, 3)
    p = special.expit(X)
    common, found, there = (np.einsum("i,ijk->", w, part) for part in (p * Y, p, Y))
    expected = 1 - (2 * common + 1) / (found + there + 1)
    spec = nn.Dice(over_batch=True)
    np.testing.assert_allclose(per_position(spec, X, Y, w), expected, rtol=1e-14)
    assert value(spec, X, Y, w) == pytest.approx((w.sum() * expected, 3), rel=1e-14)


def test_generalized_dice_is_optaxs() -> None:
    pytest.importorskip("jax")
    losses = pytest.importorskip("optax").losses
    ids = np.array([[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 2]])
    y, x = np.eye(5)[ids], X.astype(np.float32)
    expected = losses.multiclass_generalized_dice_loss(x, y, smooth=0.5)
    spec = nn.GeneralizedDice()
    assert spec.result(*value(spec, x, y)) == pytest.approx(float(expected), rel=1e-6)


def test_generalized_dice_weighs_rare_classes() -> None:
    frequencies = Y.sum((0, 1))
    shares = 1 / (frequencies**2 + 1e-7)
    p = special.softmax(X, -1)
    classes = 1 - (2 * (p * Y).sum(1) + 1) / (p.sum(1) + Y.sum(1) + 1)
    expected = (shares * classes).sum(-1) / shares.sum()
    np.testing.assert_allclose(per_position(nn.GeneralizedDice(), X, Y), expected, rtol=1e-13)
    with pytest.raises(ShapeError, match="GeneralizedDice needs an axis of classes"):
        per_position(nn.GeneralizedDice(), np.zeros(3), np.zeros(3))


def test_one_value_per_example_or_class() -> None:
    assert value(nn.Dice(), X, Y)[1] == 3
    assert value(nn.Dice(per_class=True), X, Y)[1] == 15
    assert nn.Tversky(per_class=True).positions((None, 4, 5)) == (None, 5)
    with pytest.raises(ShapeError, match="per_class needs an axis of classes"):
        per_position(nn.Dice(per_class=True), np.zeros(3), np.zeros(3))
