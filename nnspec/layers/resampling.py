"""Layers that change how densely the axes between batch and channels are sampled."""

from __future__ import annotations

from nnspec.errors import ShapeError
from nnspec.layers.base import Shape, show
from nnspec.layers.shape import _Rearrangement
from nnspec.layers.window import Window
from nnspec.spec import spec


@spec
class Upsample(_Rearrangement):
    """Each element repeated along each axis between batch and channels: the nearest one, for integer factors.

    y[b, p, c] = x[b, ⌊p / factors⌋, c]

    The derivative by an element of x is the sum over all of its copies.

    Shapes: x (batch, *sizes, channels), y (batch, *(sizes · factors), channels).

    Attributes:
        factors: how often along each axis, Keras's ``size``.
    """

    factors: Window

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) != len(self.factors) + 2:
            raise ShapeError(
                f"Upsample with {len(self.factors)} factors needs inputs of {len(self.factors) + 2} axes "
                f"(batch, one for each factor, and channels), got {show(shape)}"
            )
        sizes = (None if n is None else n * factor for n, factor in zip(shape[1:-1], self.factors, strict=True))
        return (shape[0], *sizes, shape[-1])
