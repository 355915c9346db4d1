"""Cases of losses of sequences."""

from __future__ import annotations

import math

from nnspec.losses.sequences import CTC
from nnspec_conformance.losses.base import LossCase, LossExample

CASES = [
    LossCase(CTC(), (7, 4), "sequences"),
    LossCase(CTC(3, step_counts=True, reduction="weighted_mean"), (6, 4), "sequences", weights="example"),
    LossCase(CTC(1, step_counts=True, zero_infinity=True), (5, 3), "sequences", scale=3.0),
]

_EVEN = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
EXAMPLES = [
    LossExample(
        # A sequence that takes both steps, one of nothing but blanks, and a repetition that has no blank between.
        CTC(zero_infinity=True),
        (_EVEN, _EVEN, _EVEN),
        ((1, 2), (0, 0), (1, 1)),
        id="by hand",
        value=4 * math.log(3) / 3,
        gradient=(
            ((1 / 9, -2 / 9, 1 / 9), (1 / 9, 1 / 9, -2 / 9)),
            ((-2 / 9, 1 / 9, 1 / 9), (-2 / 9, 1 / 9, 1 / 9)),
            _EVEN,
        ),
    ),
]
