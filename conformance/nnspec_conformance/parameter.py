"""Cases of variables that are values by themselves. Their inputs say nothing but how many examples there are."""

from __future__ import annotations

from nnspec.layers.parameter import Parameter
from nnspec_conformance.case import Case

CASES = [
    Case(Parameter((3, 2)), (4,)),
    Case(Parameter((3,), {"normal": 0.3}, trainable=False), (2, 5)),
    Case(Parameter((), {"uniform": -1.0}), (3,), dtype="int32", id="one number"),
    Case(Parameter((2, 1, 5), "ones"), (), dtype="bool"),
]
