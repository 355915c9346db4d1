"""Cases of positions. Sequences have odd lengths beside even sizes, so that no axis can be taken for another."""

from __future__ import annotations

from nnspec.layers.positions import (
    ALiBi,
    LearnedPositions,
    RelativePositionBias,
    RotaryPositions,
    SinusoidalPositions,
)
from nnspec_conformance.case import Case, DTypes, Shapes

# Sequences that start at a position of their own.
_AT: Shapes = ((3, 4), ())
_DTYPES: DTypes = ("float", "int32")
CASES = [
    Case(LearnedPositions(5), (3, 4)),
    Case(LearnedPositions(3, add=False, embedding_init={"normal": 0.3}), (3, 2)),
    Case(LearnedPositions(5, offset=True), _AT, dtype=_DTYPES, integers=(0, 3)),
    Case(LearnedPositions(4, add=False, offset=True), _AT, dtype=_DTYPES, integers=(-2, 4), id="beyond the table"),
    Case(SinusoidalPositions(), (5, 6)),
    Case(SinusoidalPositions(pairs="halves", offset=True), _AT, dtype=_DTYPES, integers=(0, 99)),
    Case(SinusoidalPositions(base=100.0, pairs="halves"), (5, 4)),
    Case(SinusoidalPositions(add=False), (3, 2)),
    Case(RotaryPositions(), (5, 3, 4)),
    Case(RotaryPositions(base=50.0, pairs="halves", fraction=0.7), (3, 2, 6)),
    Case(RotaryPositions(fraction=0.5), (70, 4), id="far positions"),
    Case(RotaryPositions(offset=True, fraction=0.5), ((3, 2, 4), ()), dtype=_DTYPES, integers=(0, 99)),
    Case(RelativePositionBias(2, num_buckets=8, max_distance=6), (9, 1), id="beyond the farthest"),
    Case(RelativePositionBias(3, 4, 5, bidirectional=False, embedding_init="normal"), ((7, 2), (5, 2))),
    Case(
        RelativePositionBias(2, 4, 5, bidirectional=False, offset=True),
        ((2, 1), (7, 1), ()),
        dtype=("float", "float", "int32"),
        integers=(0, 6),
    ),
    Case(ALiBi(4), (5, 2)),
    Case(ALiBi(2, offset=True), ((3, 1), ()), dtype=_DTYPES, integers=(0, 9)),
    Case(ALiBi(3), ((2, 1), (5, 1)), id="no power of 2"),
]
