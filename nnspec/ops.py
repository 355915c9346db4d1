"""Operations without parameters, named as in the Python array API standard, that join branches or rearrange.

The standard has no ``slice``, which stands for what it writes with brackets.

Inputs of one rank broadcast as in NumPy; of two ranks, the batch axis of one would meet another axis of the other.
Gradients of a broadcast input are summed over the repeated positions.
"""

from __future__ import annotations

from nnspec.equation import Equation
from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import DType, Operation, Shape, elements, feature_axis, known, show
from nnspec.spec import spec


def broadcast(shapes: tuple[Shape, ...], what: str) -> Shape:
    """The common shape of ``shapes`` under NumPy's rules; an unknown size goes with 1 and with unknown."""
    if len(set(map(len, shapes))) > 1:
        raise ShapeError(
            f"{what} cannot combine inputs of different ranks, {' and '.join(map(show, shapes))}: the batch axis of "
            "one would meet another axis of the other (give the smaller one axes of size 1 with Reshape)"
        )
    result: list[int | None] = []
    for sizes in zip(*shapes, strict=True):
        wide = {s for s in sizes if s != 1}
        if len(wide) > 1:
            raise ShapeError(f"{what} cannot combine inputs of shapes {' and '.join(map(show, shapes))}")
        result.append(wide.pop() if wide else 1)
    return tuple(result)


@spec
class _Elementwise(Operation):
    """Base of elementwise operations of two or more inputs."""

    def output_shape(self, *shapes: Shape) -> Shape:
        if len(shapes) < 2:
            raise ShapeError(f"{type(self).__name__.lower()} needs at least 2 inputs, got {len(shapes)}")
        return broadcast(shapes, type(self).__name__.lower())

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return (len(shapes) - 1) * elements(self.output_shape(*shapes))


@spec
class Add(_Elementwise):
    """y = x₁ + x₂ + …, from left to right."""


@spec
class Subtract(_Elementwise):
    """y = x₁ − x₂."""

    arity = 2


@spec
class Multiply(_Elementwise):
    """y = x₁ · x₂ · …, from left to right."""


@spec
class Divide(_Elementwise):
    """y = x₁ / x₂."""

    arity = 2


@spec
class Maximum(_Elementwise):
    """y = max(x₁, x₂); where they are equal each gets half of the gradient."""

    arity = 2


@spec
class Minimum(_Elementwise):
    """y = min(x₁, x₂); where they are equal each gets half of the gradient."""

    arity = 2


@spec
class Concat(Operation):
    """The inputs joined along ``axis`` (the batch axis is 0 and cannot be joined)."""

    axis: int = -1

    def output_shape(self, *shapes: Shape) -> Shape:
        first = shapes[0]
        axis = feature_axis(first, self.axis, "concat")
        rest = {(*s[:axis], *s[axis + 1 :]) for s in shapes}
        if len({len(s) for s in shapes}) > 1 or len(rest) > 1:
            shown = " and ".join(map(show, shapes))
            raise ShapeError(f"concat along axis {self.axis} cannot join inputs of shapes {shown}")
        sizes = [s[axis] for s in shapes]
        total = None if None in sizes else sum(s for s in sizes if s is not None)
        return (*first[:axis], total, *first[axis + 1 :])

    def output_dtype(self, *dtypes: DType) -> DType:
        if len(set(dtypes)) > 1:
            raise ShapeError(f"concat needs inputs of one dtype, got {' and '.join(dtypes)}")
        return dtypes[0]

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0


@spec
class Matmul(Operation):
    """y = x₁ · x₂, products of matrices, which are the last two axes; axes before them broadcast.

    Shapes: x₁ (batch, ..., n, k), x₂ (batch, ..., k, m), y (batch, ..., n, m).
    """

    arity = 2

    def output_shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 2:
            raise ShapeError(f"matmul needs 2 inputs, got {len(shapes)}")
        shown = " and ".join(map(show, shapes))
        if min(map(len, shapes)) < 3:
            raise ShapeError(f"matmul needs inputs of at least 3 axes (batch and a matrix), got {shown}")
        (*_, n, k), (*_, rows, m) = shapes
        if known(k, "the last axis of matmul's first input") != rows:
            raise ShapeError(f"matmul cannot multiply inputs of shapes {shown}")
        return (*broadcast((shapes[0][:-2], shapes[1][:-2]), "matmul"), n, m)

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return elements(self.output_shape(*shapes)) * (2 * shapes[0][-1] - 1)


@spec
class Einsum(Operation):
    """y = Σ x₁ · x₂ · …, with Σ over the letters that the result lacks, as an equation of Einstein's summation says.

    ``bij,bjk->bik`` multiplies matrices, ``bi,bj->bij`` each with each, ``bij->bji`` exchanges axes. The first axis of
    all inputs is the batch, and that of the result. The letters of an input differ; ``...`` stands for axes that all
    inputs that have it share.
    """

    equation: str

    def __post_init__(self) -> None:
        read = Equation.read(self.equation)
        terms = (*read.operands, read.result)
        if len({term[:3] if term.startswith("...") else term[:1] for term in terms}) > 1 or "" in terms:
            raise SpecError(
                f"the first axis of all inputs is the batch, and that of the result, which {self.equation!r} denies",
                ("equation",),
            )

    def takes(self) -> int:
        return len(Equation.read(self.equation).operands)

    def spelled(self, *shapes: Shape) -> Equation:
        """The equation with letters for all axes."""
        return Equation.read(self.equation).spelled(*map(len, shapes))

    def output_shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != self.takes():
            raise ShapeError(f"einsum of {self.equation!r} needs {self.takes()} inputs, got {len(shapes)}")
        equation = self.spelled(*shapes)
        sizes = equation.sizes(*shapes)
        return tuple(sizes[letter] for letter in equation.result)

    def flops(self, *shapes: tuple[int, ...]) -> int:
        equation = self.spelled(*shapes)
        products = elements(tuple(equation.sizes(*shapes).values()))
        outputs = elements(self.output_shape(*shapes))
        return products * len(shapes) - outputs


@spec
class _Moves(Operation):
    """Base of operations that only rearrange, inputs of any dtype."""

    def output_dtype(self, *dtypes: DType) -> DType:
        if len(set(dtypes)) > 1:
            raise ShapeError(f"{type(self).__name__.lower()} needs inputs of one dtype, got {' and '.join(dtypes)}")
        return dtypes[0]

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0


@spec
class Stack(_Moves):
    """The inputs, all of one shape, joined along a new axis, which is ``axis`` of the output (0 is the batch)."""

    axis: int = -1

    def output_shape(self, *shapes: Shape) -> Shape:
        first = shapes[0]
        if len(set(shapes)) > 1:
            raise ShapeError(f"stack needs inputs of one shape, got {' and '.join(map(show, shapes))}")
        axis = feature_axis(first, self.axis, "stack", len(first) + 1)
        return (*first[:axis], len(shapes), *first[axis:])


@spec
class Slice(_Moves):
    """y = x[start:stop:step] along ``axis``, as Python slices: negative numbers count from the end.

    Attributes:
        step: not 0; with −1 and without ends, the axis is reversed.
        axis: not the batch axis, 0.
    """

    arity = 1
    start: int | None = None
    stop: int | None = None
    step: int = 1
    axis: int = -1

    def __post_init__(self) -> None:
        if self.step == 0:
            raise SpecError("expected steps of some length", ("step",))

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axis = feature_axis(shape, self.axis, "slice")
        size = shape[axis]
        count = None if size is None else len(range(*slice(self.start, self.stop, self.step).indices(size)))
        if count == 0:
            raise ShapeError(f"slice leaves nothing of axis {self.axis} of input {show(shape)}")
        return (*shape[:axis], count, *shape[axis + 1 :])

    def index(self, rank: int) -> tuple[slice, ...]:
        """What an array of so many axes is indexed with."""
        axis = self.axis % rank
        return (*[slice(None)] * axis, slice(self.start, self.stop, self.step))


@spec
class ExpandDims(_Moves):
    """y = x with a new axis of size 1, which is ``axis`` of the output (0 is the batch)."""

    arity = 1
    axis: int = -1

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axis = feature_axis(shape, self.axis, "expand_dims", len(shape) + 1)
        return (*shape[:axis], 1, *shape[axis:])


@spec
class Squeeze(_Moves):
    """y = x without ``axis``, whose size is 1."""

    arity = 1
    axis: int = -1

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axis = feature_axis(shape, self.axis, "squeeze")
        if shape[axis] != 1:
            raise ShapeError(f"squeeze: axis {self.axis} of input {show(shape)} is not of size 1")
        return (*shape[:axis], *shape[axis + 1 :])
