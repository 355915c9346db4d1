"""Cases of elementwise operations: where pieces meet, and where nothing is defined beyond."""

from __future__ import annotations

from nnspec.elementwise import (
    Abs,
    Clamp,
    Cos,
    Erf,
    Exp,
    Floor,
    Log,
    Negative,
    Power,
    Sign,
    Sin,
    Sqrt,
    Square,
)
from nnspec_conformance.case import Case
from nnspec_conformance.example import Example

CASES = [
    Case(Abs(), (8,), slopes=((0.0, 0.0),)),
    Case(Exp(), (8,)),
    Case(Log(), (8,), offset=4.0, scale=0.7),
    Case(Log(), (3, 2), offset=1.0, scale=0.01, id="near 1"),
    Case(Sqrt(), (8,), offset=4.0, scale=0.7),
    Case(Square(), (3, 4)),
    Case(Sin(), (8,)),
    Case(Cos(), (3, 4), scale=3.0),
    Case(Negative(), (8,)),
    Case(Sign(), (8,), slopes=((0.0, 0.0),)),
    Case(Floor(), (8,), slopes=((0.0, 0.0), (1.0, 0.0), (-2.0, 0.0)), kinks=(-4.0, -3.0, -1.0, 2.0, 3.0, 4.0)),
    Case(Erf(), (8,)),
    Case(Clamp(-0.5, 0.7), (8,), slopes=((-0.5, 0.0), (0.7, 0.0))),
    Case(Clamp(upper=0.3), (3, 4), slopes=((0.3, 0.0),)),
    Case(Clamp(0.1), (8,), slopes=((0.1, 0.0),)),
    Case(Power(), ((8,), (8,)), offset=2.0, scale=0.3),
    Case(Power(), ((3, 4), (1, 4)), offset=2.0, scale=0.3, id="broadcast"),
]

_INFINITE = float("inf")
EXAMPLES = [
    Example(
        Sqrt(),
        (((0.0, 4.0),),),
        id="at 0",
        output=((0.0, 2.0),),
        gradients=(((_INFINITE, 0.25),),),
    ),
    Example(
        Power(),
        (((0.0, 0.0, 0.0, 2.0, 4.0),), ((0.0, 1.0, 2.0, 0.0, 0.5),)),
        id="bases and exponents of 0",
        output=((1.0, 0.0, 0.0, 1.0, 2.0),),
        cotangents=((1.0, 2.0, 4.0, 8.0, 16.0),),
        # ln 2 and 2 ln 4
        gradients=(((0.0, 2.0, 0.0, 0.0, 4.0),), ((0.0, 0.0, 0.0, 8 * 0.6931471805599453, 64 * 0.6931471805599453),)),
    ),
]
