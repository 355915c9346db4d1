"""Operations without parameters, named as in the Python array API standard, that join branches of a graph.

Inputs of one rank broadcast as in NumPy; of two ranks, the batch axis of one would meet another axis of the other.
Gradients of a broadcast input are summed over the repeated positions.
"""

from __future__ import annotations

from nnspec.errors import ShapeError
from nnspec.layers.base import DType, Operation, Shape, elements, show
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
        axis = self.axis + len(first) if self.axis < 0 else self.axis
        if not 0 < axis < len(first):
            reason = "is the batch axis" if axis == 0 else "does not exist"
            raise ShapeError(f"concat: axis {self.axis} {reason} in input {show(first)}")
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
