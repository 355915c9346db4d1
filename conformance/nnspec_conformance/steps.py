"""Cases of the optimizers whose steps follow signs, norms, noise, or sums of gradients."""

from __future__ import annotations

from nnspec.schedules import Piecewise
from nnspec.steps import FTRL, Fromage, Frozen, NoisySGD, OptimisticGradientDescent, Rprop
from nnspec_conformance.optimizers import CYCLE, FALLING, RESTARTS, OptimizerCase

CASES = [
    OptimizerCase(Rprop(FALLING)),
    OptimizerCase(Rprop(CYCLE, 0.05, 1.5, 0.7, 0.02, 0.09, weight_decay=0.05, decay="kernels")),
    OptimizerCase(Fromage(FALLING)),
    OptimizerCase(Fromage(CYCLE, 0.5, weight_decay=0.05, decay="kernels")),
    OptimizerCase(Fromage(RESTARTS, 0.0), id="norms of 0"),
    OptimizerCase(NoisySGD(FALLING)),
    OptimizerCase(NoisySGD(CYCLE, 0.5, 0.2, 2**40 + 7, weight_decay=0.05, decay="kernels")),
    OptimizerCase(OptimisticGradientDescent(FALLING)),
    OptimizerCase(OptimisticGradientDescent(CYCLE, 0.7, 0.4, weight_decay=0.05, decay="kernels")),
    OptimizerCase(FTRL(Piecewise((3, 9, 20), (0.0, 0.02, 0.0, 0.05)), weight_decay=0.05), id="rates of 0"),
    OptimizerCase(FTRL(FALLING)),
    OptimizerCase(FTRL(CYCLE, 0.7, 0.5, 0.3, 0.2, 0.1, 0.4, weight_decay=0.05, decay="kernels")),
    OptimizerCase(FTRL(RESTARTS, l1=1.0, initial_accumulator=0.0), id="sparse"),
    OptimizerCase(Frozen(FALLING, weight_decay=0.05, decay="kernels")),
]
