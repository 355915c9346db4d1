"""Cases of the layers that drop or add noise at random."""

from __future__ import annotations

from nnspec.layers.dropout import (
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    GaussianSample,
    SpatialDropout,
    StochasticDepth,
)
from nnspec_conformance.case import Case

CASES = [
    Case(Dropout(0.5), (8,)),
    Case(Dropout(0.1), (5, 3), id="odd number of elements"),
    Case(Dropout(0.3), (7,)),
    Case(Dropout(0.9), (33,)),
    Case(Dropout(0.999), (8,), id="nearly all dropped"),
    Case(Dropout(0.0), (8,)),
    Case(Dropout(1 / 3), (2, 3, 4)),
    Case(Dropout(0.4, (1,)), (3, 5)),
    Case(Dropout(0.4, (-1, 0)), (5, 3)),
    Case(SpatialDropout(0.4), (5, 3)),
    Case(SpatialDropout(0.3), (2, 3, 4)),
    Case(StochasticDepth(0.4), (3, 2)),
    Case(StochasticDepth(0.0), (3,)),
    Case(AlphaDropout(0.3), (7,)),
    Case(AlphaDropout(0.1, (1,)), (3, 5)),
    Case(GaussianNoise(0.3), (7,)),
    Case(GaussianNoise(2.0), (40, 9), id="tails"),
    Case(GaussianNoise(0.0), (4,)),
    Case(GaussianDropout(0.3), (2, 5)),
    Case(GaussianDropout(0.9), (7,)),
    Case(GaussianSample(), (8,)),
    Case(GaussianSample(), (2, 3, 10), scale=4.0, id="wide variances"),
]
