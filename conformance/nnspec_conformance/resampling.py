"""Cases of layers that change how densely axes are sampled."""

from __future__ import annotations

from nnspec.layers.resampling import Resize, Upsample
from nnspec_conformance.case import Case

CASES = [
    Case(Upsample((3,)), (4, 2)),
    Case(Upsample((2, 3)), (3, 2, 2)),
    Case(Upsample((1, 2, 2)), (2, 3, 1, 2)),
    Case(Upsample((2,)), (3, 2), dtype="int32", id="int32"),
    Case(Resize((7,), "nearest"), (4, 2)),
    Case(Resize((2, 5), "nearest"), (5, 3, 2)),
    Case(Resize((7,)), (4, 2)),
    Case(Resize((2, 6)), (5, 3, 2)),
    Case(Resize((2, 3, 4), antialias=True), (5, 2, 3, 1)),
    Case(Resize((7, 2), "cubic"), (4, 5, 2)),
    Case(Resize((3,), "cubic", antialias=True), (7, 2)),
    Case(Resize((7, 3), "cubic", a=-0.75, edges="repeat"), (4, 5, 1)),
    Case(Resize((5, 1), coordinates="align_corners"), (3, 3, 2)),
]
