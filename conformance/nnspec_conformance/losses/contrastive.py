"""Cases of contrastive losses."""

from __future__ import annotations

import math

from nnspec.losses.contrastive import InfoNCE
from nnspec_conformance.losses.base import LossCase, LossExample

CASES = [
    LossCase(InfoNCE(), (5,), "values"),
    # Where an output is shorter than epsilon, its gradient is 1 / epsilon, which float16 must be able to hold.
    LossCase(InfoNCE(0.7, symmetric=True, epsilon=1e-3), (3,), "values", weights="example"),
    LossCase(InfoNCE(0.3, epsilon=2.0, reduction="sum"), (4,), "values", id="short outputs"),
]

EXAMPLES = [
    LossExample(
        # Outputs of zero are alike to all targets; their norms are a constant.
        InfoNCE(1.0, epsilon=1.0),
        ((0.0, 0.0), (0.0, 0.0)),
        ((1.0, 0.0), (0.0, 1.0)),
        id="outputs of zero",
        value=math.log(2),
        gradient=((-0.25, 0.25), (0.25, -0.25)),
    ),
]
