"""Cases of layers that change where things are in images."""

from __future__ import annotations

from nnspec.layers.geometry import CenterCrop, Cutout, RandomCrop, RandomErasing, RandomFlip
from nnspec_conformance.case import Case

CASES = [
    Case(RandomFlip(), (3, 4, 2)),
    Case(RandomFlip("horizontal", 0.3), (2, 3, 2)),
    Case(RandomFlip("vertical", 1.0), (3, 2, 1)),
    Case(RandomFlip(joint=True), (3, 2, 1)),
    Case(CenterCrop(2, 3), (5, 4, 2)),
    Case(CenterCrop(4, 3), (3, 5, 1), id="smaller"),
    Case(RandomCrop(2, 3), (5, 4, 2)),
    Case(RandomCrop(4, 3, 2), (4, 3, 2)),
    Case(RandomCrop(3, 3, (1, 0), value=0.5), (3, 4, 1)),
    Case(RandomCrop(3, 4, 1, "reflect"), (3, 3, 2)),
    Case(RandomCrop(2, 4), (5, 3, 1), id="smaller"),
    Case(RandomErasing(0.7), (4, 5, 2)),
    Case(RandomErasing(1.0, 0.6, (0.5, -0.25)), (5, 4, 2)),
    Case(RandomErasing(1.0, (0.3, 1.0), 0.3, 2.0, (-1.0, 1.5)), (4, 3, 3)),
    Case(Cutout(3), (5, 4, 2)),
    Case(Cutout((2, 4), 0.6, (0.5, -0.25)), (4, 5, 2)),
]
