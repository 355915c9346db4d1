"""Cases of comparisons, logic and choices: with equal elements, NaN, and what is infinite where it was not chosen."""

from __future__ import annotations

from nnspec.logic import (
    AsType,
    Equal,
    Greater,
    GreaterEqual,
    IsFinite,
    IsInf,
    IsNaN,
    Less,
    LessEqual,
    LogicalAnd,
    LogicalNot,
    LogicalOr,
    LogicalXor,
    NotEqual,
    Where,
)
from nnspec_conformance.case import Case
from nnspec_conformance.example import Example

_FEW = (-2, 3)  # of which many are equal
CASES = [
    Case(Equal(), ((8,), (8,)), dtype="int32", integers=_FEW),
    Case(Equal(1.0), (8,), dtype="int32", integers=_FEW),
    Case(Equal(), ((3, 4), (1, 4)), dtype="bool", id="broadcast"),
    Case(NotEqual(), ((8,), (8,)), dtype="int32", integers=_FEW),
    Case(NotEqual(0.5), (8,)),
    Case(NotEqual(), ((8,), (8,)), dtype="bool", id="bool"),
    Case(Less(), ((8,), (8,))),
    Case(Less(1.0), (8,), dtype="int32", integers=_FEW),
    Case(LessEqual(), ((3, 4), (3, 1)), dtype="int32", integers=_FEW, id="broadcast"),
    Case(LessEqual(0.25), (8,)),
    Case(Greater(), ((8,), (8,)), dtype="int32", integers=_FEW),
    Case(Greater(-0.5), (2, 3)),
    Case(GreaterEqual(), ((8,), (8,)), dtype="int32", integers=_FEW),
    Case(GreaterEqual(0.0), (8,)),
    Case(LogicalAnd(), ((8,), (8,)), dtype="bool"),
    Case(LogicalAnd(), ((3, 4), (1, 4), (3, 1)), dtype="bool", id="three inputs, broadcast"),
    Case(LogicalOr(), ((8,), (8,)), dtype="bool"),
    Case(LogicalOr(), ((8,), (8,), (8,)), dtype="bool", id="three inputs"),
    Case(LogicalXor(), ((8,), (1,)), dtype="bool"),
    Case(LogicalNot(), (2, 4), dtype="bool"),
    Case(Where(), ((8,), (8,), (8,)), dtype=("bool", "float", "float")),
    Case(Where(), ((1, 4), (3, 1), (3, 4)), dtype=("bool", "float", "float"), id="broadcast"),
    Case(Where(), ((8,), (8,), (8,)), dtype=("bool", "int32", "int32"), id="int32"),
    Case(AsType("float"), (8,)),
    Case(AsType("float"), (8,), dtype="int32", id="int32"),
    Case(AsType("float"), (2, 3), dtype="bool", id="bool"),
    Case(AsType("int32"), (8,), scale=5.0),
    Case(AsType("int32"), (8,), dtype="bool", id="bool"),
    Case(AsType("bool"), (8,), dtype="int32", integers=_FEW, id="int32"),
    Case(IsNaN(), (8,)),
    Case(IsInf(), (8,)),
    Case(IsFinite(), (2, 4)),
]

_NAN, _INFINITE = float("nan"), float("inf")
_LEFT, _RIGHT = ((1.0, 0.0, _NAN, _NAN, _INFINITE),), ((1.0, -0.0, 1.0, _NAN, -_INFINITE),)
EXAMPLES = [
    *(
        Example(cls(), (_LEFT, _RIGHT), id="zeros and NaN", output=(output,))
        for cls, output in (
            (Equal, (1, 1, 0, 0, 0)),
            (NotEqual, (0, 0, 1, 1, 1)),
            (Less, (0, 0, 0, 0, 0)),
            (LessEqual, (1, 1, 0, 0, 0)),
            (Greater, (0, 0, 0, 0, 1)),
            (GreaterEqual, (1, 1, 0, 0, 1)),
        )
    ),
    Example(IsNaN(), (((_NAN, _INFINITE, -_INFINITE, 1.0, -0.0),),), id="all kinds", output=((1, 0, 0, 0, 0),)),
    Example(IsInf(), (((_NAN, _INFINITE, -_INFINITE, 1.0, -0.0),),), id="all kinds", output=((0, 1, 1, 0, 0),)),
    Example(IsFinite(), (((_NAN, _INFINITE, -_INFINITE, 1.0, -0.0),),), id="all kinds", output=((0, 0, 0, 1, 1),)),
    Example(
        Where(),
        (((True, False, True),), ((1.0, _NAN, 3.0),), ((_INFINITE, 5.0, _NAN),)),
        id="not chosen and undefined",
        dtype=("bool", "float", "float"),
        output=((1.0, 5.0, 3.0),),
        cotangents=((1.0, 2.0, 4.0),),
        gradients=(((1.0, 0.0, 4.0),), ((0.0, 2.0, 0.0),)),
    ),
    Example(
        AsType("int32"),
        (((_NAN, _INFINITE, -_INFINITE, -2.75, 2.75),),),
        id="beyond int32",
        output=((0, 2147483647, -2147483648, -2, 2),),
    ),
    Example(AsType("bool"), (((_NAN, 0.0, -0.0, 0.5, -3.0),),), id="floats", output=((1, 0, 0, 1, 1),)),
]
