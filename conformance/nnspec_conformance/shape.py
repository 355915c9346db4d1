"""Cases of the layers that only rearrange."""

from __future__ import annotations

from nnspec.layers.shape import DepthToSpace, Flatten, Permute, RepeatVector, Reshape, SpaceToDepth
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
    Case(Permute((2, 1)), (2, 3)),
    Case(Permute((3, 1, 2)), (2, 3, 4)),  # unequal to its inverse
    Case(Permute((2, 1)), (2, 3), dtype="int32", id="int32"),
    Case(RepeatVector(3), (4,)),
    Case(RepeatVector(5), (2, 3), id="rank 3"),
    Case(RepeatVector(2), (3,), dtype="bool", id="bool"),
    Case(SpaceToDepth(2), (4, 6, 2)),
    Case(SpaceToDepth(3, "channels_first"), (3, 6, 2)),
    Case(SpaceToDepth(2, "channels_first"), (6, 3), id="one axis"),
    Case(SpaceToDepth(2), (2, 4, 2, 2), id="three axes"),
    Case(DepthToSpace(2), (2, 3, 8)),
    Case(DepthToSpace(2, "channels_first"), (2, 3, 12)),
    Case(DepthToSpace(3), (4, 6), id="one axis"),
    Case(DepthToSpace(2, "channels_first"), (1, 2, 2, 16), id="three axes"),
    Case(DepthToSpace(2), (2, 4), dtype="int32", id="int32"),
]
