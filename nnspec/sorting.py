"""Order along an axis, named as in the Python array API standard; the batch axis is never one of them.

The standard has no ``top_k``, which is named as in both frameworks. Inputs are floats or int32. Of equal elements, the
two zeros among them, the one that comes first in the input comes first; NaN is behind all numbers, in falling order
too. Indices are int32 and have no gradient; that of sorted values goes to where each comes from.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from nnspec.errors import ShapeError
from nnspec.layers.base import DType, Operation, Shape, elements, feature_axis, show
from nnspec.spec import PositiveInt, spec
from nnspec.vocabulary import node_name


@spec
class _Along(Operation):
    """Base of operations along an axis."""

    arity: ClassVar[int | None] = 1

    def place(self, shape: Shape) -> int:
        """The axis of an input, counted from the front."""
        axis: int = self.axis  # type: ignore[attr-defined]
        return feature_axis(shape, axis, node_name(type(self)))

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        self.place(shape)
        return shape

    def output_dtype(self, *dtypes: DType) -> DType:
        if dtypes[0] == "bool":
            raise ShapeError(f"{node_name(type(self))} orders numbers, got bool input")
        return dtypes[0]

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return elements(shapes[0])


@spec
class _Extreme(_Along):
    """Base of the places of extremes."""

    axis: int = -1
    keepdims: bool = False
    ties: Literal["first", "last"] = "first"

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axis = self.place(shape)
        if shape[axis] == 0:
            raise ShapeError(f"{node_name(type(self))} has nothing to choose from in input {show(shape)}")
        return (*shape[:axis], *((1,) if self.keepdims else ()), *shape[axis + 1 :])

    def output_dtype(self, *dtypes: DType) -> DType:
        _Along.output_dtype(self, *dtypes)
        return "int32"


@spec
class ArgMax(_Extreme):
    """y = the index of the largest element along ``axis``; of NaN, if there is one.

    Attributes:
        keepdims: whether the axis stays, of size 1.
        ties: which of several equal ones it is, and of several NaN.
    """


@spec
class ArgMin(_Extreme):
    """y = the index of the smallest element along ``axis``; of NaN, if there is one.

    Attributes:
        keepdims: whether the axis stays, of size 1.
        ties: which of several equal ones it is, and of several NaN.
    """


@spec
class Sort(_Along):
    """y = the elements along ``axis`` in order, y₁ ≤ y₂ ≤ …, or the largest first."""

    axis: int = -1
    descending: bool = False


@spec
class ArgSort(_Along):
    """y = the indices of the elements along ``axis`` in order, those that ``Sort`` takes them from."""

    axis: int = -1
    descending: bool = False

    def output_dtype(self, *dtypes: DType) -> DType:
        _Along.output_dtype(self, *dtypes)
        return "int32"


@spec
class TopK(_Along):
    """y = the k largest elements along ``axis``, the largest first: the first k of what ``Sort`` gives.

    Attributes:
        largest: else the k smallest, the smallest first.
        output: the elements, or their indices.
    """

    k: PositiveInt
    axis: int = -1
    largest: bool = True
    output: Literal["values", "indices"] = "values"

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axis = self.place(shape)
        size = shape[axis]
        if size is not None and size < self.k:
            raise ShapeError(f"top_k: axis {self.axis} of input {show(shape)} has less than {self.k} elements")
        return (*shape[:axis], self.k, *shape[axis + 1 :])

    def output_dtype(self, *dtypes: DType) -> DType:
        given = _Along.output_dtype(self, *dtypes)
        return given if self.output == "values" else "int32"
