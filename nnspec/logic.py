"""Comparisons, logic and choices, named as in the Python array API standard: booleans as values of nodes.

Inputs broadcast as those of ``Add``. Booleans and integers have no gradient; where a boolean chooses between floats,
the gradient goes to what was chosen. NaN is equal to nothing, itself included, and neither less nor greater.
"""

from __future__ import annotations

from typing import ClassVar

from nnspec.errors import ShapeError
from nnspec.layers.base import DType, Operation, Shape, elements
from nnspec.ops import broadcast
from nnspec.spec import spec
from nnspec.vocabulary import node_name


@spec
class _Broadcasting(Operation):
    """Base of elementwise operations whose inputs broadcast."""

    def output_shape(self, *shapes: Shape) -> Shape:
        what, count = node_name(type(self)), self.takes()
        if count is None and len(shapes) < 2:
            raise ShapeError(f"{what} needs at least 2 inputs, got {len(shapes)}")
        if count is not None and len(shapes) != count:
            raise ShapeError(f"{what} needs {count} input{'s' * (count != 1)}, got {len(shapes)}")
        return broadcast(shapes, what)

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return elements(self.output_shape(*shapes))


@spec
class _Comparison(_Broadcasting):
    """Base of comparisons: of two inputs of one dtype, or of one with a number."""

    arity: ClassVar[int | None] = 2
    value: float | None = None

    def takes(self) -> int:
        return 2 if self.value is None else 1

    def output_dtype(self, *dtypes: DType) -> DType:
        what = node_name(type(self))
        if len(set(dtypes)) > 1:
            raise ShapeError(f"{what} compares inputs of one dtype, got {' and '.join(dtypes)}")
        if dtypes[0] == "bool" and (self.value is not None or not isinstance(self, Equal | NotEqual)):
            raise ShapeError(f"{what} compares numbers, got bool input")
        whole = self.value is None or (float(self.value).is_integer() and abs(self.value) < 2**31)
        if dtypes[0] == "int32" and not whole:
            raise ShapeError(f"{what} compares int32 with whole numbers of 32 bits, not with {self.value}")
        return "bool"


@spec
class Equal(_Comparison):
    """y = (x₁ = x₂), of floats, int32 or booleans; 0 = −0.

    Attributes:
        value: what the one input is compared with instead of a second one, in the input's dtype.
    """


@spec
class NotEqual(_Comparison):
    """y = (x₁ ≠ x₂), true where one of them is NaN.

    Attributes:
        value: what the one input is compared with instead of a second one, in the input's dtype.
    """


@spec
class Less(_Comparison):
    """y = (x₁ < x₂), of floats or int32.

    Attributes:
        value: what the one input is compared with instead of a second one, in the input's dtype.
    """


@spec
class LessEqual(_Comparison):
    """y = (x₁ ≤ x₂), of floats or int32.

    Attributes:
        value: what the one input is compared with instead of a second one, in the input's dtype.
    """


@spec
class Greater(_Comparison):
    """y = (x₁ > x₂), of floats or int32.

    Attributes:
        value: what the one input is compared with instead of a second one, in the input's dtype.
    """


@spec
class GreaterEqual(_Comparison):
    """y = (x₁ ≥ x₂), of floats or int32.

    Attributes:
        value: what the one input is compared with instead of a second one, in the input's dtype.
    """


@spec
class _Logical(_Broadcasting):
    """Base of operations on booleans."""

    def output_dtype(self, *dtypes: DType) -> DType:
        for dtype in dtypes:
            if dtype != "bool":
                raise ShapeError(f"{node_name(type(self))} takes booleans, got {dtype} input")
        return "bool"


@spec
class LogicalAnd(_Logical):
    """y = x₁ ∧ x₂ ∧ …, true where all inputs are."""


@spec
class LogicalOr(_Logical):
    """y = x₁ ∨ x₂ ∨ …, true where any input is."""


@spec
class LogicalXor(_Logical):
    """y = (x₁ ≠ x₂), true where one of two booleans is."""

    arity: ClassVar[int | None] = 2


@spec
class LogicalNot(_Logical):
    """y = ¬x."""

    arity: ClassVar[int | None] = 1


@spec
class Where(_Broadcasting):
    """y = x₁ where the condition is true, x₂ elsewhere.

    The inputs are the condition, of booleans, x₁ and x₂, both of one dtype. The gradient of what was not chosen is 0,
    even where it is NaN or infinite.
    """

    arity: ClassVar[int | None] = 3

    def output_dtype(self, *dtypes: DType) -> DType:
        condition, *chosen = dtypes
        if condition != "bool":
            raise ShapeError(f"the first input of where is boolean, got {condition} input")
        if len(set(chosen)) > 1:
            raise ShapeError(f"where chooses between inputs of one dtype, got {' and '.join(chosen)}")
        return chosen[0]


@spec
class AsType(Operation):
    """y = x in another dtype; a float is in that of the net. From floats to floats the derivative is 1.

    Of floats, int32 is the whole number next to x on the way to 0, the nearest int32 of what is too large, and 0 of
    NaN. A number is true unless it is 0 (NaN is true); true is 1 and false 0.

    Attributes:
        dtype: of the output.
    """

    arity: ClassVar[int | None] = 1
    dtype: DType

    def output_dtype(self, *dtypes: DType) -> DType:
        return self.dtype


@spec
class _Test(Operation):
    """Base of questions about single floats."""

    arity: ClassVar[int | None] = 1

    def output_dtype(self, *dtypes: DType) -> DType:
        Operation.output_dtype(self, *dtypes)
        return "bool"


@spec
class IsNaN(_Test):
    """y = (x is NaN), that is x ≠ x."""


@spec
class IsInf(_Test):
    """y = (x = ∞ or x = −∞)."""


@spec
class IsFinite(_Test):
    """y = (|x| < ∞), false of NaN too."""
