"""Elements chosen by int32 ids, which have no gradient, and sums of what has the same id.

``take`` and ``take_along_axis`` are named as in the Python array API standard, which has neither ``one_hot`` nor sums
of segments. The gradient of an element is the sum over all places it was taken to.
"""

from __future__ import annotations

from typing import ClassVar

from nnspec.errors import ShapeError
from nnspec.layers.base import DType, Operation, Shape, elements, feature_axis, show
from nnspec.spec import PositiveInt, spec
from nnspec.vocabulary import node_name


@spec
class _ById(Operation):
    """Base of operations of values and ids."""

    arity: ClassVar[int | None] = 2

    def output_dtype(self, *dtypes: DType) -> DType:
        what = node_name(type(self))
        if len(dtypes) != self.takes():
            raise ShapeError(f"{what} needs {self.takes()} inputs, got {len(dtypes)}")
        for dtype in dtypes[1:]:
            if dtype != "int32":
                raise ShapeError(f"{what} takes int32 ids, got {dtype} input")
        return dtypes[0]

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0


@spec
class Take(_ById):
    """y = the elements along ``axis`` that have the given ids.

    y[b, …, i, …] = x[b, …, indices[i], …], the same for all examples, or
    y[b, …, i₁, …, iₙ, …] = x[b, …, ids[b, i₁, …, iₙ], …] with a second input, the ids of each example

    A negative id counts from the end. One beyond gives NaN on every backend, of int32 0 and of booleans false, and has
    no gradient.

    Shapes: x (batch, d₁, …, dₙ), ids (batch, …) of int32; in y the axes of the ids stand in place of ``axis``.

    Attributes:
        indices: the ids, instead of a second input.
    """

    indices: tuple[int, ...] | None = None
    axis: int = -1

    def takes(self) -> int:
        return 2 if self.indices is None else 1

    def output_shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != self.takes():
            raise ShapeError(f"take needs {self.takes()} input{'s' * (self.takes() != 1)}, got {len(shapes)}")
        shape = shapes[0]
        axis = feature_axis(shape, self.axis, "take")
        size = shape[axis]
        for index in self.indices or ():
            if size is not None and not -size <= index < size:
                raise ShapeError(f"take: index {index} is not in axis {self.axis} of input {show(shape)}")
        inner = shapes[1][1:] if self.indices is None else (len(self.indices),)
        return (*shape[:axis], *inner, *shape[axis + 1 :])


@spec
class TakeAlongAxis(_ById):
    """y = elements along ``axis``, each place having ids of its own: those of ``ArgSort``, say.

    y[…, i, …] = x[…, ids[…, i, …], …]

    A negative id counts from the end. One beyond gives NaN on every backend, of int32 0 and of booleans false, and has
    no gradient.

    Shapes: x (batch, …), ids and y of x's shape but for ``axis``; ids of int32.
    """

    axis: int = -1

    def output_shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 2:
            raise ShapeError(f"take_along_axis needs 2 inputs, got {len(shapes)}")
        shape, ids = shapes
        axis = feature_axis(shape, self.axis, "take_along_axis")
        if len(shape) != len(ids) or any(
            a != b for i, (a, b) in enumerate(zip(shape, ids, strict=True)) if i != axis and None not in (a, b)
        ):
            raise ShapeError(f"take_along_axis along axis {self.axis}: ids {show(ids)} do not fit input {show(shape)}")
        return ids


@spec
class OneHot(Operation):
    """y = 1 at the place of each id along a new axis, 0 elsewhere; all 0 for an id that is none of the classes.

    y[…, c] = 1 if x[…] = c, else 0, for c = 0 … num_classes − 1; negative ids do not count from the end.

    Shapes: x (batch, …) of int32, y (batch, …, num_classes).

    Attributes:
        axis: the new axis of the output (0 is the batch).
    """

    arity: ClassVar[int | None] = 1
    num_classes: PositiveInt
    axis: int = -1

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axis = feature_axis(shape, self.axis, "one_hot", len(shape) + 1)
        return (*shape[:axis], self.num_classes, *shape[axis:])

    def output_dtype(self, *dtypes: DType) -> DType:
        if dtypes[0] != "int32":
            raise ShapeError(f"one_hot takes int32 ids, got {dtypes[0]} input")
        return "float"


@spec
class UpdateSlice(Operation):
    """y = x with a slice along ``axis`` replaced, which starts at a place of its own in each example.

    y[b, …, i, …] = update[b, …, i − start[b], …] for start[b] ≤ i < start[b] + n, else x[b, …, i, …]

    What would lie beyond either end is left out; a negative start does not count from the end. The gradient of an
    element goes to where it was taken from.

    Shapes: x and y (batch, …), update of x's shape and dtype but n along ``axis``, start (batch,) of int32.
    Source: ``jax.lax.dynamic_update_slice`` for each example, without its moving of slices that lie beyond the end;
    ONNX's TensorScatter, in its mode "linear".
    """

    arity: ClassVar[int | None] = 3
    axis: int = 1

    def output_shape(self, *shapes: Shape) -> Shape:
        shape, update, start = shapes
        axis = feature_axis(shape, self.axis, "update_slice")
        if len(shape) != len(update) or any(
            a != b for i, (a, b) in enumerate(zip(shape, update, strict=True)) if i != axis and None not in (a, b)
        ):
            raise ShapeError(
                f"update_slice along axis {self.axis}: update {show(update)} does not fit input {show(shape)}"
            )
        if len(start) != 1:
            raise ShapeError(f"update_slice starts at one place in each example, got {show(start)}")
        return shape

    def output_dtype(self, *dtypes: DType) -> DType:
        x, update, start = dtypes
        if x != update:
            raise ShapeError(f"update_slice joins values of one dtype, got {x} and {update} input")
        if start != "int32":
            raise ShapeError(f"update_slice starts at int32 places, got {start} input")
        return x

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0


@spec
class _Segments(_ById):
    """Base of reductions of what has the same id."""

    num_segments: PositiveInt

    def output_shape(self, *shapes: Shape) -> Shape:
        what = node_name(type(self))
        if len(shapes) != 2:
            raise ShapeError(f"{what} needs 2 inputs, got {len(shapes)}")
        shape, ids = shapes
        if len(shape) < 2 or len(ids) != 2 or (None not in (shape[1], ids[1]) and shape[1] != ids[1]):
            raise ShapeError(f"{what}: ids {show(ids)} are not one for each element of input {show(shape)}")
        return (shape[0], self.num_segments, *shape[2:])

    def output_dtype(self, *dtypes: DType) -> DType:
        given = _ById.output_dtype(self, *dtypes)
        if given != "float":
            raise ShapeError(f"{node_name(type(self))} computes on floats, got {given} input")
        return given

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return elements(shapes[0])


@spec
class SegmentSum(_Segments):
    """y[b, s, …] = Σ x[b, i, …] over all i with ids[b, i] = s; 0 where there is none.

    What has an id that is none of the segments enters no sum.

    Shapes: x (batch, n, …), ids (batch, n) of int32, y (batch, num_segments, …).
    """


@spec
class SegmentMean(_Segments):
    """y[b, s, …] = the mean of x[b, i, …] over all i with ids[b, i] = s; 0 where there is none.

    What has an id that is none of the segments enters no mean.

    Shapes: x (batch, n, …), ids (batch, n) of int32, y (batch, num_segments, …).
    """


@spec
class SegmentMax(_Segments):
    """y[b, s, …] = the largest x[b, i, …] of all i with ids[b, i] = s; −∞ where there is none.

    The gradient goes to the first of several equal ones. Is one NaN, so is the maximum, and the gradient goes to the
    first NaN. What has an id that is none of the segments is left out.

    Shapes: x (batch, n, …), ids (batch, n) of int32, y (batch, num_segments, …).
    """
