"""Cases of losses of numbers."""

from __future__ import annotations

from nnspec.losses.regression import Huber, MeanAbsoluteError, MeanSquaredError
from nnspec_conformance.losses.base import MASKS, REDUCTIONS, LossCase, LossExample

CASES = [
    LossCase(MeanSquaredError(), (5,), "values"),
    LossCase(MeanSquaredError(), (), "values", id="rank 1"),
    LossCase(MeanSquaredError(), (3, 4), "values", weights="example"),
    LossCase(MeanSquaredError(reduction="weighted_mean"), (5,), "values", weights="example"),
    LossCase(MeanSquaredError(reduction="sum"), (5,), "values", weights="position"),
    LossCase(MeanAbsoluteError(), (5,), "values", levels=(1.0, -0.5, 0.1, -2.0, 3.0)),
    LossCase(MeanAbsoluteError(reduction="weighted_mean"), (3, 2), "values", weights="position", levels=(0.7, -0.4)),
    LossCase(MeanAbsoluteError(reduction="sum"), (4,), "values", weights="example", levels=(0.7, -0.4, 0.2, -1.0)),
    LossCase(Huber(), (6,), "values", levels=(0.3, -0.3, 1.5, -1.5, 0.01, -4.0)),
    LossCase(Huber(0.4), (3, 4), "values", weights="example", levels=(0.3, -0.3, 1.5, -1.5)),
    LossCase(Huber(2.0, reduction="weighted_mean"), (4,), "values", weights="position", levels=(0.3, -1.8, 2.5, -5.0)),
    LossCase(Huber(reduction="sum"), (4,), "values", levels=(0.3, -0.8, 2.5, -5.0)),
    LossCase(Huber(), (4,), "values", weights="mask", levels=(0.3, -0.3, 1.5, -1.5)),
    *(
        LossCase(MeanSquaredError(reduction=reduction), (3, 4), "values", weights=weights)
        for reduction in REDUCTIONS
        for weights in MASKS
    ),
]

EXAMPLES = [
    LossExample(
        MeanAbsoluteError(),
        ((1.0, 2.0, -0.0, 5.0),),
        ((1.0, 3.0, 0.0, 1.0),),
        id="ties",
        value=1.25,
        gradient=((0.0, -0.25, 0.0, 0.25),),
    ),
    LossExample(
        Huber(),
        ((2.0, 0.0, 1.0, 4.0),),
        ((1.0, 1.0, 1.0, 1.0),),
        id="at delta",
        value=(0.5 + 0.5 + 0.0 + 2.5) / 4,
        gradient=((0.25, -0.25, 0.0, 0.25),),
    ),
]
