"""Cases of metrics of variances and covariances."""

from __future__ import annotations

from nnspec.metrics import R2, ExplainedVariance, PearsonCorrelation
from nnspec_conformance.metrics.base import MetricCase

CASES = [
    MetricCase(R2(), (3,), "values"),
    MetricCase(R2(), (), "values", weights="example", id="rank 1"),
    MetricCase(R2("variance_weighted"), (2, 3), "values", weights="position"),
    MetricCase(R2(), (3,), "values", offset=1e3, id="large mean"),
    MetricCase(ExplainedVariance(), (2, 3), "values", weights="mask"),
    MetricCase(ExplainedVariance("variance_weighted"), (3,), "values", ties=True),
    MetricCase(PearsonCorrelation(), (3,), "values", weights="example"),
    MetricCase(PearsonCorrelation(), (2, 2), "values", offset=-1e3, id="large mean"),
    MetricCase(PearsonCorrelation(), (2,), "values", weights="nothing"),
]
