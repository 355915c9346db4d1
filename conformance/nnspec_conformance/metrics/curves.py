"""Cases of areas under curves."""

from __future__ import annotations

from nnspec.metrics import AUC
from nnspec_conformance.metrics.base import MetricCase

CASES = [
    MetricCase(AUC(), (3,), "binary"),
    MetricCase(AUC(), (), "soft", ties=True, weights="example", id="rank 1"),
    MetricCase(AUC("pr", from_probabilities=True), (2, 3), "binary", weights="position"),
    MetricCase(AUC(num_thresholds=5, from_probabilities=True), (4,), "binary", ties=True, id="at thresholds"),
    MetricCase(AUC(num_thresholds=2), (3,), "binary", weights="nothing"),
]
