"""Cases of products of vectors."""

from __future__ import annotations

from nnspec.contraction import Outer
from nnspec_conformance.case import Case

CASES = [
    Case(Outer(), ((3,), (4,))),
    Case(Outer(), ((2, 3), (1, 4)), id="broadcast"),
]
