"""Cases of padding and cropping: both sides unequal, every mode at its most, one to four axes."""

from __future__ import annotations

from nnspec.layers.padding import Crop, Pad
from nnspec_conformance.case import Case

CASES = [
    Case(Pad(((1, 2),)), (4, 2)),
    Case(Pad(((1, 0), (0, 2)), value=-0.3), (3, 2, 2)),
    Case(Pad(((1, 0), (2, 1), (0, 1))), (2, 1, 3, 2)),
    Case(Pad(((3, 2), (0, 1)), "edge"), (2, 3, 2)),
    Case(Pad(((2, 1), (0, 3)), "reflect"), (3, 4, 2)),
    Case(Pad(((1, 2), (1, 0), (0, 1)), "reflect"), (3, 2, 2, 1)),
    Case(Pad(((3, 1), (0, 2)), "symmetric"), (3, 2, 2)),
    Case(Pad(((2, 4), (1, 0)), "wrap"), (4, 3, 2)),
    Case(Crop(((1, 2),)), (6, 2)),
    Case(Crop(((0, 2), (1, 0))), (4, 3, 2)),
    Case(Crop(((1, 0), (0, 1), (1, 1), (0, 0))), (2, 3, 4, 2, 2)),
    Case(Crop(((1, 1),)), (4, 3), dtype="int32", id="int32"),
]
