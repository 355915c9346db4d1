"""Operations that rearrange the elements of an input of any dtype, named as in the Python array API standard.

The gradient of an element is the sum over all places it is copied to. Matrices are the last two axes.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from nnspec.errors import ShapeError
from nnspec.layers.base import Axes, DType, Operation, Shape, elements, feature_axes, feature_axis, known, show
from nnspec.ops import _Moves
from nnspec.spec import PositiveInt, spec
from nnspec.vocabulary import node_name

Sizes = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]


@spec
class Flip(_Moves):
    """y = x with the elements along ``axis`` in reverse order.

    Attributes:
        axis: one axis, several, or by default all but the batch axis.
    """

    arity: ClassVar[int | None] = 1
    axis: Axes | None = None

    def axes(self, shape: Shape) -> tuple[int, ...]:
        """The axes of an input that are reversed, counted from the front."""
        return tuple(range(1, len(shape))) if self.axis is None else feature_axes(shape, self.axis, "flip")

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        self.axes(shape)
        return shape


@spec
class Roll(_Moves):
    """y_i = x_{i − shift} along ``axis``, where what leaves at one end comes in at the other."""

    arity: ClassVar[int | None] = 1
    shift: int
    axis: int = -1

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        feature_axis(shape, self.axis, "roll")
        return shape


@spec
class Tile(_Moves):
    """y = x repeated along each axis as a whole: y_i = x_{i mod n}.

    Shapes: x (batch, d₁, …, dₙ), y (batch, d₁ · repeats₁, …, dₙ · repeatsₙ).

    Attributes:
        repeats: how often, for each axis but the batch axis.
    """

    arity: ClassVar[int | None] = 1
    repeats: Sizes

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) != len(self.repeats) + 1:
            raise ShapeError(f"tile has {len(self.repeats)} repeats for the axes behind the batch of {show(shape)}")
        sizes = (None if size is None else size * n for size, n in zip(shape[1:], self.repeats, strict=True))
        return (shape[0], *sizes)


@spec
class BroadcastTo(_Moves):
    """y = x with each axis of size 1 repeated to the size in ``shape``.

    Shapes: x (batch, …), y (batch, *shape), of one rank.
    """

    arity: ClassVar[int | None] = 1
    shape: Sizes

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        fits = len(shape) == len(self.shape) + 1 and all(
            size in (1, None, wanted) for size, wanted in zip(shape[1:], self.shape, strict=True)
        )
        if not fits:
            raise ShapeError(f"broadcast_to {list(self.shape)} does not fit input {show(shape)}")
        return (shape[0], *self.shape)


@spec
class _OfMatrices(_Moves):
    """Base of operations on the last two axes."""

    arity: ClassVar[int | None] = 1

    def matrix(self, shape: Shape) -> tuple[int | None, int | None]:
        """The sizes of an input's matrices."""
        if len(shape) < 3:
            raise ShapeError(
                f"{node_name(type(self))} needs inputs of at least 3 axes (batch and a matrix), got {show(shape)}"
            )
        return shape[-2], shape[-1]


@spec
class _Triangle(_OfMatrices):
    """Base of triangles."""

    k: int = 0

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        self.matrix(shape)
        return shape


@spec
class Tril(_Triangle):
    """y_ij = x_ij for j ≤ i + k, else 0 (false of booleans); the gradient is 0 there, whatever x is.

    Attributes:
        k: which diagonal is the last that stays: the main one, those above for positive numbers.
    """


@spec
class Triu(_Triangle):
    """y_ij = x_ij for j ≥ i + k, else 0 (false of booleans); the gradient is 0 there, whatever x is.

    Attributes:
        k: which diagonal is the first that stays: the main one, those above for positive numbers.
    """


@spec
class _OfDiagonal(_OfMatrices):
    """Base of operations on a diagonal."""

    offset: int = 0

    def length(self, shape: Shape) -> int:
        """How many elements the diagonal of an input's matrices has."""
        rows, columns = (known(size, f"both axes of the matrices of {node_name(type(self))}") for size in shape[-2:])
        length = min(rows + min(self.offset, 0), columns - max(self.offset, 0))
        if length < 1:
            raise ShapeError(f"{node_name(type(self))}: input {show(shape)} has no diagonal {self.offset}")
        return length


@spec
class Diagonal(_OfDiagonal):
    """y_i = x_{i, i + offset}, or x_{i − offset, i} for a negative offset.

    Shapes: x (batch, …, n, m), y (batch, …, length of the diagonal).
    """

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        self.matrix(shape)
        return (*shape[:-2], self.length(shape))


@spec
class Trace(_OfDiagonal):
    """y = Σ x_{i, i + offset}, the sum of what ``Diagonal`` gives, of floats.

    Shapes: x (batch, …, n, m), y (batch, …).
    """

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        self.matrix(shape)
        self.length(shape)
        return shape[:-2]

    def output_dtype(self, *dtypes: DType) -> DType:
        return Operation.output_dtype(self, *dtypes)

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return elements(self.output_shape(*shapes)) * self.length(shapes[0])
