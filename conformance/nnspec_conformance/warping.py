"""Cases of layers that shift, turn, stretch and distort images."""

from __future__ import annotations

from nnspec.layers.warping import (
    RandomElasticTransform,
    RandomPerspective,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
)
from nnspec_conformance.case import Case

CASES = [
    Case(RandomTranslation(0.7, (-0.3, 0.9)), (4, 3, 2)),
    Case(RandomTranslation(0.5, 0.5, fill_mode="constant", fill_value=0.5, interpolation="nearest"), (3, 4, 1)),
    Case(RandomTranslation((0.125, 0.125), (-0.375, -0.375), interpolation="nearest"), (4, 4, 1), id="ties"),
    Case(RandomTranslation((0.25, 0.25), (-1.0, -1.0), fill_mode="wrap"), (4, 3, 2), id="whole elements"),
    Case(RandomRotation(0.5), (3, 4, 2)),
    Case(RandomRotation((-0.1, 0.9), fill_mode="constant", fill_value=-1.0), (4, 4, 1)),
    Case(RandomRotation((-0.25, -0.25), fill_mode="wrap", interpolation="nearest"), (3, 4, 1), id="ties"),
    Case(RandomZoom(0.5), (4, 3, 2)),
    Case(RandomZoom((-0.7, 1.0), (0.2, 0.6), fill_mode="nearest"), (4, 5, 1)),
    Case(RandomZoom(1.0 / 3, 0.9, fill_mode="constant", fill_value=0.5, interpolation="nearest"), (3, 4, 1)),
    Case(RandomShear(0.6, (-0.2, 0.7), fill_mode="wrap", interpolation="nearest"), (4, 3, 2)),
    Case(RandomShear((0.3, 0.9), (0.1, 0.4), True, "corner", fill_mode="constant", fill_value=0.5), (3, 4, 1)),
    Case(RandomPerspective(fill_value=0.5), (4, 3, 2)),
    Case(RandomPerspective(0.8, 1.0, "scaled", fill_mode="reflect", interpolation="nearest"), (3, 4, 1)),
    Case(RandomElasticTransform(interpolation="nearest"), (5, 4, 2)),
    Case(RandomElasticTransform((0.9, 1.0), 0.7, fill_mode="constant", fill_value=0.5), (21, 23, 1), id="blurred"),
]
