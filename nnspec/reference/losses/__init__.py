"""Losses: one value per position, and their weighted sum."""

from __future__ import annotations

from nnspec.reference.losses import classification, contrastive, margin, regression, segmentation, sequences
from nnspec.reference.losses.base import class_ids, elementwise, for_metrics, loss, per_position, value, weighted

__all__ = [
    "class_ids",
    "classification",
    "contrastive",
    "elementwise",
    "for_metrics",
    "loss",
    "margin",
    "per_position",
    "regression",
    "segmentation",
    "sequences",
    "value",
    "weighted",
]
