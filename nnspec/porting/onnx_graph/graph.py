"""What collects operators, and what is asked of the families: ``emit`` writes a layer's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from nnspec.backends import Array
from nnspec.errors import PortError
from nnspec.layers.base import DType, Layer, Shape

OPSET = 20


@dataclass
class Graph:
    """Operators in order.

    Attributes:
        dtype: what floats are: ``float32`` or ``float64``.
        nodes: the operators.
        constants: arrays that are not variables.
    """

    dtype: str
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    _counts: dict[str, int] = field(default_factory=dict)

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """An operator; gives the names of its results, the name itself if there is one."""
        names = [self._fresh(kind.lower()) for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value: Any, dtype: Any = None) -> str:
        """An array as a value; floats in the graph's own dtype unless told otherwise."""
        array = np.asarray(value, self.dtype if dtype is None else dtype)
        name = self._fresh("constant")
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name

    def whole(self, *values: int) -> str:
        """Sizes or axes as a value."""
        return self.constant(list(values), np.int64)

    def as_(self, name: str, value: str) -> None:
        """A value under a name of its own."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))

    def _fresh(self, base: str) -> str:
        self._counts[base] = self._counts.get(base, 0) + 1
        return f"{base}.{self._counts[base]}"

    # -- what families write often ------------------------------------------------------------------------------------

    def transpose(self, x: str, *axes: int) -> str:
        return x if list(axes) == sorted(axes) else str(self.op("Transpose", x, perm=list(axes)))

    def reshape(self, x: str, *sizes: int | None) -> str:
        """To sizes of which one may be unknown; the first 0 stands for the input's own."""
        return str(self.op("Reshape", x, self.whole(*(-1 if size is None else size for size in sizes))))

    def part(self, x: str, axis: int, start: int, stop: int, step: int = 1) -> str:
        """A slice along one axis."""
        ends = (self.whole(start), self.whole(stop), self.whole(axis), self.whole(step))
        return str(self.op("Slice", x, *ends))

    def reduce(self, kind: str, x: str, axes: Sequence[int], *, keepdims: bool = True) -> str:
        return str(self.op(kind, x, self.whole(*axes), keepdims=int(keepdims)))

    def cast(self, x: str, dtype: DType) -> str:
        kinds = {"int32": TensorProto.INT32, "bool": TensorProto.BOOL, "float": self.float_type}
        return str(self.op("Cast", x, to=kinds[dtype]))

    @property
    def float_type(self) -> int:
        """ONNX's number for the dtype of floats."""
        return int(TensorProto.DOUBLE if self.dtype == "float64" else TensorProto.FLOAT)


@dataclass(frozen=True)
class Place:
    """A node of the spec.

    Attributes:
        path: where it is.
        owner: under which path its variables are.
        shapes: of its inputs, batch axis included.
        output: of its result.
        dtypes: of its inputs.
        inputs: the names of what it takes.
        variables: names of variables -> shapes, by the layer's own names.
    """

    path: str
    owner: str
    shapes: tuple[Shape, ...]
    output: Shape
    dtypes: tuple[DType, ...]
    inputs: tuple[str, ...]

    @property
    def x(self) -> str:
        """The first input."""
        return self.inputs[0]

    @property
    def rank(self) -> int:
        """The number of axes of the first input."""
        return len(self.shapes[0])

    def variable(self, name: str) -> str:
        """A variable, in the canonical layout."""
        return f"{self.owner}/{name}"

    def refuse(self, what: str, remedy: str) -> PortError:
        """An error that names the node."""
        return PortError(f"{self.path}: {what} has no counterpart in ONNX: {remedy}")

    def known(self, axis: int) -> int:
        """The size of an axis of the first input.

        Raises:
            PortError: it is not known.
        """
        size = self.shapes[0][axis]
        if size is None:
            raise self.refuse("an axis of any length here", "give the input a shape")
        return size


@singledispatch
def emit(layer: Layer, graph: Graph, place: Place) -> str:
    """Write a layer's operators; gives the name of its result.

    Raises:
        PortError: it has no counterpart; the node is named.
    """
    raise place.refuse(type(layer).__name__, "port to StableHLO, SavedModel or nnspec instead")


def followed(activation: Any, graph: Graph, place: Place, value: str, shape: Shape) -> str:
    """A value with an activation after it."""
    if activation is None:
        return value
    after = Place(place.path, place.owner, (shape,), shape, ("float",), (value,))
    return emit(activation, graph, after)


def as_array(value: Any) -> Array:
    """A value of an initializer."""
    return numpy_helper.to_array(value)
