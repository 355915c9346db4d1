"""What every layer of the spec has: typed fields, named variables, an output shape."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from nnspec.errors import ShapeError
from nnspec.spec import Spec, parse, spec

if TYPE_CHECKING:
    from nnspec.graph import Tensor

# What can name a node: a word, since "/" joins the names of nested models' nodes.
NAME = r"[A-Za-z_][A-Za-z0-9_]*"

# The batch axis comes first and is None; other axes may be None where a layer allows any length.
Shape = tuple[int | None, ...]
# One axis of an input, or several; negative ones count from the end.
Axes = int | Annotated[tuple[int, ...], Field(min_length=1)]
# "float" is the dtype of the net; the others mean themselves.
DType = Literal["float", "int32", "bool"]


@dataclasses.dataclass(frozen=True)
class Param:
    """One variable of a layer.

    Attributes:
        shape: its shape.
        init: the initializer spec that draws it.
        kind: "parameter" (trained by gradients) or "statistic" (updated by the layer itself in training mode).
        decay: whether weight decay applies when it is restricted to kernels (not to biases and norm scales).
        drawn: the shape that the initializer draws, row by row, where it is another: a matrix and its fans, say.
    """

    shape: tuple[int, ...]
    init: Any
    kind: Literal["parameter", "statistic"] = "parameter"
    decay: bool = False
    drawn: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "init", parse("initializer", self.init))


@spec
class Layer(Spec):
    """Base of all layers. ``name`` names the node in a Sequential; without it the class's name is used."""

    kind: ClassVar[str] = "layer"
    # Layers that draw masks in training name the purposes of their random streams here.
    random: ClassVar[tuple[str, ...]] = ()
    # Whether nodes that share a layer may have layers of their own; each node's is then given to what computes it.
    variants: ClassVar[bool] = False
    # Whether it has derivatives; where not, asking for one is an error.
    differentiable: ClassVar[bool] = True
    # What takes() gives, where all layers of the class take the same number.
    arity: ClassVar[int | None] = 1
    name: Annotated[str, Field(pattern=f"^{NAME}$")] | None = dataclasses.field(default=None, kw_only=True)

    def takes(self) -> int | None:
        """How many inputs a node of this layer takes; None for any number from one up."""
        return self.arity

    def params(self, *shapes: Shape) -> dict[str, Param]:
        """The layer's variables by canonical name, for inputs of these shapes (batch axis included)."""
        return {}

    def output_shape(self, *shapes: Shape) -> Shape:
        """The output's shape (batch axis included) for inputs of these shapes.

        Raises:
            ShapeError: the shapes do not fit; the caller adds the node's name.
        """
        return shapes[0]

    def output_dtype(self, *dtypes: DType) -> DType:
        """The output's dtype; layers compute on floats unless they say otherwise."""
        for dtype in dtypes:
            if dtype != "float":
                raise ShapeError(f"{type(self).__name__} computes on floats, got {dtype} input")
        return "float"

    def flops(self, *shapes: tuple[int, ...]) -> int:
        """Floating-point operations of a forward pass in inference mode, for inputs of these shapes.

        A multiplication and an addition are two, any function of one element is one.
        """
        return elements(self.output_shape(*shapes))

    @property
    def convolves(self) -> bool:
        """Whether it, or what it holds, is computed by the framework's convolutions, for which compilers are told
        other things than for all else. Depthwise convolutions are not: backends make sums of products of them.
        """
        return False

    def shares_with(self, owner: Layer) -> bool:
        """Whether a node of this layer may use the variables of a node of that one."""
        return self == owner

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Apply the layer to symbolic tensors: a node of the graph that ``Model`` collects.

        Calling the same layer object again shares its variables.
        """
        from nnspec.graph import call_layer

        return call_layer(self, *inputs)


@spec
class Activation(Layer):
    """Base of activations: parameter-free, one input, named in lower case in spec files."""

    kind: ClassVar[str] = "activation"


@spec
class Operation(Layer):
    """Base of operations: parameter-free, named as in the Python array API standard where it has them."""

    kind: ClassVar[str] = "operation"
    arity: ClassVar[int | None] = None


def known(size: int | None, what: str) -> int:
    """``size`` if it is known, else a ShapeError: variables cannot depend on an axis of any length."""
    if size is None:
        raise ShapeError(f"{what} must have a known size")
    return size


def feature_axis(shape: Shape, axis: int, what: str, rank: int | None = None) -> int:
    """``axis`` counted from the front; the batch axis and axes that do not exist are refused.

    ``rank`` is the number of axes among which it is one, where it is not the input's.
    """
    count = len(shape) if rank is None else rank
    positive = axis + count if axis < 0 else axis
    if not 0 < positive < count:
        reason = "is the batch axis" if positive == 0 else "does not exist"
        raise ShapeError(f"{what}: axis {axis} {reason} in input {show(shape)}")
    return positive


def feature_axes(shape: Shape, axes: Axes, what: str) -> tuple[int, ...]:
    """Several axes counted from the front, in the input's order; none may be named twice."""
    found = {feature_axis(shape, axis, what) for axis in (axes if isinstance(axes, tuple) else (axes,))}
    if isinstance(axes, tuple) and len(found) < len(axes):
        raise ShapeError(f"{what}: axes {list(axes)} name an axis of input {show(shape)} twice")
    return tuple(sorted(found))


def elements(shape: Shape) -> int:
    """The number of elements of a shape whose sizes are all known."""
    return math.prod(known(size, "every axis") for size in shape)


def show(shape: Shape) -> str:
    """``(None, 64)`` as ``(batch, 64)``; further unknown axes as ``?``."""
    parts = ["batch" if i == 0 and s is None else "?" if s is None else str(s) for i, s in enumerate(shape)]
    return f"({', '.join(parts)})"
