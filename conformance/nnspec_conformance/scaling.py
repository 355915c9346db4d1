"""Cases of the layers that scale and shift."""

from __future__ import annotations

from nnspec.layers.scaling import LayerScale, Normalization, Rescaling
from nnspec_conformance.case import Case

CASES = [
    Case(Rescaling(1 / 255, -0.1), (5,)),
    Case(Rescaling((0.1, -2.0, 1 / 3), (0.3, 0.0, -0.7)), (2, 3)),
    Case(Rescaling(-1.7), ()),
    Case(Normalization(), (2, 4)),
    Case(Normalization(invert=True), (4,)),
    Case(Normalization((0.1, -0.3, 2.0), (0.04, 3.0, 1e-6), epsilon=0.1), (2, 3)),
    Case(Normalization(1 / 3, 0.1), (4,), offset=1e3, id="large mean"),
    Case(LayerScale(), (2, 3)),
    Case(LayerScale("normal"), (4,)),
]
