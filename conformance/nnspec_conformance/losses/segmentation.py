"""Cases of losses of segmentations."""

from __future__ import annotations

from nnspec.losses.segmentation import Dice, GeneralizedDice, Tversky
from nnspec_conformance.losses.base import LossCase, LossExample

CASES = [
    LossCase(Dice(), (3, 2, 2), "unit"),
    LossCase(Dice(0.3, multiclass=True, per_class=True, reduction="weighted_mean"), (3, 4), "soft", weights="example"),
    LossCase(Dice(0.7, smooth_numerator=False, per_class=True, reduction="sum"), (4,), "unit", weights="position"),
    LossCase(Dice(from_probabilities=True), (2, 5), "unit", probabilities=True, weights="example"),
    LossCase(Dice(over_batch=True, reduction="weighted_mean"), (3, 2), "unit", weights="mask"),
    LossCase(Dice(0.3, over_batch=True, per_class=True, multiclass=True), (3, 4), "soft", weights="example"),
    LossCase(Tversky(), (), "unit", id="rank 1"),
    LossCase(Tversky(0.3, 0.9, multiclass=True, reduction="sum"), (2, 3), "soft", weights="example"),
    LossCase(Tversky(0.8, 0.1, 0.7, from_probabilities=True), (5,), "unit", probabilities=True),
    LossCase(Tversky(1.3, 0.4, smooth_numerator=False, per_class=True), (3, 2), "unit"),
    LossCase(Tversky(0.3, 0.9, from_probabilities=True, over_batch=True), (5,), "unit", probabilities=True),
    LossCase(Tversky(over_batch=True, per_class=True, reduction="sum"), (2, 3), "unit", weights="position"),
    LossCase(GeneralizedDice(), (3, 4), "one_hot", weights="example"),
    LossCase(GeneralizedDice(0.5, epsilon=0.3, reduction="weighted_mean"), (4,), "soft", weights="mask"),
    LossCase(GeneralizedDice(from_probabilities=True), (2, 2, 3), "soft", probabilities=True),
]

EXAMPLES = [
    LossExample(
        Dice(smooth_numerator=False, from_probabilities=True),
        ((0.0, 0.0), (1.0, 1.0)),
        ((0.0, 0.0), (1.0, 0.0)),
        id="nothing to find",
        value=(1.0 + (1 - 2 / 4)) / 2,
        gradient=((0.0, 0.0), (-(2 / 4 - 2 / 16) / 2, 2 / 16 / 2)),
    ),
    LossExample(
        # Of 2·1.5 + 1 and 2 + 3 + 1, for both examples.
        Dice(from_probabilities=True, over_batch=True),
        ((0.5, 0.5), (1.0, 0.0)),
        ((1.0, 0.0), (1.0, 1.0)),
        id="over the batch",
        value=1 - 4 / 6,
        gradient=((-2 / 9, 1 / 9), (-2 / 9, -2 / 9)),
    ),
    LossExample(
        Tversky(2.0, 0.5, from_probabilities=True),
        ((0.5, 0.5),),
        ((1.0, 0.0),),
        id="by hand",
        value=1 - 1.5 / 2.75,
        # The divisor is 1 + p₁ + 2·p₂ + (1 − p₁)/2.
        gradient=((-1 / 2.75 + 1.5 / 2.75**2 * 0.5, 1.5 / 2.75**2 * 2.0),),
    ),
]
