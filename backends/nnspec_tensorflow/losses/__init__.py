"""Losses: the spec's formulas, differentiated by TensorFlow, in a Keras loss that reduces as the spec does."""

from __future__ import annotations

from nnspec_tensorflow.losses import classification, contrastive, margin, regression, segmentation, sequences
from nnspec_tensorflow.losses.base import SpecLoss, class_ids, elementwise, for_metrics, loss, reduced, weighted

__all__ = [
    "SpecLoss",
    "class_ids",
    "classification",
    "contrastive",
    "elementwise",
    "for_metrics",
    "loss",
    "margin",
    "reduced",
    "regression",
    "segmentation",
    "sequences",
    "weighted",
]
