"""Metrics of decisions and areas under curves against scikit-learn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import special
from sklearn import metrics as oracle

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from nnspec.metrics import added
from nnspec.reference.metrics import value

RNG = np.random.default_rng(11)
X = RNG.normal(size=(150, 5))
X[:, 4] -= 9  # never decided for
IDS = RNG.integers(0, 4, 150)
IDS[:20] = 4
IDS[IDS == 3] = 2  # never a target
DECIDED = X.argmax(-1)
LABELS = RNG.integers(0, 2, X.shape)
WEIGHTS = RNG.uniform(0.1, 3.0, 150)
ALL_WEIGHTS = [pytest.param(None, id="plain"), pytest.param(WEIGHTS, id="weighted")]
SCORES = [
    (nn.Precision, oracle.precision_score, {}),
    (nn.Recall, oracle.recall_score, {}),
    (nn.FBeta, oracle.f1_score, {}),
    (nn.FBeta, oracle.fbeta_score, {"beta": 0.5}),
]


def metric(spec: Any, outputs: Any, targets: Any, weights: Any = None) -> Any:
    return spec.result(*value(spec, outputs, targets, weights))


@pytest.mark.parametrize("weights", ALL_WEIGHTS)
@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
@pytest.mark.parametrize(("cls", "score", "options"), SCORES)
def test_scores_of_classes(cls: Any, score: Any, options: Any, average: Any, weights: Any) -> None:
    expected = score(IDS, DECIDED, average=average, sample_weight=weights, zero_division=0, **options)
    assert metric(cls(average=average, **options), X, IDS, weights) == pytest.approx(expected, rel=1e-13)
    assert metric(cls(average=average, **options), X, np.eye(5)[IDS], weights) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("weights", ALL_WEIGHTS)
@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
@pytest.mark.parametrize(("cls", "score", "options"), SCORES)
def test_scores_of_labels(cls: Any, score: Any, options: Any, average: Any, weights: Any) -> None:
    decided = special.expit(X) > 0.4
    expected = score(LABELS, decided, average=average, sample_weight=weights, zero_division=0, **options)
    assert metric(cls(0.4, average=average, **options), X, LABELS, weights) == pytest.approx(expected, rel=1e-13)
    spec = cls(0.4, from_probabilities=True, average=average, **options)
    assert metric(spec, special.expit(X), LABELS, weights) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(("cls", "score", "options"), SCORES)
def test_scores_of_one_output_are_those_of_the_positive_class(cls: Any, score: Any, options: Any) -> None:
    expected = score(LABELS[:, 0], X[:, 0] > 0, sample_weight=WEIGHTS, **options)
    for average in ("macro", "micro", "weighted"):
        spec = cls(0.5, average=average, **options)
        assert metric(spec, X[:, 0], LABELS[:, 0], WEIGHTS) == pytest.approx(expected, rel=1e-13)
        assert metric(spec, X[:, :1], LABELS[:, :1], WEIGHTS) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("weights", ALL_WEIGHTS)
def test_specificity_is_the_recall_of_what_is_not_a_class(weights: Any) -> None:
    def negatives(targets: Any, decided: Any) -> float:
        return oracle.recall_score(~targets, ~decided, sample_weight=weights)  # type: ignore[no-any-return]

    of_class = [negatives(k == IDS, k == DECIDED) for k in range(5)]
    for k in range(5):
        assert metric(nn.Specificity(class_id=k), X, IDS, weights) == pytest.approx(of_class[k], rel=1e-13)
    assert metric(nn.Specificity(), X, IDS, weights) == pytest.approx(np.mean(of_class), rel=1e-13)
    of_label = [negatives(LABELS[:, k] == 1, X[:, k] > 0) for k in range(5)]
    assert metric(nn.Specificity(0.5), X, LABELS, weights) == pytest.approx(np.mean(of_label), rel=1e-13)


def test_one_class_alone() -> None:
    for cls, score, options in SCORES:
        expected = score(IDS, DECIDED, average=None, labels=range(5), zero_division=0, **options)
        found = [metric(cls(class_id=k, **options), X, IDS) for k in range(5)]
        assert found == pytest.approx(expected, rel=1e-13)
    with pytest.raises(ShapeError, match=r"class_id 5 is not one of 5 classes \(0 to 4\)"):
        value(nn.Recall(class_id=5), X, IDS)


def test_classes_that_never_occur_are_none_and_labels_that_never_occur_are() -> None:
    x, ids = np.eye(4)[[0, 0, 1]], np.array([0, 1, 1])
    assert metric(nn.Precision(), x, ids) == oracle.precision_score(ids, [0, 0, 1], average="macro") == 0.75
    labels = np.array([[1.0, 0.0], [1.0, 0.0]])
    decided = np.array([[0.9, 0.1], [0.8, 0.2]])
    expected = oracle.recall_score(labels, decided > 0.5, average="macro", zero_division=0)
    assert metric(nn.Recall(0.5, from_probabilities=True), decided, labels) == expected == 0.5


@pytest.mark.parametrize("weights", ALL_WEIGHTS)
def test_metrics_of_all_classes(weights: Any) -> None:
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        balanced = oracle.balanced_accuracy_score(IDS, DECIDED, sample_weight=weights)
    assert metric(nn.BalancedAccuracy(), X, IDS, weights) == pytest.approx(balanced, rel=1e-13)
    correlation = oracle.matthews_corrcoef(IDS, DECIDED, sample_weight=weights)
    assert metric(nn.MatthewsCorrelation(), X, IDS, weights) == pytest.approx(correlation, rel=1e-11)
    overlap = oracle.jaccard_score(IDS, DECIDED, average="macro", sample_weight=weights)
    assert metric(nn.MeanIoU(), X, IDS, weights) == pytest.approx(overlap, rel=1e-13)
    for kind in (None, "linear", "quadratic"):
        kappa = oracle.cohen_kappa_score(IDS, DECIDED, weights=kind, sample_weight=weights, labels=list(range(5)))
        spec = nn.CohenKappa(weights=kind or "none")
        assert metric(spec, X, IDS, weights) == pytest.approx(kappa, rel=1e-11)
    matrix = oracle.confusion_matrix(IDS, DECIDED, sample_weight=weights, labels=range(5))
    np.testing.assert_allclose(metric(nn.ConfusionMatrix(), X, IDS, weights), matrix, rtol=1e-13)


@pytest.mark.parametrize("weights", ALL_WEIGHTS)
def test_metrics_of_two_sides_of_a_threshold(weights: Any) -> None:
    t, o = LABELS.ravel(), (special.expit(X) > 0.3).ravel()
    w = None if weights is None else np.repeat(weights, 5)
    pairs: list[tuple[Any, Any]] = [
        (nn.BalancedAccuracy(0.3), oracle.balanced_accuracy_score(t, o, sample_weight=w)),
        (nn.MatthewsCorrelation(0.3), oracle.matthews_corrcoef(t, o, sample_weight=w)),
        (nn.CohenKappa(0.3), oracle.cohen_kappa_score(t, o, sample_weight=w)),
        (nn.MeanIoU(0.3), oracle.jaccard_score(t, o, average="macro", sample_weight=w)),
    ]
    for spec, expected in pairs:
        assert metric(spec, X, LABELS, weights) == pytest.approx(expected, rel=1e-11)
    matrix = oracle.confusion_matrix(t, o, sample_weight=w)
    np.testing.assert_allclose(metric(nn.ConfusionMatrix(0.3), X, LABELS, weights), matrix, rtol=1e-13)


def test_degenerate_decisions() -> None:
    one, ids = np.tile([2.0, 1.0], (4, 1)), np.array([0, 1, 0, 1])
    assert metric(nn.MatthewsCorrelation(), one, ids) == oracle.matthews_corrcoef(ids, [0] * 4) == 0
    assert math.isnan(metric(nn.CohenKappa(), one, np.zeros(4, int)))
    for spec in (nn.Precision(), nn.Recall(), nn.BalancedAccuracy(), nn.MeanIoU(), nn.MatthewsCorrelation()):
        assert math.isnan(metric(spec, one, ids, np.zeros(4)))


def test_the_first_of_equals_is_decided_for_and_the_threshold_is_not_passed() -> None:
    ties = np.array([[1.0, 1.0, 0.0]])
    np.testing.assert_array_equal(metric(nn.ConfusionMatrix(), ties, np.array([2])), [[0, 0, 0], [0, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(metric(nn.ConfusionMatrix(0.5), np.zeros((1, 1)), np.ones((1, 1))), [[0, 0], [1, 0]])


def areas(spec: Any, p: Any, targets: Any, weights: Any = None) -> float:
    return float(metric(spec, p, targets, weights))


@pytest.mark.parametrize("weights", ALL_WEIGHTS)
def test_area_under_roc_is_exact_where_buckets_tell_all_apart(weights: Any) -> None:
    p = (RNG.permutation(150)[:, None] + 0.5) / 150  # one in each bucket
    targets = LABELS[:, :1]
    expected = oracle.roc_auc_score(targets, p, sample_weight=weights)
    spec = nn.AUC(num_thresholds=151, from_probabilities=True)
    assert areas(spec, p, targets, weights) == pytest.approx(expected, rel=1e-12)
    logits = special.logit(p)
    assert areas(nn.AUC(num_thresholds=151), logits, targets, weights) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("weights", ALL_WEIGHTS)
def test_area_under_roc_is_as_near_as_it_says(weights: Any) -> None:
    w = None if weights is None else np.repeat(weights, 5)
    expected = oracle.roc_auc_score(LABELS.ravel(), X.ravel(), sample_weight=w)
    spec = nn.AUC(num_thresholds=20)
    up, right = value(spec, X, LABELS, weights)
    bound = (up * right).sum() / up.sum() / right.sum() / 2
    assert 0 < abs(areas(spec, X, LABELS, weights) - expected) <= bound < 0.1


def test_ties_within_a_bucket_are_ties_of_the_area() -> None:
    p, targets = RNG.integers(0, 5, 200) / 4, RNG.integers(0, 2, 200)
    expected = oracle.roc_auc_score(targets, np.maximum(p, 0.25))  # p = 0 shares the first bucket with 1/4
    assert areas(nn.AUC(num_thresholds=5, from_probabilities=True), p, targets) == pytest.approx(expected, rel=1e-12)


def test_area_of_precision_and_recall_by_hand() -> None:
    # Davis & Goadrich 2006, from one true positive to three, and two false ones: precision (1 + t) / (1 + 2t) at the
    # recall (1 + t) / 3.
    p = np.array([0.9, 0.4, 0.4, 0.4, 0.4])
    targets = np.array([1, 1, 1, 0, 0])
    t = (np.arange(200_000) + 0.5) / 100_000
    expected = 1 / 3 + ((1 + t) / (1 + 2 * t)).mean() * 2 / 3
    spec = nn.AUC("pr", num_thresholds=3, from_probabilities=True)
    assert areas(spec, p, targets) == pytest.approx(expected, rel=1e-8)
    assert areas(spec, p, np.ones(5)) == 1.0


def test_areas_without_two_sides_are_none() -> None:
    for targets in (np.zeros(3), np.ones(3)):
        assert math.isnan(areas(nn.AUC(), X[:3, 0], targets))
    assert math.isnan(areas(nn.AUC("pr"), X[:3, 0], np.zeros(3)))


@pytest.mark.parametrize(
    "spec",
    [nn.FBeta(), nn.CohenKappa(weights="quadratic"), nn.ConfusionMatrix(), nn.MatthewsCorrelation()],
    ids=lambda spec: type(spec).__name__,
)
def test_batches_add_up(spec: Any) -> None:
    running = None
    for rows in (slice(0, 64), slice(64, 128), slice(128, 150)):
        running = added(spec, running, value(spec, X[rows], IDS[rows], WEIGHTS[rows]))
    whole = metric(spec, X, IDS, WEIGHTS)
    np.testing.assert_allclose(spec.result(*running), whole, rtol=1e-13)  # type: ignore[misc]


def test_what_excludes_each_other() -> None:
    with pytest.raises(SpecError, match="the largest output decides, be it a probability or not"):
        nn.Recall(from_probabilities=True)
    with pytest.raises(SpecError, match="class_id is about one class, average about all: give one of them"):
        nn.Precision(average="micro", class_id=0)
