"""Cases of masks made of ids and of vectors, some of which are padding."""

from __future__ import annotations

from nnspec.layers.masking import PaddingMask
from nnspec_conformance.case import Case

CASES = [
    Case(PaddingMask(), (8,), dtype="int32", integers=(0, 3), id="ids"),
    Case(PaddingMask(2.0), (2, 4), dtype="int32", integers=(0, 4)),
    Case(PaddingMask(1.0, axis=-1), (5, 2), dtype="int32", integers=(0, 2)),
    Case(PaddingMask(0.5, axis=1), (2, 3)),
]
