"""Pooling over one, two or three axes, or over all of them; channels last."""

from __future__ import annotations

import math
from typing import Literal

from nnspec.errors import ShapeError
from nnspec.layers.base import Layer, Shape, elements, known, show
from nnspec.layers.window import PerAxis, Window, check_lengths, per_axis, positions, shares
from nnspec.spec import spec


@spec
class _Windowed(Layer):
    """Base of pooling with a window. ``strides`` are the window's sizes unless given; padding as in ``Conv``."""

    window: Window
    strides: PerAxis | None = None
    padding: Literal["same", "valid"] = "valid"

    def __post_init__(self) -> None:
        check_lengths(self.window, strides=self.strides)

    @property
    def stride(self) -> tuple[int, ...]:
        """The strides, one for each axis."""
        return self.window if self.strides is None else per_axis(self.strides, self.window)

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        ones = (1,) * len(self.window)
        found = positions(type(self).__name__, shape, self.padding, self.window, self.stride, ones)
        return (shape[0], *found, shape[-1])

    def flops(self, *shapes: tuple[int, ...]) -> int:
        outputs = tuple(known(size, "every axis") for size in self.output_shape(*shapes))
        return elements(outputs) * math.prod(self.window)


@spec
class MaxPool(_Windowed):
    """The maximum of each window.

    y[b,p,c] = max over q of x[b, p · strides + q − before, c]

    Only elements of x count: what "same" pads is never the maximum. The gradient goes to the largest element of a
    window; where several are equal, to the first of them in row-major order, alone. Is one NaN, so is the maximum, and
    the gradient goes to the first NaN.

    Shapes: x (batch, *sizes, channels), y (batch, *positions, channels), positions as in ``Conv``.
    Source: Jarrett et al. 2009; the first of equal elements: as in XLA's select-and-scatter, cuDNN and PyTorch.
    """


@spec
class AvgPool(_Windowed):
    """The mean of each window.

    y[b,p,c] = Σ over q of x[b, p · strides + q − before, c] / n

    Outside of x is 0. n is the number of the window's elements that lie in x, or with ``count_include_pad`` the number
    of all of them. The derivative by each of them is 1/n.

    Shapes: x (batch, *sizes, channels), y (batch, *positions, channels), positions as in ``Conv``.
    Source: LeCun et al. 1998.
    """

    count_include_pad: bool = False


@spec
class _Global(Layer):
    """Base of pooling over all axes between batch and channels."""

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) < 3:
            raise ShapeError(
                f"{type(self).__name__} needs inputs of at least 3 axes (batch, positions, channels), got {show(shape)}"
            )
        if 0 in shape[1:-1]:
            raise ShapeError(f"{type(self).__name__} has nothing to pool in input {show(shape)}")
        return (shape[0], shape[-1])

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return elements(shapes[0])


@spec
class GlobalAvgPool(_Global):
    """The mean over all axes between batch and channels.

    y[b,c] = Σ over p of x[b, p, c] / n

    Shapes: x (batch, *sizes, channels), y (batch, channels); n is the product of sizes.
    Source: Lin et al. 2014, arXiv:1312.4400.
    """


@spec
class GlobalMaxPool(_Global):
    """The maximum over all axes between batch and channels.

    y[b,c] = max over p of x[b, p, c]

    The gradient goes to the largest element; where several are equal, to the first of them in row-major order, alone.
    Is one NaN, so is the maximum, and the gradient goes to the first NaN.

    Shapes: x (batch, *sizes, channels), y (batch, channels).
    Source: Oquab et al. 2015.
    """


@spec
class _Adaptive(Layer):
    """Base of pooling to a given number of positions."""

    output_size: Window

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) != len(self.output_size) + 2:
            raise ShapeError(
                f"{type(self).__name__} to {len(self.output_size)} sizes needs inputs of {len(self.output_size) + 2} "
                f"axes (batch, one for each size, and channels), got {show(shape)}"
            )
        if 0 in shape[1:-1]:
            raise ShapeError(f"{type(self).__name__} has nothing to pool in input {show(shape)}")
        return (shape[0], *self.output_size, shape[-1])

    def flops(self, *shapes: tuple[int, ...]) -> int:
        (shape,) = shapes
        cuts = (shares(size, count) for size, count in zip(shape[1:-1], self.output_size, strict=True))
        return shape[0] * shape[-1] * math.prod(sum(end - start for start, end in cut) for cut in cuts)


@spec
class AdaptiveAvgPool(_Adaptive):
    """The mean of each of ``output_size`` parts of every axis between batch and channels.

    y[b,p,c] = mean of x[b, q, c] over q from ⌊p · size/output_size⌋ to ⌈(p + 1) · size/output_size⌉ − 1

    Where the size is no multiple, neighboring parts share an element; where it is smaller, parts repeat elements.

    Shapes: x (batch, *sizes, channels), y (batch, *output_size, channels).
    Source: PyTorch's ``AdaptiveAvgPool``; He et al. 2015, arXiv:1406.4729 (spatial pyramid pooling).
    """


@spec
class AdaptiveMaxPool(_Adaptive):
    """The maximum of each of ``output_size`` parts of every axis between batch and channels.

    y[b,p,c] = max of x[b, q, c] over q from ⌊p · size/output_size⌋ to ⌈(p + 1) · size/output_size⌉ − 1

    The gradient goes to the largest element of a part; where several are equal, to the first of them in row-major
    order, alone. Is one NaN, so is the maximum, and the gradient goes to the first NaN.

    Shapes: x (batch, *sizes, channels), y (batch, *output_size, channels).
    Source: PyTorch's ``AdaptiveMaxPool``; He et al. 2015, arXiv:1406.4729 (spatial pyramid pooling).
    """
