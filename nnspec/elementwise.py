"""Elementwise operations without parameters, named as in the Python array API standard.

The standard has no ``erf`` and no ``rsqrt``, which are named as in SciPy and in both frameworks.

The derivative at a kink or a jump is that of the flat side, and 0 where both sides are flat. Where a value is not
defined, it is NaN; NaN passes through all of them.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import Operation, Shape, elements
from nnspec.ops import broadcast
from nnspec.spec import spec
from nnspec.vocabulary import node_name


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
class Ceil(_Unary):
    """y = ⌈x⌉, the smallest integer that is not below x; y′ = 0 everywhere."""


@spec
class Round(_Unary):
    """y = the integer that is nearest to x, of two that are equally near the even one; y′ = 0 everywhere."""


@spec
class Trunc(_Unary):
    """y = x without its fraction, the integer next to x on the way to 0; y′ = 0 everywhere."""


@spec
class Reciprocal(_Unary):
    """y = 1/x; ±∞ at ±0."""


@spec
class Rsqrt(_Unary):
    """y = 1/√x; ∞ at 0, NaN below."""


@spec
class Expm1(_Unary):
    """y = eˣ − 1, exact where x is small."""


@spec
class Log1p(_Unary):
    """y = ln(1 + x), exact where x is small; −∞ at −1, NaN below."""


@spec
class Log2(_Unary):
    """y = log₂ x; −∞ at 0, NaN below. y′ = 1/(x ln 2)."""


@spec
class Log10(_Unary):
    """y = log₁₀ x; −∞ at 0, NaN below. y′ = 1/(x ln 10)."""


@spec
class Tan(_Unary):
    """y = tan x, x in radians."""


@spec
class Asin(_Unary):
    """y = arcsin x in [−π/2, π/2]; NaN for |x| > 1. y′ = 1/√(1 − x²), which is ∞ at ±1."""


@spec
class Acos(_Unary):
    """y = arccos x in [0, π]; NaN for |x| > 1. y′ = −1/√(1 − x²), which is −∞ at ±1."""


@spec
class Atan(_Unary):
    """y = arctan x in [−π/2, π/2]."""


@spec
class Sinh(_Unary):
    """y = (eˣ − e⁻ˣ)/2."""


@spec
class Cosh(_Unary):
    """y = (eˣ + e⁻ˣ)/2."""


@spec
class Asinh(_Unary):
    """y = ln(x + √(x² + 1)), the inverse of sinh."""


@spec
class Acosh(_Unary):
    """y = ln(x + √(x² − 1)) ≥ 0, the inverse of cosh; NaN for x < 1. y′ is ∞ at 1."""


@spec
class Atanh(_Unary):
    """y = ½ ln((1 + x)/(1 − x)), the inverse of tanh; ±∞ at ±1, NaN for |x| > 1."""


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
class _Binary(Operation):
    """Base of elementwise operations of two inputs."""

    arity: ClassVar[int | None] = 2

    def output_shape(self, *shapes: Shape) -> Shape:
        what = node_name(type(self))
        if len(shapes) != 2:
            raise ShapeError(f"{what} needs 2 inputs, got {len(shapes)}")
        return broadcast(shapes, what)

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return elements(self.output_shape(*shapes))


@spec
class Power(_Binary):
    """y = x₁ ^ x₂; NaN for x₁ < 0 where x₂ is no integer. In spec files ``pow``.

    ∂y/∂x₁ = x₂ · x₁ ^ (x₂ − 1), 0 where x₂ = 0. ∂y/∂x₂ = y · ln x₁, 0 where x₁ = 0, NaN where x₁ < 0.
    """


@spec
class Atan2(_Binary):
    """y = the angle of the point (x₂, x₁), x₂ to the right and x₁ up, in [−π, π]: arctan(x₁/x₂) where x₂ > 0.

    ∂y/∂x₁ = x₂/(x₁² + x₂²), ∂y/∂x₂ = −x₁/(x₁² + x₂²), NaN where both are 0.
    """


@spec
class LogAddExp(_Binary):
    """y = ln(e^x₁ + e^x₂) without overflow; −∞ where both are. The derivatives are the softmax of x₁ and x₂."""


@spec
class FloorDivide(_Binary):
    """y = ⌊x₁/x₂⌋, of the exact quotient: 1 // 0.1 is 9, since 0.1 is a little more than a tenth, as in Python.

    y = (x₁ − r)/x₂, rounded to an integer, where r is the remainder with the sign of x₂. Both derivatives are 0. For a
    divisor of 0 the value is that of x₁/x₂.
    """


@spec
class Remainder(_Binary):
    """y = x₁ − x₂ · ⌊x₁/x₂⌋, of the exact quotient; NaN for a divisor of 0.

    ∂y/∂x₁ = 1, ∂y/∂x₂ = −⌊x₁/x₂⌋, at jumps too.

    Attributes:
        sign: "divisor" as above, as in Python and NumPy; "dividend" rounds the quotient towards 0 instead, as in C's
            ``fmod``.
    """

    sign: Literal["divisor", "dividend"] = "divisor"
