"""Cases of metrics of decisions."""

from __future__ import annotations

from nnspec.metrics import (
    BalancedAccuracy,
    CohenKappa,
    ConfusionMatrix,
    FBeta,
    MatthewsCorrelation,
    MeanIoU,
    Precision,
    Recall,
    Specificity,
)
from nnspec_conformance.metrics.base import MetricCase

CASES = [
    MetricCase(Precision(), (4,), "ids"),
    MetricCase(Precision(average="micro"), (3, 4), "soft", ties=True, weights="position"),
    MetricCase(Precision(0.25, from_probabilities=True), (3,), "soft", ties=True, weights="example"),
    MetricCase(Precision(0.5), (), "binary", id="rank 1"),
    MetricCase(Precision(class_id=1), (3,), "one_hot", weights="mask"),
    MetricCase(Recall(), (4,), "ids", weights="example"),
    MetricCase(Recall(0.5, average="weighted"), (2, 3), "binary", ties=True, weights="position"),
    MetricCase(Recall(0.75, from_probabilities=True, class_id=2), (3,), "binary"),
    MetricCase(FBeta(), (5,), "ids", ties=True),
    MetricCase(FBeta(average="micro", beta=2.0), (4,), "one_hot", weights="nothing"),
    MetricCase(FBeta(0.5, from_probabilities=True), (3,), "binary", ties=True),
    MetricCase(FBeta(class_id=0, beta=0.5), (4,), "soft"),
    MetricCase(Specificity(), (4,), "ids", weights="example"),
    MetricCase(Specificity(0.5, average="micro"), (3,), "binary", ties=True),
    MetricCase(Specificity(0.8, from_probabilities=True, class_id=1), (2, 3), "binary", weights="position"),
    MetricCase(BalancedAccuracy(), (3, 4), "ids", ties=True, weights="position"),
    MetricCase(BalancedAccuracy(0.25, from_probabilities=True), (3,), "binary", ties=True),
    MetricCase(MeanIoU(), (2, 2, 3), "ids", weights="example"),
    MetricCase(MeanIoU(0.5, from_probabilities=True), (3,), "binary", weights="position"),
    MetricCase(MatthewsCorrelation(), (4,), "soft", ties=True),
    MetricCase(MatthewsCorrelation(0.5, from_probabilities=True), (), "binary", weights="example", id="rank 1"),
    MetricCase(CohenKappa(), (4,), "ids", weights="example"),
    MetricCase(CohenKappa(weights="linear"), (3, 5), "one_hot", ties=True),
    MetricCase(CohenKappa(weights="quadratic"), (5,), "ids", weights="position"),
    MetricCase(CohenKappa(0.25, from_probabilities=True), (3,), "binary", ties=True),
    MetricCase(ConfusionMatrix(), (4,), "ids", ties=True),
    MetricCase(ConfusionMatrix(), (3, 4), "soft", weights="position"),
    MetricCase(ConfusionMatrix(0.25, from_probabilities=True), (3,), "binary", ties=True, weights="example"),
]
