"""Cases of token ids that training changes: some ids are special, and stand in every example."""

from __future__ import annotations

from nnspec.layers.tokens import TokenDropout, TokenMasking
from nnspec_conformance.case import Case

CASES = [
    Case(TokenMasking(20, 3), (50,), dtype="int32", integers=(0, 20)),
    Case(TokenMasking(20, 3, 0.5, 0.3, 0.4, (0, 1, 7)), (4, 11), dtype="int32", integers=(0, 20)),
    Case(
        TokenMasking(9, 0, 0.7, 0.4, 0.3, (2,), return_labels=True, ignore_label=-100),
        (13,),
        dtype="int32",
        integers=(0, 9),
    ),
    Case(TokenMasking(20, 3, 0.05, special_ids=(0, 1, 2)), (2, 3), dtype="int32", integers=(0, 6), id="at least one"),
    Case(TokenMasking(20, 3, 0.05, at_least_one=False), (4,), dtype="int32", integers=(0, 20)),
    Case(TokenMasking(2**31 - 1, 5, 1.0, 0.0, 1.0), (7,), dtype="int32", integers=(0, 9), id="every id is random"),
    Case(TokenMasking(8, 5, 1.0, 1.0, 0.0, return_labels=True), (), dtype="int32", integers=(0, 8), id="one id"),
    Case(TokenDropout(0.3), (9,), dtype="int32", integers=(0, 20)),
    Case(TokenDropout(0.6, 5, (0, 2)), (2, 7), dtype="int32", integers=(0, 6)),
    Case(TokenDropout(0.5, -1, (1,), 4), (2, 9), dtype="int32", integers=(-1, 6)),
    Case(TokenDropout(0.0), (4,), dtype="int32", integers=(0, 6)),
]
