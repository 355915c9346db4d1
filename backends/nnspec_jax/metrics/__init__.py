"""Metrics: functions (outputs, targets, weights) to what a batch adds to each accumulator."""

from __future__ import annotations

from nnspec_jax.metrics import classification, curves, means, moments
from nnspec_jax.metrics.base import Metric, Running, added, started, totals

__all__ = ["Metric", "Running", "added", "classification", "curves", "means", "moments", "started", "totals"]
