"""Cases of positions. Sequences have odd lengths beside even sizes, so that no axis can be taken for another."""

from __future__ import annotations

from nnspec.layers.positions import (
    ALiBi,
    LearnedPositions,
    RelativePositionBias,
    RotaryPositions,
    SinusoidalPositions,
)
from nnspec_conformance.case import Case

CASES = [
    Case(LearnedPositions(5), (3, 4)),
    Case(LearnedPositions(3, add=False, embedding_init={"normal": 0.3}), (3, 2)),
    Case(SinusoidalPositions(), (5, 6)),
    Case(SinusoidalPositions(base=100.0, pairs="halves"), (5, 4)),
    Case(SinusoidalPositions(add=False), (3, 2)),
    Case(RotaryPositions(), (5, 3, 4)),
    Case(RotaryPositions(base=50.0, pairs="halves", fraction=0.7), (3, 2, 6)),
    Case(RotaryPositions(fraction=0.5), (70, 4), id="far positions"),
    Case(RelativePositionBias(2, num_buckets=8, max_distance=6), (9, 1), id="beyond the farthest"),
    Case(RelativePositionBias(3, 4, 5, bidirectional=False, embedding_init="normal"), ((7, 2), (5, 2))),
    Case(ALiBi(4), (5, 2)),
    Case(ALiBi(3), ((2, 1), (5, 1)), id="no power of 2"),
]
