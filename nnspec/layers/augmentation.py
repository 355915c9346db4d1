"""Random changes of images in training: what their layers have in common."""

from __future__ import annotations

from typing import ClassVar

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import Layer, Shape, show
from nnspec.spec import spec

# What a number is drawn from, uniformly: [lower, upper], or f for [−f, f].
Range = float | tuple[float, float]


def bounds(value: Range) -> tuple[float, float]:
    """The lower and the upper end of a range."""
    return value if isinstance(value, tuple) else (-abs(value), abs(value))


def check_range(name: str, value: Range, least: float, most: float) -> None:
    """The field ``name`` holds a range whose ends are in order and from ``least`` to ``most``.

    Raises:
        SpecError: naming the field.
    """
    lower, upper = bounds(value)
    if lower > upper:
        raise SpecError(f"expected the lower end first, got {[lower, upper]}", (name,))
    if lower < least or upper > most:
        raise SpecError(f"expected a range within {least:g} to {most:g}, got {[lower, upper]}", (name,))


@spec
class Augmentation(Layer):
    """Base of layers that change images at random in training, each image by numbers of its own.

    In inference they leave images alone. The numbers are made of Philox words of the stream (node, "augmentation",
    call), ``draws()`` of them for each example: word j of example i is word i · draws() + j (docs/randomness.md).
    Decisions and integers are made of the words' bits, real numbers in float64: they are the same in every dtype, on
    every backend, and however a batch is split. None of them has a gradient.
    """

    random: ClassVar[tuple[str, ...]] = ("augmentation",)

    def draws(self) -> int:
        """How many words each example takes."""
        return 1

    def output_shape(self, *shapes: Shape) -> Shape:
        check_images(shapes[0], type(self).__name__)
        return shapes[0]

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0


def check_images(shape: Shape, what: str) -> None:
    """A shape is one of images with channels.

    Raises:
        ShapeError: it is not.
    """
    if len(shape) != 4:
        raise ShapeError(f"{what} needs images (batch, height, width, channels), got {show(shape)}")
