"""Cases of the operations that join branches or rearrange."""

from __future__ import annotations

from nnspec.ops import (
    Add,
    Concat,
    Divide,
    Einsum,
    ExpandDims,
    Matmul,
    Maximum,
    Minimum,
    Multiply,
    Slice,
    Squeeze,
    Stack,
    Subtract,
)
from nnspec_conformance.case import Case
from nnspec_conformance.example import Example

CASES = [
    Case(Add(), ((4,), (4,))),
    Case(Add(), ((4,), (4,), (4,)), id="three inputs"),
    Case(Add(), ((3, 4), (1, 4)), id="broadcast"),
    Case(Subtract(), ((4,), (4,))),
    Case(Subtract(), ((3, 1), (3, 4)), id="broadcast"),
    Case(Multiply(), ((4,), (4,))),
    Case(Multiply(), ((3, 4), (3, 1), (1, 4)), id="three inputs, broadcast"),
    Case(Divide(), ((4,), (4,)), nonzero=True),
    Case(Divide(), ((3, 4), (3, 1)), nonzero=True, id="broadcast"),
    Case(Maximum(), ((4,), (4,)), apart=True),
    Case(Minimum(), ((4,), (4,)), apart=True),
    Case(Maximum(), ((1, 4), (3, 4)), apart=True, id="broadcast"),
    Case(Minimum(), ((1, 4), (3, 4)), apart=True, id="broadcast"),
    Case(Maximum(), ((3, 4), (3, 1)), apart=True, id="the second broadcast"),
    Case(Minimum(), ((2,), (1,)), apart=True, id="the second broadcast"),
    Case(Concat(), ((4,), (3,))),
    Case(Concat(axis=1), ((2, 3), (4, 3), (1, 3))),
    Case(Concat(), ((2, 3),), id="one input"),
    Case(Concat(), ((2,), (3,)), dtype="int32", id="int32"),
    Case(Matmul(), ((2, 3), (3, 4))),
    Case(Matmul(), ((2, 2, 3), (1, 3, 2)), id="broadcast"),
    Case(Matmul(), ((2, 40), (40, 2)), id="long sums"),
    Case(Einsum("bij,bjk->bik"), ((2, 3), (3, 4))),
    Case(Einsum("bi,bj,bij->b"), ((2,), (3,), (2, 3))),
    Case(Einsum("...ij,...j->...i"), ((2, 3, 4), (2, 4)), id="dots"),
    Case(Einsum("bijk->bki"), ((2, 3, 4),), id="one input"),
    Case(Stack(), ((3,), (3,), (3,)), id="three inputs"),
    Case(Stack(axis=1), ((2, 3), (2, 3))),
    Case(Stack(), ((2,), (2,)), dtype="int32", id="int32"),
    Case(Slice(1, 5, 2), (6,)),
    Case(Slice(-3, axis=1), (4, 2)),
    Case(Slice(step=-1), (2, 3)),
    Case(Slice(stop=-1, axis=1), (3, 2), dtype="int32", id="int32"),
    Case(ExpandDims(), (3,)),
    Case(ExpandDims(axis=1), (2, 3)),
    Case(Squeeze(), (3, 1)),
    Case(Squeeze(axis=1), (1, 2, 1)),
]

# Where both are equal each gets half of the gradient.
_LEFT, _RIGHT = ((1.0, 2.0, 0.0, -3.0),), ((1.0, 1.0, -0.0, 4.0),)
EXAMPLES = [
    Example(
        Maximum(),
        (_LEFT, _RIGHT),
        id="ties",
        cotangents=((1.0, 2.0, 4.0, 8.0),),
        output=((1.0, 2.0, 0.0, 4.0),),
        gradients=(((0.5, 2.0, 2.0, 0.0),), ((0.5, 0.0, 2.0, 8.0),)),
    ),
    Example(
        Minimum(),
        (_LEFT, _RIGHT),
        id="ties",
        cotangents=((1.0, 2.0, 4.0, 8.0),),
        output=((1.0, 1.0, 0.0, -3.0),),
        gradients=(((0.5, 0.0, 2.0, 8.0),), ((0.5, 2.0, 2.0, 0.0),)),
    ),
]
