"""Cases of the metrics."""

from __future__ import annotations

from nnspec_conformance.metrics import classification, curves, means, moments
from nnspec_conformance.metrics.base import MetricCase

_FILES = (means, classification, curves, moments)
CASES = [case for file in _FILES for case in file.CASES]

__all__ = ["CASES", "MetricCase"]
