"""Cases of the optimizers that treat a tensor's axes apart."""

from __future__ import annotations

from nnspec.factored import SM3, Adafactor, Muon
from nnspec_conformance.optimizers import CYCLE, FALLING, RESTARTS, OptimizerCase

CASES = [
    OptimizerCase(SM3(FALLING)),
    OptimizerCase(SM3(CYCLE, 0.5, 1e-3, weight_decay=0.05, decay="kernels"), shape=(2, 3, 2), id="rank 3"),
    OptimizerCase(SM3(FALLING, 0.0), shape=(), id="numbers"),
    OptimizerCase(Adafactor(FALLING)),
    OptimizerCase(Adafactor(CYCLE, 0.6, 1e-9, 0.1, 0.5, False, weight_decay=0.05, decay="kernels")),
    OptimizerCase(
        Adafactor(RESTARTS, clip_threshold=None, scale_parameter=False, axes="largest"), shape=(4, 2, 3), id="rank 3"
    ),
    OptimizerCase(Adafactor(RESTARTS, relative_step=False), shape=(2, 3, 2), id="matrices"),
    OptimizerCase(Adafactor(RESTARTS, min_size_to_factor=4), id="not factored"),
    OptimizerCase(Muon(FALLING)),
    OptimizerCase(
        Muon(CYCLE, 0.8, False, 4, (3.0, -3.2, 1.2), 1e-3, "rms", 0.3, weight_decay=0.05, decay="kernels"),
    ),
    OptimizerCase(Muon(RESTARTS), shape=(3, 5), id="wide"),
    OptimizerCase(
        Muon(RESTARTS, exclude=("^plain", "huge/k"), adam_ratio=0.5, b1=0.8, b2=0.95, adam_epsilon=1e-4),
        id="Adam for some",
    ),
    OptimizerCase(Muon(FALLING, exclude=(".",), epsilon_mode="hat"), id="Adam for all"),
]
