"""Cases of elements chosen by ids: ids repeat, so that gradients are sums, count from the end, and lie beyond it."""

from __future__ import annotations

from nnspec.indexing import OneHot, SegmentMax, SegmentMean, SegmentSum, Take, TakeAlongAxis, UpdateSlice
from nnspec_conformance.case import Case, DTypes
from nnspec_conformance.example import Example

_BY_ID: DTypes = ("float", "int32")
_WHOLE: DTypes = ("int32", "int32")
_AT: DTypes = ("float", "float", "int32")
CASES = [
    Case(Take((2, 0, -1, 2)), (3,)),
    Case(Take((1, 1), 1), (3, 2), id="another axis"),
    Case(Take((0, -2)), (2, 3), dtype="bool", id="bool"),
    Case(Take(), ((4,), (5,)), dtype=_BY_ID, integers=(-4, 4)),
    Case(Take(axis=1), ((4, 2), (2, 3)), dtype=_BY_ID, integers=(-4, 4), id="ids of two axes"),
    Case(Take(axis=2), ((2, 3, 2), ()), dtype=_BY_ID, integers=(0, 3), id="one id"),
    Case(Take(), ((4,), (6,)), dtype=_WHOLE, integers=(-6, 7), id="int32, ids beyond the end"),
    Case(TakeAlongAxis(), ((2, 4), (2, 3)), dtype=_BY_ID, integers=(-4, 4)),
    Case(TakeAlongAxis(1), ((3, 2), (5, 2)), dtype=_BY_ID, integers=(0, 3)),
    Case(TakeAlongAxis(), ((3,), (6,)), dtype=_WHOLE, integers=(-5, 6), id="int32, ids beyond the end"),
    Case(UpdateSlice(), ((6, 2), (1, 2), ()), dtype=_AT, integers=(0, 6), id="one"),
    Case(UpdateSlice(), ((4, 2, 3), (3, 2, 3), ()), dtype=_AT, integers=(-3, 5), id="beyond the ends"),
    Case(UpdateSlice(-1), ((2, 5), (2, 2), ()), dtype=("int32", "int32", "int32"), integers=(-2, 5)),
    Case(OneHot(4), (5,), dtype="int32", integers=(-2, 6)),
    Case(OneHot(3, 1), (2, 4), dtype="int32", integers=(0, 3)),
    Case(OneHot(3, -2), (2, 4), dtype="int32", integers=(0, 3)),
    Case(SegmentSum(3), ((6,), (6,)), dtype=_BY_ID, integers=(-1, 4)),
    Case(SegmentSum(2), ((5, 2, 2), (5,)), dtype=_BY_ID, integers=(0, 2), id="rank 4"),
    Case(SegmentMean(3), ((6,), (6,)), dtype=_BY_ID, integers=(-1, 4)),
    Case(SegmentMean(4), ((5, 2), (5,)), dtype=_BY_ID, integers=(0, 4)),
    Case(SegmentMax(2), ((8,), (8,)), dtype=_BY_ID, integers=(0, 2), distinct=True),
    Case(SegmentMax(1), ((9, 2), (9,)), dtype=_BY_ID, integers=(-1, 1), distinct=True, offset=-20.0),
]

_NAN, _INFINITE = float("nan"), float("inf")
EXAMPLES = [
    Example(
        Take(),
        (((1.0, 2.0, 3.0),), ((-1, 3, 0, -4, 2),)),
        id="ids beyond the end",
        dtype=_BY_ID,
        output=((3.0, _NAN, 1.0, _NAN, 3.0),),
        cotangents=((1.0, 2.0, 4.0, 8.0, 16.0),),
        gradients=(((4.0, 0.0, 17.0),),),
    ),
    Example(
        TakeAlongAxis(),
        (((1.0, 2.0, 3.0),), ((-1, 3, 0, -4),)),
        id="ids beyond the end",
        dtype=_BY_ID,
        output=((3.0, _NAN, 1.0, _NAN),),
        cotangents=((1.0, 2.0, 4.0, 8.0),),
        gradients=(((4.0, 0.0, 1.0),),),
    ),
    Example(
        UpdateSlice(),
        (((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)), ((7.0, 8.0), (9.0, 10.0)), (-1, 2)),
        id="an element beyond either end",
        dtype=_AT,
        output=((8.0, 2.0, 3.0), (4.0, 5.0, 9.0)),
        cotangents=((1.0, 2.0, 4.0), (8.0, 16.0, 32.0)),
        gradients=(((0.0, 2.0, 4.0), (8.0, 16.0, 0.0)), ((0.0, 1.0), (32.0, 0.0))),
    ),
    Example(
        SegmentSum(3),
        (((1.0, 2.0, 3.0, 4.0),), ((2, 0, 2, 5),)),
        id="an empty segment, and an id that is none",
        dtype=_BY_ID,
        output=((2.0, 0.0, 4.0),),
        cotangents=((1.0, 2.0, 4.0),),
        gradients=(((4.0, 1.0, 4.0, 0.0),),),
    ),
    Example(
        SegmentMean(3),
        (((1.0, 2.0, 3.0, 4.0),), ((2, 0, 2, -1),)),
        id="an empty segment, and an id that is none",
        dtype=_BY_ID,
        output=((2.0, 0.0, 2.0),),
        cotangents=((1.0, 2.0, 4.0),),
        gradients=(((2.0, 1.0, 2.0, 0.0),),),
    ),
    Example(
        SegmentMax(4),
        (((1.0, 3.0, 3.0, -_INFINITE, _NAN, 9.0, _NAN, _INFINITE),), ((0, 0, 0, 2, 3, 4, 3, 3),)),
        id="ties, NaN, an empty segment, and an id that is none",
        dtype=_BY_ID,
        output=((3.0, -_INFINITE, -_INFINITE, _NAN),),
        cotangents=((1.0, 2.0, 4.0, 8.0),),
        gradients=(((0.0, 1.0, 0.0, 4.0, 8.0, 0.0, 0.0, 0.0),),),
    ),
]
