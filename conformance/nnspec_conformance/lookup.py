"""Cases of ids made of numbers: of bins, of vocabularies, and of hashes, whose formulas depend on how many digits."""

from __future__ import annotations

from nnspec.layers.lookup import Discretization, HashedCrossing, Hashing, IntegerLookup
from nnspec_conformance.case import Case
from nnspec_conformance.example import Example

_INT32 = (-(2**31), 2**31 - 1)
_VOCABULARY = (12, -36, 1138, 0, 7)

CASES = [
    Case(Discretization((-0.7, 0.0, 1 / 3)), (2, 5)),
    Case(Discretization((-1.5, 0.0, 0.2, 0.5, 2.0, 3e9)), (9,), dtype="int32", integers=(-4, 4)),
    Case(IntegerLookup(_VOCABULARY), (2, 6), dtype="int32", integers=(-40, 15)),
    Case(IntegerLookup(_VOCABULARY, 0, 3), (30,), dtype="int32", integers=(-2, 13)),
    Case(IntegerLookup(_VOCABULARY, 3, -2), (30,), dtype="int32", integers=(-20, 15)),
    Case(IntegerLookup((5, 8), 4, oov_method="hash", salt=(7, -3)), (30,), dtype="int32"),
    Case(IntegerLookup(_VOCABULARY, 2, 9, -5, invert=True), (20,), dtype="int32", integers=(-2, 11)),
    Case(Hashing(1000), (40,), dtype="int32", integers=_INT32),
    Case(Hashing(7, mask_value=3), (2, 9), dtype="int32", integers=(-6, 6)),
    Case(Hashing(2**31 - 1, salt=133), (40,), dtype="int32", integers=(-2000, 2000)),
    Case(Hashing(50, salt=(2**64 - 1, -5)), (40,), dtype="int32", integers=_INT32),
    Case(HashedCrossing(1000), ((3, 2), (3, 2)), dtype="int32"),
    Case(HashedCrossing(2**31 - 1), ((9,), (9,), (9,)), dtype="int32", integers=_INT32),
]

EXAMPLES = [
    Example(
        Discretization((0.0, 1.0)),
        (((-0.5, 0.0, -0.0, 0.5, 1.0, float("inf"), float("-inf"), float("nan")),),),
        id="at boundaries and beyond",
        output=((0, 1, 1, 1, 2, 2, 0, 2),),
    ),
    # Expected by Keras's own tests of its layer.
    Example(Hashing(3), (((0, 1, 2, 3, 4),),), id="FarmHash", dtype="int32", output=((1, 0, 1, 0, 2),)),
    Example(Hashing(3, salt=(133, 137)), (((0, 1, 2, 3, 4),),), id="SipHash", dtype="int32", output=((1, 1, 2, 0, 1),)),
]
