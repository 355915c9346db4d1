"""Cases of weighted means."""

from __future__ import annotations

from nnspec.metrics import (
    MAE,
    MAPE,
    MSE,
    MSLE,
    RMSE,
    Accuracy,
    BinaryAccuracy,
    CosineSimilarity,
    Perplexity,
    TopKAccuracy,
)
from nnspec_conformance.losses import MASKS
from nnspec_conformance.metrics.base import MetricCase

CASES = [
    MetricCase(Accuracy(), (4,), "ids"),
    MetricCase(Accuracy(), (4,), "ids", ties=True),
    MetricCase(Accuracy(), (4,), "one_hot"),
    MetricCase(Accuracy(), (4,), "soft", ties=True),
    MetricCase(Accuracy(), (3, 4), "ids", weights="position"),
    MetricCase(Accuracy(), (4,), "one_hot", weights="example"),
    MetricCase(Accuracy(), (3, 4), "ids", weights="example"),
    MetricCase(TopKAccuracy(), (12,), "ids"),
    MetricCase(TopKAccuracy(k=2), (5,), "ids", ties=True),
    MetricCase(TopKAccuracy(k=3), (5,), "one_hot", ties=True, weights="example"),
    MetricCase(TopKAccuracy(k=1), (5,), "ids", ties=True),
    MetricCase(TopKAccuracy(k=5), (3,), "ids", id="k above the classes"),
    MetricCase(TopKAccuracy(k=2), (5,), "soft", ties=True),
    MetricCase(BinaryAccuracy(), (), "binary", id="rank 1"),
    MetricCase(BinaryAccuracy(), (3,), "binary", ties=True),
    MetricCase(BinaryAccuracy(), (3,), "binary", weights="example"),
    MetricCase(BinaryAccuracy(0.8), (3,), "binary"),
    MetricCase(BinaryAccuracy(from_probabilities=True), (3,), "binary", ties=True),
    MetricCase(BinaryAccuracy(0.25, from_probabilities=True), (3,), "soft", ties=True, weights="position"),
    MetricCase(Accuracy(), (90, 3), "ids", weights="example", id="many positions"),
    MetricCase(MSE(), (3,), "values"),
    MetricCase(MSE(), (3, 2), "values", weights="example"),
    MetricCase(RMSE(), (3,), "values"),
    MetricCase(RMSE(), (), "values", weights="example", id="rank 1"),
    MetricCase(MAE(), (3,), "values"),
    MetricCase(MAE(), (3,), "values", weights="position"),
    MetricCase(MAPE(), (3,), "values"),
    MetricCase(MAPE(0.5), (3,), "values", weights="position"),
    MetricCase(MSLE(), (3,), "values", weights="example"),
    MetricCase(MSLE(0.5), (2, 3), "values", ties=True),
    MetricCase(CosineSimilarity(), (3,), "values"),
    MetricCase(CosineSimilarity(0.7), (2, 3), "values", ties=True, weights="position"),
    MetricCase(Perplexity(), (4,), "ids"),
    MetricCase(Perplexity(), (3, 4), "one_hot", weights="position"),
    MetricCase(Perplexity(from_probabilities=True), (4,), "soft", weights="example"),
    MetricCase(Perplexity(True, epsilon=0.1), (4,), "ids", ties=True),
    *(
        MetricCase(spec, (3, 4), "ids" if isinstance(spec, Accuracy) else "values", weights=weights)
        for spec in (Accuracy(), RMSE())
        for weights in MASKS
    ),
]
