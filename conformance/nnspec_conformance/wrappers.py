"""Cases of the optimizers made of others."""

from __future__ import annotations

from nnspec.factored import SM3
from nnspec.optimizers import SGD, Adam, AdamW, Clip, Momentum
from nnspec.steps import FTRL, Frozen, NoisySGD
from nnspec.wrappers import EMA, GradientAccumulation, GradientCentralization, Lookahead, LossScale, MultiOptimizer
from nnspec_conformance.optimizers import CYCLE, FALLING, RESTARTS, OptimizerCase

_DECAYED = AdamW(CYCLE, weight_decay=0.05, decay="kernels")
_PARTS = (
    ("^plain", Lookahead(Momentum(FALLING, 0.7))),
    ("bias$", NoisySGD(RESTARTS, weight_decay=0.1)),
    ("huge", SM3(FALLING)),
    ("wide", Frozen()),
)

CASES = [
    OptimizerCase(Lookahead(Momentum(FALLING))),
    OptimizerCase(Lookahead(_DECAYED, 7, 0.8)),
    OptimizerCase(EMA(_DECAYED)),
    OptimizerCase(EMA(Momentum(RESTARTS), 0.6, True)),
    OptimizerCase(GradientAccumulation(_DECAYED)),
    OptimizerCase(GradientAccumulation(Momentum(CYCLE), 3), clip=Clip(norm=1.0), gradients="clipped"),
    OptimizerCase(GradientCentralization(_DECAYED)),
    OptimizerCase(GradientCentralization(SGD(FALLING), "first"), shape=(2, 3, 2), id="rank 3"),
    OptimizerCase(LossScale(_DECAYED, 2.0**124, 7), clip=Clip(value=0.8), gradients="overflowing"),
    OptimizerCase(LossScale(GradientAccumulation(EMA(Adam(CYCLE)), 3), 12.0, 2, 1.5, 0.25), gradients="overflowing"),
    OptimizerCase(LossScale(Momentum(CYCLE), 3.0, None), gradients="overflowing", id="of one size"),
    OptimizerCase(MultiOptimizer(_DECAYED, _PARTS)),
    OptimizerCase(
        Lookahead(
            GradientAccumulation(GradientCentralization(MultiOptimizer(Adam(CYCLE), (("bias", FTRL(FALLING)),)))), 4
        ),
        id="one around the other",
    ),
]
