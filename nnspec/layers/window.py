"""Windows that slide over the axes between batch and channels: what convolution and pooling share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import Shape, show
from nnspec.spec import NonNegativeInt, PositiveInt

# One number for each axis the window slides over: one, two or three of them.
Window = Annotated[tuple[PositiveInt, ...], Field(min_length=1, max_length=3)]
# The same number for all of them, or one for each.
PerAxis = PositiveInt | Window
# How many zeros stand before and after each axis.
Pads = Annotated[tuple[tuple[NonNegativeInt, NonNegativeInt], ...], Field(min_length=1, max_length=3)]
Padding = str | tuple[tuple[int, int], ...]


class Sliding:
    """What convolutions have beside their fields: a window that slides over the axes between batch and channels."""

    kernel_size: tuple[int, ...]
    strides: int | tuple[int, ...]
    dilation: int | tuple[int, ...]

    @property
    def stride(self) -> tuple[int, ...]:
        """The strides, one for each axis."""
        return per_axis(self.strides, self.kernel_size)

    @property
    def dilations(self) -> tuple[int, ...]:
        """The dilation, one for each axis."""
        return per_axis(self.dilation, self.kernel_size)


def per_axis(value: int | tuple[int, ...], window: tuple[int, ...]) -> tuple[int, ...]:
    """One number for each axis of the window."""
    return (value,) * len(window) if isinstance(value, int) else value


def check_lengths(window: tuple[int, ...], **given: object) -> None:
    """Fields that have one value per axis have as many as the window.

    Raises:
        SpecError: naming the field that does not.
    """
    for name, value in given.items():
        if isinstance(value, tuple) and len(value) != len(window):
            raise SpecError(
                f"expected {len(window)} values, one for each axis of the window, got {len(value)}", (name,)
            )


def pads(
    padding: Padding,
    sizes: tuple[int, ...],
    window: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
) -> tuple[tuple[int, int], ...]:
    """How much is padded before and after each axis.

    "same" pads p = max((⌈size/stride⌉ − 1) · stride + extent − size, 0), ⌊p/2⌋ of it before and the rest after, where
    extent = (window − 1) · dilation + 1; "causal" pads extent − 1 before; "valid" nothing.
    """
    if not isinstance(padding, str):
        return padding
    extents = extent(window, dilation)
    if padding == "causal":
        return tuple((reach - 1, 0) for reach in extents)
    if padding == "valid":
        return ((0, 0),) * len(window)
    totals = [
        max((-(-size // stride) - 1) * stride + reach - size, 0)
        for size, stride, reach in zip(sizes, strides, extents, strict=True)
    ]
    return tuple((total // 2, total - total // 2) for total in totals)


def extent(window: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """How far a dilated window reaches along each axis."""
    return tuple((size - 1) * step + 1 for size, step in zip(window, dilation, strict=True))


def shares(size: int, count: int) -> tuple[tuple[int, int], ...]:
    """An axis cut into ``count`` parts as equal as can be: where each begins and ends. Parts may overlap."""
    return tuple((i * size // count, -(-(i + 1) * size // count)) for i in range(count))


def positions(
    what: str,
    shape: Shape,
    padding: Padding,
    window: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
) -> tuple[int | None, ...]:
    """How many positions the window takes along each axis of an input; None where the axis is of any length.

    Raises:
        ShapeError: the input has another number of axes, or the window does not fit.
    """
    if len(shape) != len(window) + 2:
        raise ShapeError(
            f"{what} with a window of {len(window)} axes needs inputs of {len(window) + 2} axes "
            f"(batch, the window's, and channels), got {show(shape)}"
        )
    found: list[int | None] = []
    for axis, size in enumerate(shape[1:-1]):
        if size is None:
            found.append(None)
            continue
        one = slice(axis, axis + 1)
        given = padding if isinstance(padding, str) else padding[one]
        ((before, after),) = pads(given, (size,), window[one], strides[one], dilation[one])
        (reach,) = extent(window[one], dilation[one])
        room = before + size + after - reach
        if room < 0 or size < 1:
            raise ShapeError(f"{what}'s window reaches over {reach} elements of axis {axis + 1} of input {show(shape)}")
        found.append(room // strides[axis] + 1)
    return tuple(found)
