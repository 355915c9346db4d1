"""Layers that flip, cut out and erase parts of images, at random in training.

They stand at the front of a model, and images are (batch, height, width, channels). p and q are rows and columns,
counted from 0 at the top left. What is drawn is drawn for each image by itself; w₀, w₁, … are the words of the image
(docs/randomness.md). Gradients pass to the elements that are kept, and not to what was drawn.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.augmentation import Augmentation, Range, check_images, check_range
from nnspec.layers.base import Layer, Shape, known, show
from nnspec.layers.padding import Crop, Pad
from nnspec.layers.resampling import Resize
from nnspec.spec import NonNegativeFloat, NonNegativeInt, PositiveInt, Probability, spec

# A number for all channels, or one for each.
Color = float | tuple[float, ...]


@spec
class RandomFlip(Augmentation):
    """Images mirrored left to right, top to bottom, or both, each with a probability.

    y[b, p, q] = x[b, p′, q′],   q′ = width − 1 − q if w₀ decides so, else q,   p′ = height − 1 − p if w₁ does, else p

    In inference y = x. The gradient is flipped back.

    Shapes: x, y (batch, height, width, channels).
    Source: ``keras.layers.RandomFlip``, whose one decision flips along both axes or along none: ``joint``.

    Attributes:
        mode: along which axes; "horizontal" is left to right.
        probability: that an axis is flipped.
        joint: whether w₀ decides for both axes.
    """

    mode: Literal["horizontal", "vertical", "horizontal_and_vertical"] = "horizontal_and_vertical"
    probability: Probability = 0.5
    joint: bool = False

    def __post_init__(self) -> None:
        if self.joint and self.mode != "horizontal_and_vertical":
            raise SpecError(f"nothing is decided together in the mode {self.mode}", ("joint",))

    def draws(self) -> int:
        return 2

    def decisions(self) -> dict[int, int]:
        """The axes that may be flipped, and the word that decides."""
        words = {2: 0, 1: 0 if self.joint else 1}
        return {axis: word for axis, word in words.items() if self.mode in (_NAMES[axis], "horizontal_and_vertical")}


_NAMES = {1: "vertical", 2: "horizontal"}


class _Window:
    """What layers have that cut a window of a given size out of images."""

    height: int
    width: int

    def fits(self, shape: Shape) -> bool:
        """Whether images are at least as large as the window."""
        rows, columns = _sizes(shape, type(self).__name__)
        return rows >= self.height and columns >= self.width

    def central(self, shape: Shape) -> tuple[Layer, ...]:
        """The layers that give the central window: a Crop, and a Resize where images are smaller."""
        rows, columns = _sizes(shape, type(self).__name__)
        if self.fits(shape):
            size = (self.height, self.width)
        else:
            size = (
                max(min(rows, columns * self.height // self.width), 1),
                max(min(columns, rows * self.width // self.height), 1),
            )
        before = [(n - kept) // 2 for n, kept in zip((rows, columns), size, strict=True)]
        after = [n - kept - b for n, kept, b in zip((rows, columns), size, before, strict=True)]
        crop = Crop(((before[0], after[0]), (before[1], after[1])))
        return (crop,) if self.fits(shape) else (crop, Resize((self.height, self.width)))

    def _cut(self, shape: Shape) -> Shape:
        _sizes(shape, type(self).__name__)
        return (shape[0], self.height, self.width, shape[-1])


def _sizes(shape: Shape, what: str) -> tuple[int, int]:
    """The height and the width of images, which have to be known."""
    check_images(shape, what)
    rows, columns = (known(size, f"each axis of {what}'s images") for size in shape[1:3])
    if not rows or not columns:
        raise ShapeError(f"{what} has nothing to take in input {show(shape)}")
    return rows, columns


@spec
class CenterCrop(_Window, Layer):
    """The window of a given size in the middle of images.

    y[b, p, q] = x[b, p + ⌊(rows − height) / 2⌋, q + ⌊(columns − width) / 2⌋]

    Where images are smaller than that along an axis, the largest window in their middle that has the ratio of the sides
    (min(rows, ⌊columns · height / width⌋) rows, columns likewise, at least 1) is resized by a linear Resize.

    Shapes: x (batch, rows, columns, channels), y (batch, height, width, channels).
    Source: ``keras.layers.CenterCrop``.
    """

    height: PositiveInt
    width: PositiveInt

    def output_shape(self, *shapes: Shape) -> Shape:
        return self._cut(shapes[0])

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return _flops(self.central(shapes[0]), shapes[0])


def _flops(layers: tuple[Layer, ...], shape: Shape) -> int:
    total = 0
    for layer in layers:
        total += layer.flops(tuple(size or 1 for size in shape))
        shape = layer.output_shape(shape)
    return total


@spec
class RandomCrop(_Window, Augmentation):
    """A window of a given size, anywhere in the image, which may be padded before.

    y[b, p, q] = z[b, p + i, q + j],   i = ⌊w₀ · (rows − height + 1) / 2³²⌋,   j = ⌊w₁ · (columns − width + 1) / 2³²⌋

    with z of rows · columns elements, which is x with ``padding`` elements around, as by Pad. In inference y is the
    CenterCrop of z: with padding and the images' own size, x itself. Where z is smaller than the window along an axis,
    y is its CenterCrop in training, too.

    Shapes: x (batch, rows − 2 padding, columns − 2 padding, channels), y (batch, height, width, channels).
    Source: ``keras.layers.RandomCrop``, which draws one window for the whole batch, has no padding, and (3.15) gives
    the whole image in inference; He et al. 2015, arXiv:1512.03385, section 4.2, for padding.

    Attributes:
        height, width: of the window.
        padding: how many elements on each side of the image, or [above and below, left and right].
        padding_mode: what they are, as Pad's ``mode``.
        value: of the mode "constant".
    """

    height: PositiveInt
    width: PositiveInt
    padding: NonNegativeInt | tuple[NonNegativeInt, NonNegativeInt] = 0
    padding_mode: Literal["constant", "edge", "reflect", "symmetric", "wrap"] = "constant"
    value: float = 0.0

    def __post_init__(self) -> None:
        self.pad()

    def draws(self) -> int:
        return 2

    def pad(self) -> Pad:
        """What stands before the crop."""
        down, right = self.padding if isinstance(self.padding, tuple) else (self.padding,) * 2
        return Pad(((down, down), (right, right)), self.padding_mode, self.value)

    def output_shape(self, *shapes: Shape) -> Shape:
        _sizes(shapes[0], "RandomCrop")
        return self._cut(self.pad().output_shape(shapes[0]))

    def flops(self, *shapes: tuple[int, ...]) -> int:
        padded = self.pad().output_shape(shapes[0])
        return _flops(self.central(padded), padded)


class _Filled:
    """What layers have that fill a part of images with a color."""

    fill_value: Color

    def _check_color(self, shape: Shape, what: str) -> None:
        """Raises ShapeError if there is not one number for each channel."""
        if isinstance(self.fill_value, tuple) and len(self.fill_value) != known(
            shape[-1], f"the last axis of {what}'s images"
        ):
            raise ShapeError(f"{what}: {len(self.fill_value)} fill values do not fit the channels of {show(shape)}")


@spec
class RandomErasing(_Filled, Augmentation):
    """A rectangle of random size and place erased from the image.

    y[b, p, q, c] = fill where t ≤ p < t + a and l ≤ q < l + e, and w₀ decides so; else x[b, p, q, c]

    a = height · √s, e = width · √r, with s and r uniform on ``scale`` by w₁ and w₂, and t uniform on 0 to height − a,
    l on 0 to width − e by w₃ and w₄, all in float64. fill = clip(fill_value + noise · z), with z standard normal, one
    number per element of x, of the stream (node, "noise", call), and clip to ``value_range``. In inference y = x. The
    gradient is 0 for what is erased, 1 for the rest.

    Shapes: x, y (batch, height, width, channels).
    Source: Zhong et al. 2020, arXiv:1708.04896; ``keras.layers.RandomErasing``, whose ``factor`` is a range from which
    a probability is drawn: the mean of the range is ``probability`` here. Its ``fill_value`` None is ``noise`` of the
    upper end of ``value_range``, with both given.

    Attributes:
        probability: that something is erased.
        scale: the range of the share of the image's area, from 0 to 1; a number f is the range from 0 to f.
        fill_value: for all channels, or one for each.
        noise: its standard deviation.
        value_range: what fill is clipped to; null for no bounds.
    """

    random: ClassVar[tuple[str, ...]] = ("augmentation", "noise")
    probability: Probability = 0.5
    scale: Range = (0.02, 0.33)
    fill_value: Color = 0.0
    noise: NonNegativeFloat = 0.0
    value_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        check_range("scale", self.shares(), 0, 1)
        if self.value_range is not None:
            check_range("value_range", self.value_range, float("-inf"), float("inf"))

    def shares(self) -> tuple[float, float]:
        """The lower and the upper end of ``scale``."""
        return self.scale if isinstance(self.scale, tuple) else (0.0, self.scale)

    def draws(self) -> int:
        return 5

    def output_shape(self, *shapes: Shape) -> Shape:
        _sizes(shapes[0], "RandomErasing")
        self._check_color(shapes[0], "RandomErasing")
        return shapes[0]


@spec
class Cutout(_Filled, Augmentation):
    """A rectangle of a given size erased, whose middle is anywhere in the image, so that it may cross the edge.

    y[b, p, q, c] = fill_value where t ≤ p < t + a and l ≤ q < l + e, and w₀ decides so; else x[b, p, q, c]

    with [a, e] = ``size``, t = ⌊w₁ · height / 2³²⌋ − ⌊a/2⌋ and l = ⌊w₂ · width / 2³²⌋ − ⌊e/2⌋. In inference y = x. The
    gradient is 0 for what is erased, 1 for the rest.

    Shapes: x, y (batch, height, width, channels).
    Source: DeVries & Taylor 2017, arXiv:1708.04552, whose code makes squares of even sizes alone.

    Attributes:
        size: of a square, or [height, width] of a rectangle.
        probability: that something is erased.
        fill_value: for all channels, or one for each.
    """

    size: PositiveInt | tuple[PositiveInt, PositiveInt]
    probability: Probability = 1.0
    fill_value: Color = 0.0

    def sides(self) -> tuple[int, int]:
        """The rectangle's height and width."""
        return self.size if isinstance(self.size, tuple) else (self.size, self.size)

    def draws(self) -> int:
        return 3

    def output_shape(self, *shapes: Shape) -> Shape:
        _sizes(shapes[0], "Cutout")
        self._check_color(shapes[0], "Cutout")
        return shapes[0]
