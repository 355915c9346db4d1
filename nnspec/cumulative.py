"""Running sums, products and extremes along an axis, named as in the Python array API standard.

The standard has no ``cumulative_max`` and no ``cumulative_min``. NaN stays from where it comes in.
"""

from __future__ import annotations

from typing import ClassVar

from nnspec.layers.base import Operation, Shape, elements, feature_axis
from nnspec.spec import spec
from nnspec.vocabulary import node_name


@spec
class _Cumulative(Operation):
    """Base of running reductions."""

    arity: ClassVar[int | None] = 1
    axis: int = -1
    exclusive: bool = False
    reverse: bool = False

    def place(self, shape: Shape) -> int:
        """The axis of an input, counted from the front."""
        return feature_axis(shape, self.axis, node_name(type(self)))

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        self.place(shape)
        return shape

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return elements(shapes[0])


@spec
class CumulativeSum(_Cumulative):
    """y_t = x₁ + … + x_t along ``axis``.

    Attributes:
        exclusive: whether x_t is left out: y_t = x₁ + … + x_{t−1}, and y₁ = 0.
        reverse: whether it starts at the end: y_t = x_t + … + x_n.
    """


@spec
class CumulativeProd(_Cumulative):
    """y_t = x₁ · … · x_t along ``axis``. The derivative by a factor is the product of the others, zeros or not.

    Attributes:
        exclusive: whether x_t is left out: y_t = x₁ · … · x_{t−1}, and y₁ = 1.
        reverse: whether it starts at the end: y_t = x_t · … · x_n.
    """


@spec
class CumulativeMax(_Cumulative):
    """y_t = max(x₁, …, x_t) along ``axis``.

    The gradient goes to the first of equal elements, alone, or to the first NaN; first counts from where it starts.

    Attributes:
        exclusive: whether x_t is left out: y_t = max(x₁, …, x_{t−1}), and y₁ = −∞.
        reverse: whether it starts at the end: y_t = max(x_t, …, x_n).
    """


@spec
class CumulativeMin(_Cumulative):
    """y_t = min(x₁, …, x_t) along ``axis``, that is −max(−x): ties and NaN as in ``CumulativeMax``.

    Attributes:
        exclusive: whether x_t is left out: y_t = min(x₁, …, x_{t−1}), and y₁ = ∞.
        reverse: whether it starts at the end: y_t = min(x_t, …, x_n).
    """
