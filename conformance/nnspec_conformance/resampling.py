"""Cases of layers that change how densely axes are sampled."""

from __future__ import annotations

from nnspec.layers.resampling import Upsample
from nnspec_conformance.case import Case

CASES = [
    Case(Upsample((3,)), (4, 2)),
    Case(Upsample((2, 3)), (3, 2, 2)),
    Case(Upsample((1, 2, 2)), (2, 3, 1, 2)),
    Case(Upsample((2,)), (3, 2), dtype="int32", id="int32"),
]
