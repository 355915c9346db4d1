"""Layers that change the colors of images at random in training.

The values of images lie in ``value_range``, from low to high. "f from (a, b)" is a number of each example's own,
a + (b − a) · u with u uniform on (0, 1). Where something is clipped, and at its bounds, the derivative is 0; of red,
green and blue that are equal the first is taken for the largest, and for the smallest.

Formulas and constants are those of Keras. For one number in the place of a range stands what Keras's documentation says
of the class; its code (3.15) takes (−f, f) in RandomSaturation and RandomColorDegeneration, (0, f) in RandomContrast.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.augmentation import Augmentation, Range, bounds, check_range
from nnspec.layers.base import Shape, show
from nnspec.spec import PositiveFloat, Probability, spec

# Of red, green and blue in gray, as in Keras (they add up to 0.9999).
LUMA = (0.2989, 0.5870, 0.1140)
# What RandomSaturation adds to 1 − f: Keras's ``epsilon()``.
EPSILON = 1e-7


@spec
class _Color(Augmentation):
    """Base of augmentations that know which values images have.

    Attributes:
        value_range: the lowest and the highest value of images; Keras's default.
    """

    # How many channels images have; any number unless given.
    channels: ClassVar[int | None] = None
    value_range: tuple[float, float] = dataclasses.field(default=(0.0, 255.0), kw_only=True)

    def __post_init__(self) -> None:
        check_value_range(self.value_range)

    @property
    def extent(self) -> float:
        """The distance from the lowest to the highest value."""
        return self.value_range[1] - self.value_range[0]

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = super().output_shape(*shapes)
        check_channels(shape, type(self).__name__, self.channels)
        return shape


def check_value_range(value_range: tuple[float, float]) -> None:
    """The lowest value of images is below the highest.

    Raises:
        SpecError: it is not.
    """
    if value_range[0] >= value_range[1]:
        raise SpecError(f"expected the lowest value before the highest, got {list(value_range)}", ("value_range",))


def check_channels(shape: Shape, what: str, channels: int | None) -> None:
    """Images have that many channels, where it matters.

    Raises:
        ShapeError: they have others.
    """
    if channels is not None and shape[-1] != channels:
        raise ShapeError(f"{what} needs images of red, green and blue (batch, height, width, 3), got {show(shape)}")


def from_zero(value: Range) -> tuple[float, float]:
    """The ends of a range, for which one number is the end that is not 0."""
    return value if isinstance(value, tuple) else (min(0.0, value), max(0.0, value))


@spec
class _Factor(_Color):
    """Base of those that draw one factor from a range within bounds, or from 0 to a number.

    Attributes:
        factor: the range of f, or one number f for (0, f).
    """

    least: ClassVar[float] = 0.0
    factor: Range

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("factor", self.bounds, self.least, 1.0)

    @property
    def bounds(self) -> tuple[float, float]:
        """What f lies between."""
        return from_zero(self.factor)


@spec
class RandomBrightness(_Factor):
    """A number added to all values of an image.

    y = clip(x + f · (high − low), low, high), with f from ``factor``

    Shapes: x, y (batch, height, width, channels).
    Source: ``keras.layers.RandomBrightness``.

    Attributes:
        factor: the range of f, within −1 and 1; or one number f for (−f, f).
    """

    least: ClassVar[float] = -1.0

    @property
    def bounds(self) -> tuple[float, float]:
        return bounds(self.factor)


@spec
class RandomContrast(_Color):
    """Distances from the mean of each channel of an image, multiplied by a number.

    y = clip((x − mean) · f + mean, low, high), with f from (1 − lower, 1 + upper)

    Shapes: x, y (batch, height, width, channels).
    Source: ``keras.layers.RandomContrast``.

    Attributes:
        factor: (lower, upper), within 0 and 1; or one number for both.
    """

    factor: Probability | tuple[Probability, Probability]

    @property
    def bounds(self) -> tuple[float, float]:
        """What f lies between."""
        lower, upper = self.factor if isinstance(self.factor, tuple) else (self.factor, self.factor)
        return 1 - lower, 1 + upper


@spec
class RandomSaturation(_Factor):
    """The saturation of colors multiplied by a number; their hue and their largest channel stay.

    y = v − (v − x) · s′/s,   s′ = min(s · m, max_saturation),   m = max(f / (1 − f + 1e-7), 0), with f from ``factor``

    where v is the largest channel of a pixel, c = v − the smallest one, and s = c / (v − low), or 0 where v ≤ low. That
    is the way to hue, saturation and value and back again. f = 0.5 changes nothing, f ≤ 0 makes gray.

    Shapes: x, y (batch, height, width, 3).
    Source: ``keras.layers.RandomSaturation``. It bounds s′ by ``value_range``: images from 0 to 255 have the
    ``max_saturation`` 255 there, and negative channels beyond 1.

    Attributes:
        factor: the range of f, within −1 and 1; or one number f for (0, f).
        max_saturation: 1 is that of pure colors.
    """

    channels: ClassVar[int | None] = 3
    least: ClassVar[float] = -1.0
    max_saturation: PositiveFloat = 1.0


@spec
class RandomHue(_Factor):
    """Hue turned by an angle.

    h′ = h ± f/2 (mod 1), with f from ``factor`` and + as likely as −
    y = clip(w + min(max(k, 0), c), low, high),   k = |6h′ − 3|c − c,  2c − |6h′ − 2|c,  2c − |6h′ − 4|c

    for red, green and blue, where w is the smallest channel of a pixel, v the largest one, c = v − w, and the hue h is
    (g − b)/6c if v is red, (b − r)/6c + 1/3 if green, (r − g)/6c + 2/3 if blue, taken mod 1. That is the way to hue,
    saturation and value and back again; hc is linear in the channels, and no quotient is made. The derivative of what
    bounds k is 0 at and beyond 0 and c.

    Shapes: x, y (batch, height, width, 3).
    Source: ``keras.layers.RandomHue``.

    Attributes:
        factor: the range of f, within 0 and 1; or one number f for (0, f).
    """

    channels: ClassVar[int | None] = 3

    def draws(self) -> int:
        return 2


@spec
class RandomGrayscale(Augmentation):
    """Some images in gray: all three channels are 0.2989 r + 0.587 g + 0.114 b.

    Shapes: x, y (batch, height, width, 3).
    Source: ``keras.layers.RandomGrayscale``.

    Attributes:
        probability: that an image becomes gray, Keras's ``factor``.
    """

    channels: ClassVar[int | None] = 3
    probability: Probability = 0.5

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = super().output_shape(*shapes)
        check_channels(shape, "RandomGrayscale", self.channels)
        return shape


@spec
class RandomColorDegeneration(_Factor):
    """Colors mixed with their gray, so that they fade.

    y = clip(x + f · (gray − x), low, high),   gray = 0.2989 r + 0.587 g + 0.114 b, with f from ``factor``

    Shapes: x, y (batch, height, width, 3).
    Source: ``keras.layers.RandomColorDegeneration``.

    Attributes:
        factor: the range of f, within −1 and 1 (below 0 colors grow); or one number f for (0, f).
    """

    channels: ClassVar[int | None] = 3
    least: ClassVar[float] = -1.0


@spec
class RandomColorJitter(_Color):
    """RandomBrightness, RandomContrast, RandomSaturation and RandomHue, one after the other: y = hue(saturation(…(x))).

    Those whose factor is not given are left out. The words of an example are those of the four in this order.

    Shapes: x, y (batch, height, width, channels); with saturation or hue (batch, height, width, 3).
    Source: ``keras.layers.RandomColorJitter``.

    Attributes:
        brightness_factor, contrast_factor, saturation_factor, hue_factor: the ``factor`` of each.
    """

    brightness_factor: Range | None = None
    contrast_factor: Range | None = None
    saturation_factor: Range | None = None
    hue_factor: Range | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.steps()

    def steps(self) -> tuple[_Color, ...]:
        """The layers that it is made of.

        Raises:
            SpecError: a factor is none of its layer.
        """
        found: list[_Color] = []
        for cls in (RandomBrightness, RandomContrast, RandomSaturation, RandomHue):
            name = f"{cls.__name__.removeprefix('Random').lower()}_factor"
            factor = getattr(self, name)
            if factor is not None:
                try:
                    found.append(cls(factor, value_range=self.value_range))
                except SpecError as error:
                    raise SpecError(error.reason, (name, *error.path[1:])) from None
        return tuple(found)

    def draws(self) -> int:
        return sum(step.draws() for step in self.steps()) or 1

    def output_shape(self, *shapes: Shape) -> Shape:
        for step in self.steps():
            shapes = (step.output_shape(*shapes),)
        return shapes[0]
