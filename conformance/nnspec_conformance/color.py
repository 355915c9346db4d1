"""Cases of layers that change the colors of images at random.

Each example draws a number that nobody has chosen, so that pieces of a formula may meet anywhere. Central differences
have to keep away from there, hence values are large beside their steps.
"""

from __future__ import annotations

from typing import Any

from nnspec.layers.color import (
    RandomBrightness,
    RandomColorDegeneration,
    RandomColorJitter,
    RandomContrast,
    RandomGrayscale,
    RandomHue,
    RandomSaturation,
)
from nnspec_conformance.case import Case

# Of images from 0 up, some of whose values are clipped; of pixels without two equal channels.
BYTES: dict[str, Any] = {"offset": 40, "scale": 25}
DISTINCT: dict[str, Any] = {"offset": 40, "scale": 30, "distinct": True}

CASES = [
    Case(RandomBrightness(0.3), (2, 2, 3), **BYTES),
    Case(RandomBrightness((-0.5, 0.2), value_range=(-50.0, 60.0)), (3, 2, 1), scale=30),
    Case(RandomContrast(0.6), (2, 2, 3), **BYTES, extremes=True),
    Case(RandomContrast((0.1, 0.9), value_range=(0.0, 90.0)), (3, 2, 2), **BYTES),
    Case(RandomSaturation(0.9), (2, 2, 3), **DISTINCT),
    Case(RandomSaturation((0.5, 1.0), max_saturation=255.0), (2, 2, 3), **DISTINCT),
    Case(RandomSaturation((-0.5, 0.6), value_range=(-1.0, 1.0)), (2, 2, 3), scale=0.5, distinct=True),
    Case(RandomHue(0.8), (2, 2, 3), **DISTINCT, extremes=True),
    Case(RandomHue((0.5, 1.0), value_range=(-1.0, 1.0)), (2, 2, 3), scale=0.6, distinct=True),
    Case(RandomGrayscale(), (2, 2, 3)),
    Case(RandomGrayscale(1.0), (1, 2, 3)),
    Case(RandomColorDegeneration(0.7), (2, 2, 3), **BYTES),
    Case(RandomColorDegeneration((-1.0, 1.0), value_range=(0.0, 90.0)), (2, 2, 3), **BYTES),
    Case(RandomColorJitter(0.2, 0.3, 0.7, 0.4), (2, 2, 3), offset=90, scale=50, distinct=True, extremes=True),
    Case(RandomColorJitter(brightness_factor=(0.1, 0.4), value_range=(0.0, 90.0)), (2, 3, 1), **BYTES),
    Case(RandomColorJitter(contrast_factor=(0.0, 0.5), hue_factor=(0.2, 0.5)), (2, 2, 3), **DISTINCT),
]
