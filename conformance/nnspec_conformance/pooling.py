"""Cases of pooling: windows that overlap, leave gaps and reach over the edge; ties; NaN is asked of all of them."""

from __future__ import annotations

from nnspec.layers.pooling import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from nnspec_conformance.case import Case
from nnspec_conformance.example import Example

CASES = [
    Case(MaxPool((2,)), (6, 3), distinct=True),
    Case(MaxPool((2, 2)), (5, 4, 2), distinct=True),
    Case(MaxPool((2, 2, 2)), (4, 2, 3, 2), distinct=True),
    Case(MaxPool((3,), strides=1), (6, 2), distinct=True),
    Case(MaxPool((3, 2), strides=(2, 1)), (7, 4, 2), distinct=True),
    Case(MaxPool((2,), strides=3), (7, 2), distinct=True, id="gaps"),
    Case(MaxPool((3, 3), strides=2, padding="same"), (6, 5, 2), distinct=True),
    Case(MaxPool((2, 3), padding="same"), (5, 4, 2), distinct=True),
    Case(MaxPool((3, 2, 3), strides=(1, 2, 2), padding="same"), (2, 3, 4, 2), distinct=True),
    Case(MaxPool((5,), strides=2, padding="same"), (2, 3), distinct=True, id="a window larger than the input"),
    Case(MaxPool((2, 2), padding="same"), (3, 3, 2), offset=-20.0, distinct=True, id="below zero"),
    Case(AvgPool((2,)), (6, 3)),
    Case(AvgPool((2, 3)), (5, 4, 2)),
    Case(AvgPool((2, 2, 2)), (4, 2, 3, 2)),
    Case(AvgPool((3,), strides=1), (6, 2)),
    Case(AvgPool((3, 2), strides=(2, 1), padding="same"), (6, 4, 2)),
    Case(AvgPool((3, 3), strides=2, padding="same"), (6, 5, 2), offset=3.0),
    Case(AvgPool((3, 2, 3), strides=(1, 2, 2), padding="same"), (2, 3, 4, 2)),
    Case(AvgPool((2,), padding="same", count_include_pad=True), (5, 2), offset=3.0),
    Case(AvgPool((3, 3), strides=2, padding="same", count_include_pad=True), (6, 5, 2)),
    Case(AvgPool((2, 2, 2), padding="same", count_include_pad=True), (3, 2, 3, 2)),
    Case(AvgPool((2, 2), count_include_pad=True), (4, 5, 2), id="nothing padded"),
    Case(AdaptiveAvgPool((3,)), (7, 2)),
    Case(AdaptiveAvgPool((2, 3)), (4, 5, 2)),
    Case(AdaptiveAvgPool((2, 1, 4)), (3, 2, 3, 1), id="more positions than there were"),
    Case(AdaptiveMaxPool((3,)), (7, 2), distinct=True),
    Case(AdaptiveMaxPool((2, 3)), (4, 5, 2), offset=-20.0, distinct=True),
    Case(AdaptiveMaxPool((2, 1, 4)), (3, 2, 3, 1), distinct=True, id="more positions than there were"),
    Case(GlobalAvgPool(), (5, 3), id="one axis"),
    Case(GlobalAvgPool(), (4, 3, 2)),
    Case(GlobalAvgPool(), (2, 3, 2, 2), id="three axes"),
    Case(GlobalAvgPool(), (2, 2, 2, 1, 2), id="four axes"),
    Case(GlobalAvgPool(), (4, 4, 2), offset=1e2, id="large mean"),
    Case(GlobalMaxPool(), (5, 3), distinct=True, id="one axis"),
    Case(GlobalMaxPool(), (4, 3, 2), distinct=True),
    Case(GlobalMaxPool(), (2, 3, 2, 2), distinct=True, id="three axes"),
    Case(GlobalMaxPool(), (2, 2, 2, 1, 2), offset=-20.0, distinct=True, id="four axes, below zero"),
]

_INFINITE = -float("inf")


def _row(*values: float) -> tuple[object, ...]:
    """One example of one axis and one channel."""
    return (tuple((value,) for value in values),)


def _image(*rows: tuple[float, ...]) -> tuple[object, ...]:
    """One example of two axes and one channel."""
    return (tuple(tuple((value,) for value in row) for row in rows),)


EXAMPLES = [
    Example(
        MaxPool((3,), strides=1),
        (_row(2.0, 5.0, 5.0, 5.0, 1.0, 5.0),),
        id="ties in windows that overlap",
        output=_row(5.0, 5.0, 5.0, 5.0),
        cotangents=_row(1.0, 2.0, 3.0, 4.0),
        gradients=(_row(0.0, 3.0, 3.0, 4.0, 0.0, 0.0),),
    ),
    Example(
        MaxPool((2, 2)),
        (_image((1.0, 4.0, 0.0, 0.0), (4.0, 4.0, 0.0, 0.0)),),
        id="the first in row-major order",
        output=_image((4.0, 0.0)),
        cotangents=_image((2.0, 3.0)),
        gradients=(_image((0.0, 2.0, 3.0, 0.0), (0.0, 0.0, 0.0, 0.0)),),
    ),
    Example(
        MaxPool((2, 2)),
        (_image((1.0, 0.0), (7.0, 7.0)),),
        id="a tie in the last row",
        output=_image((7.0,)),
        cotangents=_image((2.0,)),
        gradients=(_image((0.0, 0.0), (2.0, 0.0)),),
    ),
    Example(
        MaxPool((3, 3), strides=2, padding="same"),
        (_image((_INFINITE, _INFINITE, -5.0), (_INFINITE, _INFINITE, -5.0), (-7.0, -7.0, -7.0)),),
        id="padding is never the maximum",
        output=_image((_INFINITE, -5.0), (-7.0, -5.0)),
        cotangents=_image((2.0, 3.0), (4.0, 5.0)),
        gradients=(_image((2.0, 0.0, 3.0), (0.0, 0.0, 5.0), (4.0, 0.0, 0.0)),),
    ),
    Example(
        AdaptiveMaxPool((2,)),
        (_row(1.0, 4.0, 4.0, 4.0, 2.0),),
        id="ties in an element that parts share",
        output=_row(4.0, 4.0),
        cotangents=_row(1.0, 2.0),
        gradients=(_row(0.0, 1.0, 2.0, 0.0, 0.0),),
    ),
    Example(
        AdaptiveMaxPool((1, 1)),
        (_image((1.0, 4.0), (4.0, 4.0)),),
        id="the first in row-major order",
        cotangents=_image((2.0,)),
        gradients=(_image((0.0, 2.0), (0.0, 0.0)),),
    ),
    Example(
        AvgPool((3, 3), strides=2, padding="same"),
        (_image((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), (7.0, 8.0, 9.0)),),
        id="by the elements that are there",
        output=_image((3.0, 4.0), (6.0, 7.0)),
        cotangents=_image((4.0, 8.0), (16.0, 32.0)),
        gradients=(_image((1.0, 3.0, 2.0), (5.0, 15.0, 10.0), (4.0, 12.0, 8.0)),),
    ),
    Example(
        GlobalMaxPool(),
        (_image((1.0, 4.0), (4.0, 4.0), (0.0, 3.0)),),
        id="the first in row-major order",
        output=((4.0,),),
        cotangents=((2.0,),),
        gradients=(_image((0.0, 2.0), (0.0, 0.0), (0.0, 0.0)),),
    ),
]
