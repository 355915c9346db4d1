"""Operations: how many inputs of which dtypes and shapes they take, and what their options depend on."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from nnspec.arrangement import BroadcastTo, Diagonal, Tile, Trace, Tril, Triu
from nnspec.contraction import Outer
from nnspec.cumulative import CumulativeMax, CumulativeMin
from nnspec.elementwise import Atan2, FloorDivide, Reciprocal, Remainder
from nnspec.indexing import OneHot, SegmentMax, SegmentMean, SegmentSum, Take, TakeAlongAxis, UpdateSlice
from nnspec.layers.base import Layer, Shape
from nnspec.logic import (
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
from nnspec.ops import Concat, Divide, Einsum, ExpandDims, Matmul, Squeeze, Stack
from nnspec.reductions import Max, Min, VectorNorm
from nnspec.sorting import ArgMax, ArgMin, ArgSort, Sort, TopK
from nnspec_conformance.case import DTypes
from nnspec_conformance.strategies.fields import Hints

_SEGMENTS = (SegmentMax, SegmentMean, SegmentSum)
# Operations of two inputs, or of one and a number.
COMPARISONS = (Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual)
# Classes that do not take inputs of floats alone, or of any dtype.
_DTYPES: tuple[tuple[tuple[type[Any], ...], list[DTypes]], ...] = (
    ((OneHot,), ["int32"]),
    ((Take, TakeAlongAxis), [("float", "int32"), ("int32", "int32")]),
    (_SEGMENTS, [("float", "int32")]),
    ((UpdateSlice,), [("float", "float", "int32"), ("int32", "int32", "int32")]),
    ((LogicalAnd, LogicalNot, LogicalOr, LogicalXor), ["bool"]),
    ((IsFinite, IsInf, IsNaN, Trace), ["float"]),
    ((ArgMax, ArgMin, ArgSort, Greater, GreaterEqual, Less, LessEqual, Sort, TopK), ["float", "int32"]),
    ((Where,), [("bool", "float", "float"), ("bool", "int32", "int32")]),
)
DTYPES: dict[type[Any], list[DTypes]] = {cls: dtypes for group, dtypes in _DTYPES for cls in group}
# Operations whose inputs have so many axes at least, beside the batch's.
LEAST: dict[type[Any], int] = {
    **dict.fromkeys((BroadcastTo, Einsum, Outer, Tile, UpdateSlice, *_SEGMENTS), 1),
    **dict.fromkeys((Diagonal, Trace, Tril, Triu), 2),
}
# Those with kinks where elements of an input are equal, and those that divide.
ORDERING = (CumulativeMax, CumulativeMin, Max, Min, SegmentMax, Sort, TopK, VectorNorm)
DIVIDING = (Atan2, Divide, FloorDivide, Reciprocal, Remainder)
# Elements per example: enough for every axis to matter, few enough for differences by every element.
MOST = 24


def shapes(min_axes: int = 0) -> SearchStrategy[tuple[int, ...]]:
    """Shapes of inputs without the batch axis: ranks 1 to 5 with it."""
    return st.lists(st.integers(1, 4), min_size=min_axes, max_size=4).map(tuple).filter(lambda s: math.prod(s) <= MOST)


def may_take(cls: type[Any], *shapes: Shape) -> bool:
    """Whether an operation may take such inputs, of as many as it takes."""
    if len(shapes[0]) <= LEAST.get(cls, 0):
        return False
    if cls is Matmul:
        return len(shapes[0]) > 2 and len(shapes[0]) == len(shapes[1]) and shapes[0][-1] == shapes[1][-2]
    if len(shapes) > 1:
        return True
    if cls is Squeeze:
        return 1 in shapes[0][1:]
    return cls.arity == 1 or issubclass(cls, Concat | Stack)


def hints(cls: type[Any], *shapes: Shape) -> Hints:
    """What depends on the inputs' shapes."""
    first = shapes[0]
    if cls in (ExpandDims, OneHot, Stack):  # an axis of the output
        axes = [axis for a in range(1, len(first) + 1) for axis in (a, a - len(first) - 1)]
        return {"axis": st.sampled_from(axes)}
    if cls is Squeeze:
        axes = [axis for a in range(1, len(first)) if first[a] == 1 for axis in (a, a - len(first))]
        return {"axis": st.sampled_from(axes)} if axes else {}
    if cls is Tile:
        return {"repeats": st.tuples(*[st.integers(1, 2)] * (len(first) - 1)).map(list)}
    if cls is BroadcastTo:
        sizes = (st.integers(1, 3) if size == 1 else st.just(size) for size in first[1:])
        return {"shape": st.tuples(*sizes).map(list)}
    if cls is Einsum:
        return {"equation": _equations([len(shape) for shape in shapes])}
    if cls is TopK:
        return {"k": st.integers(1, max((size or 1 for size in first[1:]), default=1))}
    if cls in COMPARISONS:  # int32 is compared with whole numbers
        return {"value": st.integers(-3, 3).map(float) if len(shapes) == 1 else st.none()}
    if cls is UpdateSlice:  # the axis in which the update has another size
        return {"axis": st.sampled_from([1, 1 - len(first)])}
    return {"indices": st.none()} if cls is Take else {}  # with which there would be no second input


@st.composite
def _equations(draw: st.DrawFn, ranks: list[int]) -> str:
    """Products of inputs of such ranks, whose axes have their letters in order; some of them are summed over."""
    inputs = ["abcde"[:rank] for rank in ranks]
    letters = max(inputs, key=len)[1:]
    kept = draw(st.lists(st.sampled_from(letters), unique=True)) if letters else []
    return f"{','.join(inputs)}->a{''.join(kept)}"


@st.composite
def several(draw: st.DrawFn, cls: type[Any]) -> tuple[tuple[int, ...], ...]:
    """Shapes that an operation may join: equal, or with an axis of one that broadcasts; for concat of any size."""
    if cls is Matmul:
        n, k, m = (draw(st.integers(1, 4)) for _ in range(3))
        return (n, k), (k, m)
    if cls is Squeeze:
        return ((*draw(shapes()), 1),)
    count = cls.arity or draw(st.integers(1 if issubclass(cls, Concat) else 2, 3))
    first = draw(shapes(min_axes=LEAST.get(cls, int("axis" in cls.__dataclass_fields__))))
    if cls in COMPARISONS and draw(st.booleans()):
        return (first,)
    if cls in (Einsum, Stack, TakeAlongAxis):
        return (first,) * count
    if cls in _SEGMENTS:
        return first, first[:1]
    if cls is UpdateSlice:
        return first, (draw(st.integers(1, 3)), *first[1:]), ()
    if cls is Take:
        return first, draw(st.sampled_from([(), (3,), (2, 2)]))
    made = [first]
    axis = draw(st.integers(0, len(first) - 1)) if first else 0
    for _ in range(count - 1):
        size = draw(st.integers(1, 4)) if issubclass(cls, Concat) else 1
        changed = (*first[:axis], size, *first[axis + 1 :]) if first else first
        made.append(changed if draw(st.booleans()) else first)
    return tuple(made)


def ids(spec: Layer, shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Ids of elements that are there, where a layer takes any."""
    if isinstance(spec, Take | TakeAlongAxis):
        size = (1, *shape)[spec.axis]
        return -size, size
    if isinstance(spec, UpdateSlice):
        return -2, shape[0] + 2
    return (-1, spec.num_segments) if isinstance(spec, _SEGMENTS) else None
