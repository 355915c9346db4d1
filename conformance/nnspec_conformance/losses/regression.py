"""Cases of losses of numbers."""

from __future__ import annotations

import math

from nnspec.losses.regression import (
    CosineDistance,
    GaussianNLL,
    HalfSquaredError,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Pinball,
    PoissonNLL,
)
from nnspec_conformance.losses.base import MASKS, REDUCTIONS, LossCase, LossExample

_ERRORS = (1.0, -0.5, 0.1, -2.0, 3.0)
CASES = [
    LossCase(MeanSquaredError(), (5,), "values"),
    LossCase(MeanSquaredError(), (), "values", id="rank 1"),
    LossCase(MeanSquaredError(), (3, 4), "values", weights="example"),
    LossCase(MeanSquaredError(reduction="weighted_mean"), (5,), "values", weights="example"),
    LossCase(MeanSquaredError(reduction="sum"), (5,), "values", weights="position"),
    LossCase(HalfSquaredError(reduction="sum"), (2, 3), "values", weights="example"),
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
    LossCase(LogCosh(), (5,), "values"),
    LossCase(LogCosh(reduction="sum"), (2, 3), "values", scale=3.0, weights="example"),
    LossCase(MeanAbsolutePercentageError(), (5,), "values", levels=_ERRORS),
    LossCase(
        MeanAbsolutePercentageError(0.7, reduction="weighted_mean"), (5,), "values", levels=_ERRORS, weights="position"
    ),
    LossCase(MeanSquaredLogarithmicError(), (5,), "counts", probabilities=True),
    LossCase(
        MeanSquaredLogarithmicError(0.3, reduction="sum"),
        (2, 4),
        "counts",
        probabilities=True,
        levels=(0.1, 0.5, 2.0, 0.2),
        weights="example",
    ),
    LossCase(Pinball(), (5,), "values", levels=_ERRORS),
    LossCase(Pinball(0.9, reduction="sum"), (2, 5), "values", levels=_ERRORS, weights="example"),
    LossCase(CosineDistance(), (5,), "values"),
    LossCase(CosineDistance(reduction="weighted_mean"), (2, 3), "values", weights="example"),
    LossCase(CosineDistance("negative", epsilon=2.0), (4,), "values", id="short outputs"),
    LossCase(PoissonNLL(), (5,), "counts", extremes=False),
    LossCase(PoissonNLL(full=True, reduction="sum"), (2, 3), "counts", extremes=False, weights="example"),
    LossCase(PoissonNLL(log_input=False, epsilon=1e-3), (5,), "counts", probabilities=True),
    LossCase(GaussianNLL(), (4,), "values", extremes=False),
    LossCase(GaussianNLL(full=True, reduction="weighted_mean"), (3, 2), "values", weights="position", extremes=False),
    LossCase(GaussianNLL(log_variance=False), (6,), "values", probabilities=True, extremes=False, weights="example"),
    LossCase(GaussianNLL(epsilon=2.0), (8,), "values", extremes=False, id="small variances"),
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
    LossExample(
        Pinball(0.25),
        ((1.0, 2.0, 0.0, 5.0),),
        ((1.0, 1.0, 4.0, 1.0),),
        id="ties",
        value=(0.0 + 0.75 + 1.0 + 3.0) / 4,
        gradient=((-0.0625, 0.1875, -0.0625, 0.1875),),
    ),
    LossExample(
        LogCosh(),
        ((1.0, 0.0),),
        ((1.0, 0.0),),
        id="no error",
        value=0.0,
        gradient=((0.0, 0.0),),
    ),
    LossExample(
        MeanAbsolutePercentageError(),
        ((2.0, 1.0, 0.0),),
        ((2.0, -2.0, 0.0),),
        id="ties",
        value=50.0,
        gradient=((0.0, 50.0 / 3, 0.0),),
    ),
    LossExample(
        MeanSquaredLogarithmicError(0.5),
        ((0.5, 0.25, 1.0),),
        ((1.0, 1.0, 0.0),),
        id="at the bound",
        value=math.log(2 / 1.5) ** 2,
        gradient=((0.0, 0.0, math.log(2 / 1.5) / 3),),
    ),
    LossExample(
        CosineDistance(epsilon=1.0),
        ((1.0, 0.0), (0.0, 0.0), (0.0, 2.0)),
        ((0.0, 1.0), (0.0, 4.0), (0.0, 3.0)),
        id="norms at the bound",
        value=(1.0 + 1.0 + 0.0) / 3,
        gradient=((0.0, -1 / 3), (0.0, -1 / 3), (0.0, 0.0)),
    ),
    LossExample(
        GaussianNLL(log_variance=False, epsilon=0.5),
        ((1.0, 0.5), (1.0, 0.25)),
        ((2.0,), (0.0,)),
        id="variances at the bound",
        value=(math.log(0.5) + 2.0) / 2,
        gradient=((-1.0, 0.0), (1.0, 0.0)),
    ),
]
