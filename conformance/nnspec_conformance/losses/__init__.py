"""Cases of the losses."""

from __future__ import annotations

from nnspec_conformance.losses import classification, contrastive, margin, regression, segmentation, sequences
from nnspec_conformance.losses.base import MASKS, LossCase, LossExample, Weights, drawn_weights, weighting

_FILES = (classification, contrastive, margin, regression, segmentation, sequences)
CASES = [case for file in _FILES for case in file.CASES]
EXAMPLES = [example for file in _FILES for example in file.EXAMPLES]

__all__ = ["CASES", "EXAMPLES", "MASKS", "LossCase", "LossExample", "Weights", "drawn_weights", "weighting"]
