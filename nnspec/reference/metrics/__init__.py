"""Metrics: what a batch adds to each accumulator."""

from __future__ import annotations

from nnspec.reference.metrics import classification, curves, means, moments
from nnspec.reference.metrics.base import metric, sums, value

__all__ = ["classification", "curves", "means", "metric", "moments", "sums", "value"]
