"""Cases of the layers that only rearrange."""

from __future__ import annotations

from nnspec.layers.shape import Flatten, Reshape
from nnspec_conformance.case import Case

CASES = [
    Case(Flatten(), (2, 3, 4)),
    Case(Flatten(), (5,), id="rank 2"),
    Case(Flatten(), (), id="rank 1"),
    Case(Flatten(), (3, 2), dtype="int32", id="int32"),
    Case(Flatten(), (3, 2), dtype="bool", id="bool"),
    Case(Reshape((4, 6)), (2, 3, 4)),
    Case(Reshape((-1, 2)), (3, 4)),
    Case(Reshape((2, -1, 3)), (12,)),
    Case(Reshape((8,)), (8,), id="the same"),
    Case(Reshape((2, 3)), (6,), dtype="int32", id="int32"),
]
