"""Cases of the optimizers that adapt the rate of each parameter, or of each tensor."""

from __future__ import annotations

from nnspec.adaptive import (
    LAMB,
    LARS,
    AdaBelief,
    AdaDelta,
    Adamax,
    Adan,
    Lion,
    NAdam,
    NovoGrad,
    OptimisticAdam,
    RAdam,
    ScheduleFreeAdamW,
    Yogi,
)
from nnspec_conformance.optimizers import CYCLE, FALLING, RESTARTS, OptimizerCase

CASES = [
    OptimizerCase(Adamax(FALLING)),
    OptimizerCase(Adamax(CYCLE, 0.8, 0.9, 1e-3, weight_decay=0.05)),
    OptimizerCase(Adamax(RESTARTS, epsilon_in_maximum=False, decay="kernels", weight_decay=0.05)),
    OptimizerCase(NAdam(FALLING)),
    OptimizerCase(NAdam(CYCLE, 0.8, 0.95, 1e-3, 1.0, weight_decay=0.05)),
    OptimizerCase(NAdam(RESTARTS, momentum_decay=None, weight_decay=0.05, decay="kernels")),
    OptimizerCase(RAdam(FALLING)),
    OptimizerCase(RAdam(CYCLE, 0.8, 0.95, 1e-3, 4.0, "hat", weight_decay=0.05, decay="kernels")),
    OptimizerCase(RAdam(CYCLE, b2=0.5), id="never enough"),
    OptimizerCase(AdaBelief(FALLING)),
    OptimizerCase(AdaBelief(CYCLE, 0.8, 0.95, 1e-8, 1e-6, weight_decay=0.05, decay="kernels")),
    OptimizerCase(Lion(FALLING)),
    # In bfloat16 b1·m + (1 − b1)·g is 0 now and then, and its sign a matter of rounding: with 0.8 wherever g = −4m.
    OptimizerCase(Lion(CYCLE, 0.83, 0.95, weight_decay=0.05, decay="kernels")),
    OptimizerCase(AdaDelta(FALLING)),
    OptimizerCase(AdaDelta(CYCLE, 0.8, 1e-3, weight_decay=0.05, decay="kernels")),
    OptimizerCase(LAMB(FALLING, weight_decay=0.05)),
    OptimizerCase(LAMB(CYCLE, 0.8, 0.95, 1e-3, False, weight_decay=0.05, decay="kernels")),
    OptimizerCase(LAMB(RESTARTS, weight_decay=0.05, decay="kernels")),
    OptimizerCase(LARS(FALLING)),
    OptimizerCase(LARS(CYCLE, 0.7, 0.1, 1e-3, weight_decay=0.05)),
    OptimizerCase(LARS(RESTARTS, trust_coefficient=0.1, joint_norm=True, weight_decay=0.05, decay="kernels")),
    OptimizerCase(Yogi(FALLING)),
    OptimizerCase(Yogi(CYCLE, 0.8, 0.95, 1e-4, 0.01, weight_decay=0.05, decay="kernels")),
    OptimizerCase(NovoGrad(FALLING)),
    OptimizerCase(NovoGrad(CYCLE, 0.8, 0.25, 1e-3, weight_decay=0.05, decay="kernels")),
    OptimizerCase(Adan(FALLING)),
    OptimizerCase(Adan(CYCLE, 0.8, 0.7, 0.95, 1e-3, 1e-6, weight_decay=0.05, decay="kernels")),
    OptimizerCase(Adan(RESTARTS, factor="1 - b2")),
    OptimizerCase(OptimisticAdam(FALLING)),
    OptimizerCase(OptimisticAdam(CYCLE, 0.8, 0.95, 0.7, 0.4, 1e-3, True, weight_decay=0.05, decay="kernels")),
    OptimizerCase(ScheduleFreeAdamW(FALLING)),
    OptimizerCase(ScheduleFreeAdamW(CYCLE, 0.7, 0.95, 1e-3, weight_decay=0.05, decay="kernels")),
]
