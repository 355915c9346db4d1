"""Cases of operations that rearrange."""

from __future__ import annotations

from nnspec.arrangement import BroadcastTo, Diagonal, Flip, Roll, Tile, Trace, Tril, Triu
from nnspec_conformance.case import Case
from nnspec_conformance.example import Example

CASES = [
    Case(Flip(), (2, 3)),
    Case(Flip(-1), (2, 3)),
    Case(Flip((1, 3)), (2, 3, 2), dtype="int32", id="int32"),
    Case(Roll(2), (5,)),
    Case(Roll(-1, 1), (3, 2)),
    Case(Roll(7), (3,), dtype="bool", id="bool, further than the axis is long"),
    Case(Tile((3,)), (4,)),
    Case(Tile((2, 1, 3)), (2, 3, 2)),
    Case(Tile((2, 2)), (1, 3), dtype="int32", id="int32"),
    Case(BroadcastTo((3, 4)), (1, 4)),
    Case(BroadcastTo((2, 3, 2)), (2, 1, 1)),
    Case(BroadcastTo((3,)), (1,), dtype="bool", id="bool"),
    Case(Tril(), (3, 4)),
    Case(Tril(-1), (2, 3, 3)),
    Case(Tril(1), (3, 2), dtype="int32", id="int32"),
    Case(Triu(), (4, 3)),
    Case(Triu(2), (2, 3, 4)),
    Case(Triu(-1), (4, 4), dtype="bool", id="bool"),
    Case(Diagonal(), (3, 4)),
    Case(Diagonal(1), (2, 3, 3)),
    Case(Diagonal(-2), (4, 3), dtype="int32", id="int32"),
    Case(Trace(), (3, 3)),
    Case(Trace(-1), (2, 4, 3)),
]

_NAN, _INFINITE = float("nan"), float("inf")
EXAMPLES = [
    Example(
        Tril(),
        ((((1.0, _NAN), (3.0, 4.0)), ((5.0, _INFINITE), (7.0, 8.0))),),
        id="undefined above",
        output=(((1.0, 0.0), (3.0, 4.0)), ((5.0, 0.0), (7.0, 8.0))),
        gradients=((((1.0, 0.0), (1.0, 1.0)), ((1.0, 0.0), (1.0, 1.0))),),
    ),
    Example(
        Triu(1),
        ((((1.0, 2.0), (_NAN, 4.0)),),),
        id="undefined below",
        output=(((0.0, 2.0), (0.0, 0.0)),),
        gradients=((((0.0, 1.0), (0.0, 0.0)),),),
    ),
]
