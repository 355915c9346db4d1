"""Cases of layers that spread values of images over the whole range.

Where values are counted in bins, those of the cases keep away from the bins' bounds, at which the output jumps.
"""

from __future__ import annotations

from nnspec.layers.histogram import AutoContrast, ContrastLimitedAdaptiveHistogramEqualization, Equalization
from nnspec_conformance.case import Case
from nnspec_conformance.color import BYTES
from nnspec_conformance.example import Example

# A range of 255 bins of the width 8, and their bounds.
WIDE, BOUNDS = (-1000.0, 1040.0), tuple(8.0 * i for i in range(-12, 24))
QUARTERS = (20.0, 40.0, 60.0, 80.0)

CASES = [
    Case(AutoContrast(), (3, 2, 2), offset=40, scale=25, distinct=True),
    Case(AutoContrast(value_range=(-1.0, 1.0)), (2, 3, 1), scale=0.5, distinct=True),
    Case(Equalization(bins=5, value_range=(0.0, 80.0)), (4, 3, 2), **BYTES, kinks=QUARTERS),
    Case(
        ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 2), value_range=WIDE),
        (5, 6, 1),
        **BYTES,
        kinks=BOUNDS,
    ),
    Case(
        ContrastLimitedAdaptiveHistogramEqualization(20.0, (3, 2), value_range=WIDE), (5, 5, 2), **BYTES, kinks=BOUNDS
    ),
    Case(ContrastLimitedAdaptiveHistogramEqualization(0.0, (1, 3), value_range=WIDE), (2, 8, 1), **BYTES, kinks=BOUNDS),
]
# Two images of one row, the second of a single value.
SINGLE = (((7,),) * 7,)
EXAMPLES = [
    Example(
        AutoContrast(value_range=(0.0, 10.0)),
        (((((2,), (2,), (6,), (6,), (4,)),),),),
        id="the first of equal values is the smallest, or the largest",
        output=((((0,), (0,), (10,), (10,), (5,)),),),
        cotangents=((((0,), (1,), (0,), (1,), (0,)),),),
        gradients=(((((-2.5,), (2.5,), (-2.5,), (2.5,), (0,)),),),),
    ),
    Example(
        Equalization(),
        (((((10,), (70,), (30,), (40,), (50,), (60,), (20,)),), SINGLE),),
        id="halves to even numbers",
        output=((((0,), (255,), (85,), (128,), (170,), (212,), (42,)),), SINGLE),
        gradients=(((((0,),) * 7,), (((1,),) * 7,)),),
    ),
]
