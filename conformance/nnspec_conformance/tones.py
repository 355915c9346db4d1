"""Cases of layers that make of each value of an image another one at random."""

from __future__ import annotations

from nnspec.layers.tones import RandomInvert, RandomPosterization, Solarization
from nnspec_conformance.case import Case
from nnspec_conformance.color import BYTES

CASES = [
    Case(RandomInvert(), (2, 2, 3), **BYTES),
    Case(RandomInvert(0.6, value_range=(-1.0, 1.5)), (3, 2, 1)),
    Case(Solarization(), (2, 2, 3), **BYTES),
    Case(Solarization((0.1, 0.5), (0.3, 0.8), value_range=(-50.0, 60.0)), (3, 2, 1), scale=30),
    # Bounds of the coarsest steps that are kept, and those of the range.
    Case(RandomPosterization(2), (2, 2, 3), **BYTES, kinks=(0.0, 64.0, 128.0)),
    Case(
        RandomPosterization((1, 3), value_range=(0.0, 255.0 * 4)),
        (3, 2, 1),
        offset=400,
        scale=250,
        kinks=tuple(128.0 * i for i in range(9)),
    ),
]
