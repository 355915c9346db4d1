"""Metrics: what a batch adds to each accumulator, in a Keras metric that adds it up."""

from __future__ import annotations

from nnspec_tensorflow.metrics import classification, curves, means, moments
from nnspec_tensorflow.metrics.base import SpecMetric, metric, sums
from nnspec_tensorflow.metrics.books import Books

__all__ = ["Books", "SpecMetric", "classification", "curves", "means", "metric", "moments", "sums"]
