"""Metrics against scikit-learn, and ties by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import special
from scipy.spatial import distance
from sklearn import metrics as sklearn_metrics

import nnspec as nn
from nnspec.errors import DataError, ShapeError
from nnspec.reference.losses import for_metrics
from nnspec.reference.metrics import value

RNG = np.random.default_rng(8)
X = RNG.normal(size=(200, 7))
IDS = RNG.integers(0, 7, 200)
WEIGHTS = RNG.uniform(0.1, 3.0, 200)


def metric(spec: Any, outputs: Any, targets: Any, weights: Any = None) -> float:
    return spec.result(*value(spec, outputs, targets, weights))


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_accuracy(weights: Any) -> None:
    expected = sklearn_metrics.accuracy_score(IDS, X.argmax(-1), sample_weight=weights)
    assert metric(nn.Accuracy(), X, IDS, weights) == pytest.approx(expected, rel=1e-14)
    assert metric(nn.Accuracy(), X, np.eye(7)[IDS], weights) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("k", [1, 3, 6])
def test_top_k_accuracy(k: int, weights: Any) -> None:
    expected = sklearn_metrics.top_k_accuracy_score(IDS, X, k=k, sample_weight=weights)
    assert metric(nn.TopKAccuracy(k), X, IDS, weights) == pytest.approx(expected, rel=1e-14)
    assert metric(nn.TopKAccuracy(k), X, np.eye(7)[IDS], weights) == pytest.approx(expected, rel=1e-14)


def test_ties_go_to_the_first() -> None:
    x = np.array([[1.0, 2.0, 2.0, 0.0]] * 4)
    ids = np.arange(4)
    assert value(nn.Accuracy(), x, ids) == (1.0, 4.0)
    order = [1, 2, 0, 3]  # classes from the first place on
    for k in range(1, 5):
        for label in range(4):
            total, count = value(nn.TopKAccuracy(k), x[:1], ids[label : label + 1])
            assert (total, count) == (float(label in order[:k]), 1.0)


def test_more_places_than_classes() -> None:
    assert metric(nn.TopKAccuracy(9), X, IDS) == 1.0


@pytest.mark.parametrize("weights", [None, RNG.uniform(0.1, 3.0, (200, 7))], ids=["plain", "weighted"])
@pytest.mark.parametrize("threshold", [0.5, 0.2])
def test_binary_accuracy(threshold: float, weights: Any) -> None:
    targets = RNG.integers(0, 2, X.shape).astype(bool)
    p = special.expit(X)
    sample_weight = None if weights is None else weights.ravel()
    expected = sklearn_metrics.accuracy_score(targets.ravel(), (p > threshold).ravel(), sample_weight=sample_weight)
    assert metric(nn.BinaryAccuracy(threshold), X, targets, weights) == pytest.approx(expected, rel=1e-14)
    from_p = nn.BinaryAccuracy(threshold, from_probabilities=True)
    assert metric(from_p, p, targets.astype(float), weights) == pytest.approx(expected, rel=1e-14)


def test_binary_accuracy_at_the_threshold() -> None:
    x = np.zeros((1, 2))  # σ(0) = 0.5 is not above 0.5
    assert value(nn.BinaryAccuracy(), x, np.array([[0.0, 0.5]])) == (2.0, 2.0)
    assert value(nn.BinaryAccuracy(), x, np.array([[1.0, 0.51]])) == (0.0, 2.0)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    ("spec", "oracle"),
    [
        (nn.MSE(), sklearn_metrics.mean_squared_error),
        (nn.MAE(), sklearn_metrics.mean_absolute_error),
    ],
    ids=["mse", "mae"],
)
def test_errors(spec: Any, oracle: Any, weights: Any) -> None:
    targets = RNG.normal(size=X.shape)
    assert metric(spec, X, targets, weights) == pytest.approx(oracle(targets, X, sample_weight=weights), rel=1e-13)


def test_rmse_is_of_all_elements() -> None:
    targets = RNG.normal(size=200)
    expected = sklearn_metrics.root_mean_squared_error(targets, X[:, 0], sample_weight=WEIGHTS)
    assert metric(nn.RMSE(), X[:, 0], targets, WEIGHTS) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_relative_and_logarithmic_errors(weights: Any) -> None:
    targets = RNG.uniform(0.5, 4, X.shape)
    outputs = np.abs(X)
    share = sklearn_metrics.mean_absolute_percentage_error(targets, outputs, sample_weight=weights)
    assert metric(nn.MAPE(), outputs, targets, weights) == pytest.approx(100 * share, rel=1e-13)
    logarithmic = sklearn_metrics.mean_squared_log_error(targets, outputs, sample_weight=weights)
    assert metric(nn.MSLE(1e-12), outputs, targets, weights) == pytest.approx(logarithmic, rel=1e-9)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_cosine_similarity(weights: Any) -> None:
    targets = RNG.normal(size=X.shape)
    each = [1 - distance.cosine(x, t) for x, t in zip(X, targets, strict=True)]
    expected = np.average(each, weights=weights)
    assert metric(nn.CosineSimilarity(), X, targets, weights) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_perplexity(weights: Any) -> None:
    p = special.softmax(X, -1)
    expected = math.exp(sklearn_metrics.log_loss(IDS, p, sample_weight=weights))
    assert metric(nn.Perplexity(), X, IDS, weights) == pytest.approx(expected, rel=1e-13)
    assert metric(nn.Perplexity(from_probabilities=True), p, np.eye(7)[IDS], weights) == pytest.approx(expected)
    assert metric(nn.Perplexity(), np.zeros((3, 7)), IDS[:3]) == pytest.approx(7)  # nothing is known of 7 classes
    assert metric(nn.Perplexity(), np.array([[0.0, 1e4]]), np.array([0])) == math.inf


def test_batches_add_up() -> None:
    for spec, targets in ((nn.Accuracy(), IDS), (nn.RMSE(), RNG.normal(size=X.shape))):
        parts = [value(spec, X[s], targets[s], WEIGHTS[s]) for s in (slice(0, 13), slice(13, 200))]
        total, count = map(sum, zip(*parts, strict=True))
        assert spec.result(total, count) == pytest.approx(metric(spec, X, targets, WEIGHTS), rel=1e-14)


def test_nothing_counted_is_nan() -> None:
    assert math.isnan(metric(nn.Accuracy(), np.zeros((0, 3)), np.zeros(0, int)))
    assert math.isnan(metric(nn.RMSE(), X, X, np.zeros(200)))


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_beside_a_loss_only_what_it_keeps_counts(weights: Any) -> None:
    ids = np.where(np.arange(200) % 3 == 0, -1, IDS)
    kept = ids != -1
    given = for_metrics(nn.SoftmaxCrossEntropy(ignore_label=-1), ids, weights)
    w = None if weights is None else weights[kept]
    for spec, expected in (
        (nn.Accuracy(), sklearn_metrics.accuracy_score(ids[kept], X[kept].argmax(-1), sample_weight=w)),
        (nn.TopKAccuracy(3), sklearn_metrics.top_k_accuracy_score(ids[kept], X[kept], k=3, sample_weight=w)),
    ):
        assert metric(spec, X, *given) == pytest.approx(expected, rel=1e-14)
    elements = np.where(RNG.random(X.shape) < 0.3, -1.0, X.round().clip(0, 1))
    kept = elements != -1
    w = None if weights is None else np.broadcast_to(weights[:, None], X.shape)[kept]
    given = for_metrics(nn.BinaryCrossEntropy(ignore_label=-1), elements, weights)
    expected = sklearn_metrics.mean_absolute_error(elements[kept], X[kept], sample_weight=w)
    assert metric(nn.MAE(), X, *given) == pytest.approx(expected, rel=1e-13)


def test_beside_a_loss_that_ignores_nothing_all_counts() -> None:
    soft = np.eye(7)[IDS]
    for loss, targets in ((nn.SoftmaxCrossEntropy(), IDS), (nn.SoftmaxCrossEntropy(ignore_label=0), soft)):
        found, weights = for_metrics(loss, targets, WEIGHTS)
        assert found is targets and weights is WEIGHTS
    with pytest.raises(ShapeError, match=r"weights of shape \(200, 7\) are not for positions of shape \(200\)"):
        for_metrics(nn.SoftmaxCrossEntropy(ignore_label=0), IDS, np.ones((200, 7)))


def test_what_does_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"targets of shape \(200\) are not of the outputs' shape \(200, 1\)"):
        value(nn.MSE(), X[:, :1], X[:, 0])
    with pytest.raises(ShapeError, match=r"weights of shape \(200, 1\) are not for positions of shape \(200\)"):
        value(nn.Accuracy(), X, IDS, WEIGHTS[:, None])
    with pytest.raises(DataError, match="class id 7 is not one of 7 classes"):
        value(nn.TopKAccuracy(2), X, np.full(200, 7))
