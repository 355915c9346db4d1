"""Cases of the layers that drop at random."""

from __future__ import annotations

from nnspec.layers.dropout import Dropout
from nnspec_conformance.case import Case

CASES = [
    Case(Dropout(0.5), (8,)),
    Case(Dropout(0.1), (5, 3), id="odd number of elements"),
    Case(Dropout(0.3), (7,)),
    Case(Dropout(0.9), (33,)),
    Case(Dropout(0.999), (8,), id="nearly all dropped"),
    Case(Dropout(0.0), (8,)),
    Case(Dropout(1 / 3), (2, 3, 4)),
]
