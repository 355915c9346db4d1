"""Losses: functions to (total, count), and the quotient of the two."""

from __future__ import annotations

from nnspec_jax.losses import classification, contrastive, margin, regression, segmentation, sequences
from nnspec_jax.losses.base import (
    LossFunction,
    PerPosition,
    check_class_ids,
    elementwise,
    for_metrics,
    is_class_ids,
    one_hot,
    weighted,
)

__all__ = [
    "LossFunction",
    "PerPosition",
    "check_class_ids",
    "classification",
    "contrastive",
    "elementwise",
    "for_metrics",
    "is_class_ids",
    "margin",
    "one_hot",
    "regression",
    "segmentation",
    "sequences",
    "weighted",
]
