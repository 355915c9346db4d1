"""Reductions along axes, named as in the Python array API standard; the batch axis is never reduced.

The standard has no ``logsumexp``, which is named as in SciPy; its ``vector_norm`` is among its linear algebra.

``axis`` is one axis, several, or by default all but the batch axis; negative ones count from the end. With ``keepdims``
they stay, of size 1. NaN goes through.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from nnspec.errors import ShapeError
from nnspec.layers.base import Axes, Operation, Shape, elements, feature_axes, show
from nnspec.spec import NonNegativeFloat, spec


@spec
class _Reduction(Operation):
    """Base of reductions."""

    arity: ClassVar[int | None] = 1
    axis: Axes | None = None
    keepdims: bool = False

    def axes(self, shape: Shape) -> tuple[int, ...]:
        """The axes of an input that are reduced, counted from the front, in order."""
        if self.axis is None:
            return tuple(range(1, len(shape)))
        return feature_axes(shape, self.axis, type(self).__name__.lower())

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axes = self.axes(shape)
        if any(shape[axis] == 0 for axis in axes):
            raise ShapeError(f"{type(self).__name__.lower()} has nothing to reduce in input {show(shape)}")
        kept = [1 if i in axes else size for i, size in enumerate(shape) if self.keepdims or i not in axes]
        return tuple(kept)

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return elements(shapes[0])


@spec
class Sum(_Reduction):
    """y = Σ x along the axes."""


@spec
class Mean(_Reduction):
    """y = Σ x / n, n being how many elements are reduced to one."""


@spec
class Prod(_Reduction):
    """y = Π x, the product along the axes. The derivative by an element is the product of the others, zeros or not."""


@spec
class Max(_Reduction):
    """y = max(x) along the axes.

    The gradient goes to the largest element; where several are equal, to the first of them in row-major order, alone.
    Is one NaN, so is the maximum, and the gradient goes to the first NaN.
    """


@spec
class Min(_Reduction):
    """y = min(x) along the axes, that is −max(−x): ties and NaN as in ``Max``."""


@spec
class _Moment(_Reduction):
    """Base of variance and standard deviation."""

    correction: NonNegativeFloat = 0.0

    def output_shape(self, *shapes: Shape) -> Shape:
        result = _Reduction.output_shape(self, *shapes)
        reduced = [shapes[0][axis] for axis in self.axes(shapes[0])]
        count = math.prod(size for size in reduced if size is not None)
        if None not in reduced and count <= self.correction:
            raise ShapeError(
                f"{type(self).__name__.lower()} with correction {self.correction:g} needs more than as many elements, "
                f"got {count} of input {show(shapes[0])}"
            )
        return result

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 4 * elements(shapes[0])


@spec
class Var(_Moment):
    """y = Σ (x − mean)² / (n − correction) along the axes, in two passes; biased (1/n) by default."""


@spec
class Std(_Moment):
    """y = √var, var being what ``Var`` gives; where it is 0, so is the derivative."""


@spec
class LogSumExp(_Reduction):
    """y = ln Σ eˣ along the axes, without overflow; the derivative is the softmax of x.

    Where all x are −∞, so is y.
    """


@spec
class VectorNorm(_Reduction):
    """y = (Σ |x|^ord)^(1/ord) along the axes; the largest |x| for ``ord`` "inf".

    The derivative is 0 where y is 0, and by an element that is 0. That of the largest goes to the first of equal ones
    in row-major order, alone.

    Attributes:
        ord: 1 for the sum of magnitudes, 2 for the Euclidean length.
    """

    ord: Annotated[float, Field(ge=1)] | Literal["inf"] = 2.0

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 2 * elements(shapes[0])
