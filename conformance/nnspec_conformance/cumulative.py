"""Cases of running sums, products and extremes: along each axis, from either end; zeros, and equal elements."""

from __future__ import annotations

from nnspec.cumulative import CumulativeMax, CumulativeMin, CumulativeProd, CumulativeSum
from nnspec_conformance.case import Case
from nnspec_conformance.example import Example

CASES = [
    Case(CumulativeSum(), (5,)),
    Case(CumulativeSum(1, True), (4, 3)),
    Case(CumulativeSum(exclusive=True, reverse=True), (2, 5)),
    Case(CumulativeSum(reverse=True), (40,), id="long"),
    Case(CumulativeProd(), (5,)),
    Case(CumulativeProd(1, True), (3, 2)),
    Case(CumulativeProd(reverse=True), (2, 4)),
    Case(CumulativeMax(), (6,), distinct=True),
    Case(CumulativeMax(1, reverse=True), (5, 2), distinct=True, offset=-20.0),
    Case(CumulativeMin(), (7,), distinct=True),
    Case(CumulativeMin(1, reverse=True), (4, 2), distinct=True, offset=20.0),
]

_NAN, _INFINITE = float("nan"), float("inf")
EXAMPLES = [
    Example(
        CumulativeProd(),
        (((2.0, 0.0, 3.0, 0.0),),),
        id="zeros",
        output=((2.0, 0.0, 0.0, 0.0),),
        cotangents=((1.0, 2.0, 4.0, 8.0),),
        gradients=(((1.0, 28.0, 0.0, 0.0),),),
    ),
    Example(
        CumulativeMax(),
        (((1.0, 3.0, 3.0, 2.0, 4.0),),),
        id="ties",
        output=((1.0, 3.0, 3.0, 3.0, 4.0),),
        cotangents=((1.0, 2.0, 4.0, 8.0, 16.0),),
        gradients=(((1.0, 14.0, 0.0, 0.0, 16.0),),),
    ),
    Example(
        CumulativeMax(exclusive=True),
        (((1.0, _NAN, 3.0, _NAN),),),
        id="NaN",
        output=((-_INFINITE, 1.0, _NAN, _NAN),),
        cotangents=((1.0, 2.0, 4.0, 8.0),),
        gradients=(((2.0, 12.0, 0.0, 0.0),),),
    ),
    Example(
        CumulativeMin(exclusive=True, reverse=True),
        (((1.0, 3.0, 3.0, 5.0),),),
        id="ties",
        output=((3.0, 3.0, 5.0, _INFINITE),),
        cotangents=((1.0, 2.0, 4.0, 8.0),),
        gradients=(((0.0, 0.0, 3.0, 4.0),),),
    ),
]
