"""Programs of other frameworks as nodes: StableHLO that has no counterpart in the vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import DType, Layer, Param, Shape, show
from nnspec.spec import NonNegativeInt, PositiveInt, spec

if TYPE_CHECKING:  # the parts that read programs bring NumPy, and are imported where there is one
    from nnspec.stablehlo.module import Module, Type

NO_DERIVATIVE = (
    "a StableHLO program has no derivative: what it computes can be used in training only where nothing before it is "
    "trained"
)
# What can name a variable: a word in small letters.
VARIABLE = r"^[a-z][a-z0-9_]*$"


@spec
class StableHLO(Layer):
    """A StableHLO program, applied to each example by itself, for inference: an opaque node.

    y[b] = main(x₁[b:b+1], …, xₙ[b:b+1], variables…)[output][0]

    The program is a module in MLIR's generic form, as ``stablehlo-opt --mlir-print-op-generic`` writes it. The first
    arguments of its function ``main`` are the node's inputs, one example each, with a batch axis of size 1; the others
    are variables, which training leaves alone. It may have the operations that compute and are the same everywhere; no
    calls of compilers' own functions, no random numbers, nothing that leaves the program.

    Floats of all widths are computed in the dtype of the net, in float32 where that is of half precision; constants
    keep the value that they have in the program, and operations on the bits of floats see those of the type which the
    program names. Whole numbers keep their width. Loops may depend on values; one that never ends does not end.

    It has no derivative: asking for one is an error, so that only what stands behind it can be trained.

    Shapes: x₁ to xₙ (batch, *the arguments' other axes), variables those of their arguments, y (batch, *the result's
    other axes).
    Source: StableHLO specification (openxla.org/stablehlo/spec).

    Attributes:
        program: the module's text.
        inputs: how many of main's arguments are inputs.
        variables: names of the others, in order.
        output: which of main's results it gives.
    """

    arity: ClassVar[int | None] = None
    variants: ClassVar[bool] = True
    differentiable: ClassVar[bool] = False
    program: str
    inputs: PositiveInt = 1
    variables: tuple[Annotated[str, Field(pattern=VARIABLE)], ...] = ()
    output: NonNegativeInt = 0

    def __post_init__(self) -> None:
        from nnspec.stablehlo.operations import check

        try:
            check(self.module)
        except SpecError as error:
            raise error.under("program") from None
        main = self.module.main
        count = len(main.arguments) - self.inputs
        if count != len(self.variables):
            raise SpecError(
                f"main takes {len(main.arguments)} arguments, of which {self.inputs} are inputs: expected "
                f"{max(count, 0)} names of variables, got {len(self.variables)}",
                ("variables",),
            )
        if self.output >= len(main.returned):
            raise SpecError(f"main has {len(main.returned)} results, got {self.output}", ("output",))
        for what, of in (*((f"input {i}", of) for i, of in enumerate(self._given)), ("the output", self._result)):
            if not of.shape or of.shape[0] != 1:
                raise SpecError(f"{what} of main is {of}: expected one example, with 1 for the batch", ("program",))
            if of.dtype.startswith("complex"):
                raise SpecError(f"{what} of main is {of}: complex numbers do not leave a program", ("program",))
        for name, of in zip(self.variables, main.types[self.inputs :], strict=True):
            if not of.is_float:
                raise SpecError(f"the variable {name} is {of}: variables are floats", ("program",))

    @property
    def module(self) -> Module:
        """The program, read."""
        from nnspec.stablehlo.parser import parsed

        return parsed(self.program)

    @property
    def _given(self) -> tuple[Type, ...]:
        return self.module.main.types[: self.inputs]

    @property
    def result_types(self) -> tuple[Type, ...]:
        """The types of all of main's results."""
        from nnspec.stablehlo.module import values

        main = self.module.main
        types = values(main)
        return tuple(types[i] for i in main.returned)

    @property
    def _result(self) -> Type:
        return self.result_types[self.output]

    @property
    def result_dtype(self) -> DType:
        """What the output is."""
        return _dtype(self._result)

    def takes(self) -> int | None:
        return self.inputs

    def params(self, *shapes: Shape) -> dict[str, Param]:
        types = self.module.main.types[self.inputs :]
        return {name: Param(of.shape, "zeros", "statistic") for name, of in zip(self.variables, types, strict=True)}

    def output_shape(self, *shapes: Shape) -> Shape:
        for i, (shape, of) in enumerate(zip(shapes, self._given, strict=True)):
            if shape[1:] != of.shape[1:]:
                raise ShapeError(f"input {i} of the program is {show((None, *of.shape[1:]))}, got {show(shape)}")
        return (shapes[0][0], *self._result.shape[1:])

    def output_dtype(self, *dtypes: DType) -> DType:
        for i, (dtype, of) in enumerate(zip(dtypes, self._given, strict=True)):
            if dtype != (expected := _dtype(of)):
                raise ShapeError(f"input {i} of the program is {expected}, got {dtype}")
        return self.result_dtype

    def flops(self, *shapes: tuple[int, ...]) -> int:
        """One for each element of each operation's results, two for each product of a sum; loops count once."""
        from nnspec.stablehlo.cost import flops

        return shapes[0][0] * flops(self.module)

    def shares_with(self, owner: Layer) -> bool:
        """Nodes of one program, for its several results."""
        if not isinstance(owner, StableHLO):
            return False
        return (self.program, self.inputs, self.variables) == (owner.program, owner.inputs, owner.variables)


def _dtype(of: Type) -> DType:
    if of.is_float:
        return "float"
    return "bool" if of.dtype == "i1" else "int32"
