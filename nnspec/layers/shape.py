"""Layers that only rearrange."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from nnspec.errors import ShapeError
from nnspec.layers.base import DType, Layer, Shape, known, show
from nnspec.spec import spec


@spec
class Flatten(Layer):
    """All axes but the batch axis become one, in row-major (C) order.

    Shapes: x (batch, d1, ..., dn), y (batch, d1·…·dn); x (batch,) becomes (batch, 1).
    """

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        return (shape[0], math.prod(known(s, "every axis of Flatten's input") for s in shape[1:]))

    def output_dtype(self, *dtypes: DType) -> DType:
        return dtypes[0]

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0


@spec
class Reshape(Layer):
    """The axes after the batch axis take the given shape, in row-major (C) order; one of them may be −1.

    Shapes: x (batch, ...), y (batch, *shape).
    """

    shape: tuple[Annotated[int, Field(ge=-1)], ...]

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if self.shape.count(-1) > 1:
            raise ShapeError(f"Reshape can infer one axis (-1), got {list(self.shape)}")
        size = math.prod(known(s, "every axis of Reshape's input") for s in shape[1:])
        rest = math.prod(s for s in self.shape if s != -1)
        fits = size == rest if -1 not in self.shape else rest > 0 and size % rest == 0
        if not fits:
            raise ShapeError(f"Reshape to {list(self.shape)} does not fit {size} elements of input {show(shape)}")
        return (shape[0], *(size // rest if s == -1 else s for s in self.shape))

    def output_dtype(self, *dtypes: DType) -> DType:
        return dtypes[0]

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0
