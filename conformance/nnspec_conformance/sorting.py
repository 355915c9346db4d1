"""Cases of order along an axis: with equal elements and zeros of both signs, and NaN."""

from __future__ import annotations

from nnspec.sorting import ArgMax, ArgMin, ArgSort, Sort, TopK
from nnspec_conformance.case import Case
from nnspec_conformance.example import Example

_FEW = (-2, 3)  # of which many are equal
CASES = [
    Case(ArgMax(), (3, 4)),
    Case(ArgMax(1, True), (3, 4)),
    Case(ArgMax(ties="last"), (8,), dtype="int32", integers=_FEW),
    Case(ArgMin(), (8,), dtype="int32", integers=_FEW),
    Case(ArgMin(1, True, "last"), (3, 4)),
    Case(Sort(), (3, 4), distinct=True),
    Case(Sort(1, True), (3, 4), distinct=True),
    Case(Sort(descending=True), (8,), dtype="int32", id="int32"),
    Case(ArgSort(), (8,), dtype="int32", integers=_FEW),
    Case(ArgSort(1, True), (5, 2)),
    Case(TopK(3), (6,), distinct=True),
    Case(TopK(2, 1, False), (5, 2), distinct=True),
    Case(TopK(3, output="indices"), (8,), dtype="int32", integers=_FEW),
    Case(TopK(2, largest=False), (5,), dtype="int32", id="int32"),
]

_NAN, _INFINITE = float("nan"), float("inf")
_ODD = (((2.0, -0.0, _NAN, 0.0, 2.0, -_INFINITE, _INFINITE, -1.0),),)
_TIED = (((1.0, 3.0, 3.0, -0.0, 0.0),),)
EXAMPLES = [
    Example(ArgMax(), (((1.0, 3.0, 3.0), (_NAN, 4.0, _NAN)),), id="ties and NaN", output=(1, 0)),
    Example(ArgMax(ties="last"), (((1.0, 3.0, 3.0), (_NAN, _NAN, 4.0)),), id="ties and NaN", output=(2, 1)),
    Example(ArgMin(), (((0.0, -0.0, 3.0), (-4.0, 4.0, _NAN)),), id="ties and NaN", output=(0, 2)),
    Example(ArgMin(ties="last"), (((0.0, -0.0, 3.0), (_NAN, -4.0, _NAN)),), id="ties and NaN", output=(1, 2)),
    Example(ArgSort(), _ODD, id="zeros, NaN and infinity", output=((5, 7, 1, 3, 0, 4, 6, 2),)),
    Example(ArgSort(descending=True), _ODD, id="zeros, NaN and infinity", output=((6, 0, 4, 1, 3, 7, 5, 2),)),
    Example(TopK(3, output="indices"), (((_NAN, 5.0, 5.0, 1.0),),), id="ties and NaN", output=((1, 2, 3),)),
    Example(
        Sort(),
        _TIED,
        id="ties",
        output=((0.0, 0.0, 1.0, 3.0, 3.0),),
        cotangents=((1.0, 2.0, 4.0, 8.0, 16.0),),
        gradients=(((4.0, 8.0, 16.0, 1.0, 2.0),),),
    ),
    Example(
        Sort(descending=True),
        _TIED,
        id="ties",
        output=((3.0, 3.0, 1.0, 0.0, 0.0),),
        cotangents=((1.0, 2.0, 4.0, 8.0, 16.0),),
        gradients=(((4.0, 1.0, 2.0, 8.0, 16.0),),),
    ),
    Example(
        TopK(1),
        _TIED,
        id="ties",
        output=((3.0,),),
        gradients=(((0.0, 1.0, 0.0, 0.0, 0.0),),),
    ),
]
