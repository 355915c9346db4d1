"""This package's cases for the conformance suite."""

from __future__ import annotations

from nnspec import Dense, Sequential
from nnspec.metrics import RMSE
from nnspec.optimizers import Clip
from nnspec.schedules import CosineRestarts, ExponentialDecay, WarmupCosine
from nnspec_conformance.case import Case
from nnspec_conformance.losses import LossCase, LossExample
from nnspec_conformance.optimizers import OptimizerCase
from nnspec_conformance.training import TrainingCase
from nnspec_extras.layers import Hat, PowerNorm
from nnspec_extras.losses import Expectile
from nnspec_extras.optimizers import Signum

CASES = [
    Case(PowerNorm(), (5,), extremes=True),
    Case(PowerNorm(momentum=0.5), (2, 3, 4), id="rank 4"),
    Case(PowerNorm(epsilon=0.5), (5,)),
    Case(PowerNorm(epsilon=1e-4), (5,), scale=1e-2, id="power near epsilon"),
    Case(PowerNorm(scale_init={"normal": 0.3}), (5,)),
    Case(Hat(), (7,), slopes=((0.0, 0.0), (-0.0, 0.0), (1.0, 1.0), (2.0, 0.0)), extremes=True),
    Case(Hat(0.25), (7,), slopes=((0.0, 0.0), (0.25, 1.0), (0.5, 0.0))),
    LossCase(Expectile(), (4,), "values", levels=(1.0, -0.5, 0.3, -2.0)),
    LossCase(Expectile(0.2), (3, 4), "values", weights="example", levels=(1.0, -0.5, 0.3, -2.0)),
    LossCase(Expectile(reduction="weighted_mean"), (4,), "values", weights="position", levels=(1.0, -0.5, 0.3, -2.0)),
    LossCase(Expectile(reduction="sum"), (4,), "values", levels=(1.0, -0.5, 0.3, -2.0)),
    OptimizerCase(Signum(ExponentialDecay(0.05, 40, 0.5))),
    OptimizerCase(Signum(WarmupCosine(0.02, 10, 90, start=0.001), 0.5, weight_decay=0.1)),
    OptimizerCase(Signum(CosineRestarts(0.03, 13), weight_decay=0.05, decay="kernels"), clip=Clip(norm=2.0)),
    TrainingCase(
        "words of nnspec-extras",
        Sequential(
            [Dense(9, use_bias=False), PowerNorm(momentum=0.9), "hat", Dense(6, activation="hat"), Dense(3)], input=[7]
        ),
        Expectile(0.7),
        Signum(WarmupCosine(0.01, 6, 80, start=0.002), weight_decay=0.05, decay="kernels"),
        clip=Clip(global_norm=0.5),
        metrics=(RMSE(),),
        weights=True,
    ),
]
EXAMPLES = [
    LossExample(
        Expectile(0.75),
        ((1.0, 2.0, -1.0, 0.5),),
        ((1.0, 4.0, -2.0, 0.5),),
        id="ties",
        value=(0.75 * 4 + 0.25 * 1) / 4,
        gradient=((0.0, -0.75, 0.125, 0.0),),
    ),
]
