"""Padding and cropping of the axes between batch and channels."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import Layer, Shape, show
from nnspec.layers.shape import _Rearrangement
from nnspec.spec import NonNegativeInt, spec

# How many elements before and after each axis.
Margins = Annotated[tuple[tuple[NonNegativeInt, NonNegativeInt], ...], Field(min_length=1)]


def _check_axes(what: str, margins: tuple[tuple[int, int], ...], shape: Shape) -> None:
    if len(shape) != len(margins) + 2:
        raise ShapeError(
            f"{what} of {len(margins)} axes needs inputs of {len(margins) + 2} axes (batch, these, and channels), "
            f"got {show(shape)}"
        )


@spec
class Pad(Layer):
    """Elements before and after each axis between batch and channels.

    y[b, p, c] = x[b, p − before, c], and where p − before lies outside of x along an axis of n elements

    * "constant": ``value``, by default 0: zero padding;
    * "edge": the element at the edge, x[0] before and x[n−1] after;
    * "reflect": mirrored at the element at the edge: −1 is 1, n is n − 2; at most n − 1 elements on each side;
    * "symmetric": mirrored at the edge itself: −1 is 0, n is n − 1; at most n elements on each side;
    * "wrap": from the other end: −1 is n − 1, n is 0; at most n elements on each side.

    The derivative by an element of x is the sum over all of its copies.

    Shapes: x (batch, *sizes, channels), y (batch, *(before + size + after), channels).
    Source: modes are named as in ``numpy.pad``; PyTorch calls "edge" replicate and "wrap" circular.

    Attributes:
        padding: how many elements [before, after] each axis.
        mode: what they are.
        value: of the mode "constant".
    """

    padding: Margins
    mode: Literal["constant", "edge", "reflect", "symmetric", "wrap"] = "constant"
    value: float = 0.0

    def __post_init__(self) -> None:
        if self.value and self.mode != "constant":
            raise SpecError(f"a value is for the mode constant, not for {self.mode}", ("value",))

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        _check_axes("Pad", self.padding, shape)
        sizes = []
        for axis, (size, margins) in enumerate(zip(shape[1:-1], self.padding, strict=True), 1):
            if size is not None and max(margins) > self._most(size):
                raise ShapeError(
                    f"Pad cannot take {max(margins)} elements from axis {axis} of input {show(shape)} by {self.mode}"
                )
            sizes.append(None if size is None else size + sum(margins))
        return (shape[0], *sizes, shape[-1])

    def _most(self, size: int) -> float:
        """How many elements there may be on one side of an axis."""
        if self.mode == "constant" or (self.mode == "edge" and size):
            return float("inf")
        return max(size - (self.mode == "reflect"), 0)

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0


@spec
class Crop(_Rearrangement):
    """The axes between batch and channels without some elements at their ends.

    y[b, p, c] = x[b, p + before, c]

    Shapes: x (batch, *sizes, channels), y (batch, *(size − before − after), channels), at least one element of each
    axis being left.

    Attributes:
        cropping: how many elements [before, after] each axis loses.
    """

    cropping: Margins

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        _check_axes("Crop", self.cropping, shape)
        sizes = []
        for axis, (size, margins) in enumerate(zip(shape[1:-1], self.cropping, strict=True), 1):
            if size is not None and sum(margins) >= size:
                raise ShapeError(f"Crop of {list(margins)} leaves nothing of axis {axis} of input {show(shape)}")
            sizes.append(None if size is None else size - sum(margins))
        return (shape[0], *sizes, shape[-1])
