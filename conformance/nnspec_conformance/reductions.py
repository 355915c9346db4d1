"""Cases of reductions: over one axis, several and all; ties, zeros, and variances of 0."""

from __future__ import annotations

from nnspec.reductions import LogSumExp, Max, Mean, Min, Prod, Std, Sum, Var, VectorNorm
from nnspec_conformance.case import Case
from nnspec_conformance.example import Example

CASES = [
    Case(Sum(), (3, 4)),
    Case(Sum((1, -1), True), (2, 3, 4)),
    Case(Mean(), (3, 4), offset=1e2),
    Case(Mean(2, True), (2, 3, 4)),
    Case(Prod(), (2, 3)),
    Case(Prod((-1, 1), True), (2, 3, 2)),
    Case(Max(), (3, 4), distinct=True),
    Case(Max((3, 1), True), (2, 3, 2), offset=-20.0, distinct=True),
    Case(Min(), (3, 4), distinct=True),
    Case(Min(1, True), (3, 4), offset=20.0, distinct=True),
    Case(Var(), (3, 4)),
    Case(Var((1, 3), True, correction=1.0), (2, 3, 4), offset=30.0),
    Case(Std(), (3, 4)),
    Case(Std(-1, True, correction=1.5), (3, 4)),
    Case(LogSumExp(), (3, 4)),
    Case(LogSumExp((1, -1), True), (2, 3, 4), offset=1e2),
    Case(VectorNorm(), (3, 4)),
    Case(VectorNorm(1, True, 1.0), (3, 4), nonzero=True),
    Case(VectorNorm(-1, ord=3.0), (3, 4), nonzero=True),
    Case(VectorNorm((1, -1), ord="inf"), (2, 3, 4), distinct=True, offset=20.0),
]

EXAMPLES = [
    Example(
        Max((1, 2)),
        ((((1.0, 4.0), (4.0, 4.0)),),),
        id="the first in row-major order",
        output=(4.0,),
        cotangents=(2.0,),
        gradients=((((0.0, 2.0), (0.0, 0.0)),),),
    ),
    Example(
        Min((1, 2)),
        ((((1.0, 0.0), (0.0, 4.0)),),),
        id="the first in row-major order",
        output=(0.0,),
        cotangents=(2.0,),
        gradients=((((0.0, 2.0), (0.0, 0.0)),),),
    ),
    Example(
        Prod(),
        (((0.0, 2.0, 3.0), (0.0, 0.0, 3.0)),),
        id="zeros",
        output=(0.0, 0.0),
        gradients=(((6.0, 0.0, 0.0), (0.0, 0.0, 0.0)),),
    ),
    Example(
        Std(),
        (((2.0, 2.0), (1.0, 3.0)),),
        id="all elements equal",
        output=(0.0, 1.0),
        gradients=(((0.0, 0.0), (-0.5, 0.5)),),
    ),
    *(
        Example(
            VectorNorm(ord=order),
            (((3.0, 0.0, -4.0), (0.0, 0.0, 0.0)),),
            id="zeros",
            output=(value, 0.0),
            gradients=((gradient, (0.0, 0.0, 0.0)),),
        )
        for order, value, gradient in ((1.0, 7.0, (1.0, 0.0, -1.0)), (2.0, 5.0, (0.6, 0.0, -0.8)))
    ),
    Example(
        VectorNorm(ord="inf"),
        (((3.0, -4.0, 4.0), (0.0, 0.0, 0.0)),),
        id="ties and zeros",
        output=(4.0, 0.0),
        gradients=(((0.0, -1.0, 0.0), (0.0, 0.0, 0.0)),),
    ),
]
