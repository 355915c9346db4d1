"""Cases of contrastive losses."""

from __future__ import annotations

import math

from nnspec.losses.contrastive import (
    BatchHardTriplet,
    BatchSemiHardTriplet,
    Circle,
    ContrastiveMargin,
    InfoNCE,
    NTXent,
    TripletMargin,
)
from nnspec_conformance.losses.base import LossCase, LossExample

CASES = [
    LossCase(InfoNCE(), (5,), "values"),
    # Where an output is shorter than epsilon, its gradient is 1 / epsilon, which float16 must be able to hold.
    LossCase(InfoNCE(0.7, symmetric=True, epsilon=1e-3), (3,), "values", weights="example"),
    LossCase(InfoNCE(0.3, epsilon=2.0, reduction="sum"), (4,), "values", id="short outputs"),
    LossCase(NTXent(0.3), (5,), "groups", weights="example"),
    LossCase(NTXent(0.5, epsilon=2.0, reduction="sum"), (3,), "groups", id="short outputs"),
    # Exponents of Circle's own gamma change too fast for differences.
    LossCase(Circle(4.0), (4,), "groups"),
    LossCase(
        Circle(3.0, 0.25, remove_diagonal=False, epsilon=2.0, reduction="weighted_mean"),
        (3,),
        "groups",
        weights="example",
    ),
    LossCase(Circle(2.0, mean_of_positive=True), (5,), "groups"),
    LossCase(BatchHardTriplet(2.0), (4,), "groups", weights="example"),
    LossCase(BatchHardTriplet(0.5, squared=True, reduction="sum"), (4,), "groups"),
    LossCase(BatchHardTriplet(epsilon=0.3), (3,), "groups"),
    LossCase(BatchSemiHardTriplet(2.0), (4,), "groups", weights="example"),
    LossCase(BatchSemiHardTriplet(0.5, squared=True, reduction="sum"), (3,), "groups"),
    LossCase(BatchSemiHardTriplet(epsilon=0.3), (2,), "groups"),
    LossCase(TripletMargin(), (3, 4), "signs"),
    LossCase(TripletMargin(0.5, squared=True, reduction="weighted_mean"), (2, 3, 2), "signs", weights="example"),
    LossCase(TripletMargin(0.2, epsilon=0.3), (3, 2), "signs"),
    LossCase(ContrastiveMargin(2.5), (2, 3), "unit"),
    LossCase(ContrastiveMargin(reduction="sum"), (3, 2, 2), "unit", weights="example"),
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
    *(
        LossExample(spec, ((1.0, 2.0), (3.0, 1.0)), groups, id=what, value=0.0, gradient=((0.0, 0.0), (0.0, 0.0)))
        for spec in (NTXent(), Circle(mean_of_positive=True), BatchHardTriplet(), BatchSemiHardTriplet())
        for what, groups in (("nobody beside", (0, 1)), ("nobody against", (7, 7)))
    ),
    LossExample(
        # The first has its partners as far as each other, and one rival; the last has nobody beside.
        BatchHardTriplet(2.0, squared=True),
        ((0.0, 0.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 1.0)),
        (3, 3, 3, 8),
        id="partners as far",
        value=((2 + 1 - 1) + (2 + 4 - 2) + (2 + 4 - 2)) / 4,
        # Of 0–1 and 0–3; of 1–2 and 1–3; of 2–1 and 2–3; each 2·(xᵢ − xⱼ), divided by 4.
        gradient=(
            ((-2.0 + 0.0) / 4, 2.0 / 4),
            ((2.0 + 4.0 - 2.0 + 4.0) / 4, (2.0 + 0.0) / 4),
            ((-4.0 - 4.0 + 2.0) / 4, 2.0 / 4),
            (0.0 / 4, (-2.0 - 2.0 - 2.0) / 4),
        ),
    ),
    LossExample(
        # Partner and rivals, squared: 1 and 4, 16; 1 and 1, 9, the first of which is no farther; 4 and 4, 1, neither
        # farther; 4 and 16, 9.
        BatchSemiHardTriplet(4.0, squared=True),
        ((0.0,), (1.0,), (2.0,), (4.0,)),
        (5, 5, 6, 6),
        id="as near as the partner",
        value=((4 + 1 - 4) + 0 + (4 + 4 - 4) + 0) / 4,
        # Of (x₀ − x₁)² − (x₀ − x₂)² and of (x₂ − x₃)² − (x₂ − x₀)², divided by 4.
        gradient=(((-2.0 + 4.0 + 4.0) / 4,), (2.0 / 4,), ((-4.0 - 4.0 - 4.0) / 4,), (4.0 / 4,)),
    ),
    LossExample(
        # The first triplet has its margin exactly; of the second the third vector is nearer.
        TripletMargin(squared=True),
        (((0.0, 0.0), (0.0, 0.0), (1.0, 0.0)), ((0.0, 0.0), (2.0, 0.0), (1.0, 0.0))),
        (1.0, 1.0),
        id="at the margin",
        value=2.0,
        gradient=(((0.0, 0.0), (0.0, 0.0), (0.0, 0.0)), ((-1.0, 0.0), (2.0, 0.0), (-1.0, 0.0))),
    ),
    LossExample(
        # A pair of equal vectors that should not be, one at the margin, and one that belongs together.
        ContrastiveMargin(),
        (((1.0, 2.0), (1.0, 2.0)), ((0.0, 0.0), (1.0, 0.0)), ((0.0, 0.0), (0.0, 1.5))),
        (0.0, 0.0, 1.0),
        id="equal, and at the margin",
        value=(1.0 + 0.0 + 2.25) / 3,
        gradient=(((0.0, 0.0), (0.0, 0.0)), ((0.0, 0.0), (0.0, 0.0)), ((0.0, -1.0), (0.0, 1.0))),
    ),
]
