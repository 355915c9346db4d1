"""Elementwise operations without parameters, named as in the Python array API standard.

The standard has no ``erf``, which is named as in SciPy.

The derivative at a kink or a jump is that of the flat side, and 0 where both sides are flat. Where a value is not
defined, it is NaN; NaN passes through all of them.
"""

from __future__ import annotations

from typing import ClassVar

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import Operation, Shape, elements
from nnspec.ops import broadcast
from nnspec.spec import spec


@spec
class _Unary(Operation):
    """Base of elementwise operations of one input."""

    arity: ClassVar[int | None] = 1


@spec
class Abs(_Unary):
    """y = |x|; y′(0) = 0."""


@spec
class Exp(_Unary):
    """y = eˣ."""


@spec
class Log(_Unary):
    """y = ln x; −∞ at 0, NaN below. y′ = 1/x."""


@spec
class Sqrt(_Unary):
    """y = √x; NaN below 0. y′ = 1/(2y), which is ∞ at 0."""


@spec
class Square(_Unary):
    """y = x²."""


@spec
class Sin(_Unary):
    """y = sin x, x in radians."""


@spec
class Cos(_Unary):
    """y = cos x, x in radians."""


@spec
class Negative(_Unary):
    """y = −x."""


@spec
class Sign(_Unary):
    """y = −1 for x < 0, 0 at 0, 1 for x > 0; y′ = 0 everywhere."""


@spec
class Floor(_Unary):
    """y = ⌊x⌋, the largest integer that is not above x; y′ = 0 everywhere."""


@spec
class Erf(_Unary):
    """y = 2/√π · ∫ e^(−t²) dt from 0 to x, the error function."""


# In spec files ``clip``, as in the standard; ``Clip`` is what cuts gradients.
@spec
class Clamp(_Unary):
    """y = lower for x ≤ lower, upper for x ≥ upper, x between; y′ = 0 at both bounds. The standard's ``clip``.

    Attributes:
        lower, upper: the bounds; without one of them, y is not bounded there.
    """

    lower: float | None = None
    upper: float | None = None

    def __post_init__(self) -> None:
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise SpecError(f"expected more than the lower bound {self.lower}, got {self.upper}", ("upper",))


@spec
class Power(Operation):
    """y = x₁ ^ x₂; NaN for x₁ < 0 where x₂ is no integer. In spec files ``pow``.

    ∂y/∂x₁ = x₂ · x₁ ^ (x₂ − 1), 0 where x₂ = 0. ∂y/∂x₂ = y · ln x₁, 0 where x₁ = 0, NaN where x₁ < 0.
    """

    arity: ClassVar[int | None] = 2

    def output_shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 2:
            raise ShapeError(f"pow needs 2 inputs, got {len(shapes)}")
        return broadcast(shapes, "pow")

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return elements(self.output_shape(*shapes))
