"""Products of vectors."""

from __future__ import annotations

from typing import ClassVar

from nnspec.errors import ShapeError
from nnspec.layers.base import Operation, Shape, show
from nnspec.ops import broadcast
from nnspec.spec import spec


@spec
class Outer(Operation):
    """y_ij = x₁_i · x₂_j, of vectors, which are the last axes; axes before them broadcast.

    Shapes: x₁ (batch, …, n), x₂ (batch, …, m), y (batch, …, n, m).
    """

    arity: ClassVar[int | None] = 2

    def output_shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 2:
            raise ShapeError(f"outer needs 2 inputs, got {len(shapes)}")
        if min(map(len, shapes)) < 2:
            raise ShapeError(f"outer needs inputs of at least 2 axes, got {' and '.join(map(show, shapes))}")
        left, right = shapes
        return (*broadcast((left[:-1], right[:-1]), "outer"), left[-1], right[-1])
