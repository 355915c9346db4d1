"""One tolerance per check, with its reason; none per case (docs/conformance.md shows how near the backends come).

*Relative* means max|a − b| / max|b| per tensor. For gradients the denominator is at least 1e-3 of the largest gradient
in the case, so that a gradient that is zero but for rounding is not asked for correct digits of its noise.

In float64 a bound is relative: it asks whether the formula is the same. In lower precision it is the factor F in
error ≤ F · max(the rounding error that the dtype makes unavoidable, 1 ULP of the tensor's scale): it asks whether the
arithmetic is as good as it should be. The unavoidable error is the reference's own when it computes in that dtype, the
largest over several draws. In lower precision all gradients of a case are judged on the scale of the largest of them: a
gradient that is small because its terms cancel inherits their rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from nnspec.rounding import summation as summation
from nnspec_conformance.draws import HALF

# Draws on which a backend is judged in lower precision, and (more, since the reference may be lucky) those over which
# the unavoidable rounding error is estimated.
DRAWS = 2
ESTIMATES = 12
# Single elements at extreme inputs, in ULP of the larger of input and output: as many as the forward pass is allowed.
ELEMENT_ULPS = 4.0
# The share of the largest gradient below which a gradient's own size no longer counts.
GRADIENT_FLOOR = 1e-3


@dataclass(frozen=True)
class Tolerance:
    """The bounds of one check.

    Attributes:
        float64: relative.
        factor: F in float32, and in bfloat16 and float16 unless ``half`` is given.
        half: F in bfloat16 and float16, where all but the last rounding of a layer is made in float32.
    """

    float64: float
    factor: float
    reason: str
    half: float | None = None

    def bound(self, dtype: str) -> float:
        if dtype == "float64":
            return self.float64
        return self.factor if dtype not in HALF or self.half is None else self.half


FORWARD = Tolerance(
    1e-12,
    4,
    "a few hundred roundings of 1e-16, amplified a little; a float32 constant shows as 1e-8",
    half=2,
)
STATE = Tolerance(1e-12, 4, "statistics are sums over the batch", half=2)
GRADIENT = Tolerance(
    1e-9,
    16,
    "the differences are accurate to 1e-10, and a wrong term shows as 1e-2; in lower precision the roundings of a "
    "forward and a backward pass count, of which what the inputs' own rounding leaves open is a part (measured: 15)",
    half=8,
)
AGREEMENT = Tolerance(1e-12, 0, "asked in float64 alone: two backends that each round on their own")
LOSS = Tolerance(1e-12, 4, "as the forward pass, summed over positions; in float32 at least")
METRIC = Tolerance(1e-12, 4, "sums over examples; counts are exact; in float32 at least")
SCHEDULE = Tolerance(
    1e-12, 4, "one formula per step; steps are whole numbers below 2²⁴ and exact in float32; in float32 at least"
)
OPTIMIZER = Tolerance(
    1e-12,
    4,
    "100 updates, each with an error of a few ULP that is not amplified; in half precision each update by itself",
    half=2,
)
TRAINING = Tolerance(
    1e-11,
    4,
    "50 updates of a network, where the loss's curvature amplifies rounding (measured: 1e-14); in lower precision each "
    "update by itself",
    half=2,
)
# Whole runs in float32 that two backends made, each by itself: rounding is amplified by the loss's curvature (measured:
# 5e-6, relative per tensor).
TRAINING_FLOAT32 = 1e-4


def gradient_floor(dtype: str) -> float:
    """The share of the largest gradient in a case below which a gradient's own size no longer counts."""
    return GRADIENT_FLOOR if dtype == "float64" else 1.0


def repeated(times: int) -> float:
    """The standard error of a number that is changed a little and rounded so many times, in its ULP.

    Each rounding is off by up to half a ULP, evenly: √times · (1/√12).
    """
    return math.sqrt(times / 12)
