"""Layers that spread the values of each image and channel over the whole range, in training and in inference.

The values of images lie in ``value_range``, from low to high. Nothing is drawn, and no image depends on another one.
Histograms count values as integers, so that they have no derivative: a value that is looked up in a table has the
derivative 0. NaN stays NaN, and counts as the lowest value.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated

from pydantic import Field

from nnspec.errors import ShapeError
from nnspec.layers.augmentation import check_images
from nnspec.layers.base import Layer, Shape, elements, show
from nnspec.layers.color import check_value_range
from nnspec.spec import NonNegativeFloat, PositiveInt, spec


@spec
class _Spread(Layer):
    """Base of layers that spread values.

    Attributes:
        value_range: the lowest and the highest value of images.
    """

    value_range: tuple[float, float] = dataclasses.field(default=(0.0, 255.0), kw_only=True)

    def __post_init__(self) -> None:
        check_value_range(self.value_range)

    @property
    def extent(self) -> float:
        """The distance from the lowest to the highest value."""
        return self.value_range[1] - self.value_range[0]

    def output_shape(self, *shapes: Shape) -> Shape:
        check_images(shapes[0], type(self).__name__)
        return shapes[0]

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 4 * elements(shapes[0])


@spec
class AutoContrast(_Spread):
    """Each channel of an image stretched from its own smallest and largest value to the lowest and the highest.

    y = low + (x − min x) · (high − low) / (max x − min x)

    A channel of one value, or with NaN, stays as it is. Of equal values the first in row-major order is the smallest,
    and the largest, whose derivatives these are.

    Shapes: x, y (batch, height, width, channels).
    Source: ``keras.layers.AutoContrast``.
    """


@spec
class Equalization(_Spread):
    """Histogram equalization of each channel of an image: every bin of values becomes about equally frequent.

    y = low + round(255 · (N(x) − n) / (N − n)) · (high − low) / 255

    A value is in the bin ⌊(x − low) · (bins − 1) / (high − low)⌋, at least 0 and at most bins − 1. N(x) counts the
    pixels in bins up to that of x, n those in the lowest bin that has any, N all of them; halves are rounded to even
    numbers. A channel with a single bin stays as it is, and has the derivative 1.

    Shapes: x, y (batch, height, width, channels).
    Source: ``keras.layers.Equalization``, whose documentation this is. Its code makes one histogram of the whole batch,
    and does nothing in inference.
    """

    bins: Annotated[int, Field(ge=2)] = 256


@spec
class ContrastLimitedAdaptiveHistogramEqualization(_Spread):
    """CLAHE: histogram equalization by tiles, where no bin counts more than a limit, and linear between their centers.

    y = low + Σ over the four tiles around a pixel of w · map(x) · (high − low) / 255
    map(x) = 255 · (C(x) − C(low)) / (T − C(low)),   C(x) = Σ over bins up to that of x of min(h, limit) + excess / 256

    Tiles have ⌈height / rows⌉ · ⌈width / columns⌉ = T pixels each; where they exceed the image, it is mirrored at its
    edge. h counts the pixels of a tile by 256 bins, ⌊(x − low) · 255 / (high − low)⌋, cut to 0 … 255; limit is
    clip_limit · T / 256, and excess what it cuts off. The weights w are those of bilinear interpolation, where tile
    (i, j) lies at (i + ½, j + ½) · its size; at the edges tiles go on as they are. T = C(low) counts as T − C(low) = 1.

    Shapes: x, y (batch, height, width, channels).
    Source: Zuiderveld 1994, *Contrast limited adaptive histogram equalization*, in the form of
    ``keras.layers.ContrastLimitedAdaptiveHistogramEqualization``.

    Attributes:
        clip_limit: in multiples of what all bins would have in common; 0 for none.
        tile_grid_size: rows and columns.
    """

    clip_limit: NonNegativeFloat = 4.0
    tile_grid_size: tuple[PositiveInt, PositiveInt] = (8, 8)

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = super().output_shape(*shapes)
        for size, count in zip(shape[1:3], self.tile_grid_size, strict=True):
            if size is not None and count * self.tile(size, count) - size > size:
                raise ShapeError(
                    f"{type(self).__name__} has too many tiles, {list(self.tile_grid_size)}, for input {show(shape)}"
                )
        return shape

    @staticmethod
    def tile(size: int, count: int) -> int:
        """How long each of so many tiles along an axis of this size is."""
        return -(-size // count)

    def places(self, size: int, count: int) -> tuple[list[int], list[int], list[float]]:
        """For each position along an axis the tiles before and after it, and the weight of the latter."""
        tile = self.tile(size, count)
        steps = [(2 * position - tile) / (2 * tile) for position in range(size)]
        before = [int(step // 1) for step in steps]
        last = count - 1
        return (
            [min(max(i, 0), last) for i in before],
            [min(max(i + 1, 0), last) for i in before],
            [step - i for step, i in zip(steps, before, strict=True)],
        )
