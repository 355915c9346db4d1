"""What operations are called on: values of the graph, variables, arrays and numbers.

Keras computes on tensors of any axes, the spec on values whose first axis is the batch. In between stands a
:class:`nnspec_tensorflow.porting.tracked.View` of each value. Variables and arrays have no batch axis; they stay what
they are until an operation needs them as values, since most become a layer's own variable: the kernel of a Dense.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnspec.errors import PortError
from nnspec.layers.base import DType, Shape
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context
from nnspec_tensorflow.porting.tracked import EXAMPLES, View, tracked
from nnspec_tensorflow.startup import keras

Array = Any
BATCH = View()
FIXED = View(None)


@dataclass(frozen=True, eq=False)
class Known:
    """A constant that operations on constants gave."""

    array: Array


@dataclass(frozen=True, eq=False)
class Turned:
    """A variable with its axes in another order, of which nothing has been computed yet."""

    variable: Any
    axes: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape, in the order of ``axes``."""
        return tuple(self.variable.shape[axis] for axis in self.axes)


@dataclass(frozen=True)
class Operand:
    """A value of the graph as the Keras tensor that it is.

    Attributes:
        context: where it is used.
        value: the value.
        view: how the tensor lies in it.
    """

    context: Context
    value: Value
    view: View

    @property
    def spec(self) -> Shape:
        """The value's own shape, the batch in front."""
        return self.context.shapes[self.value]

    @property
    def dtype(self) -> DType:
        """The value's dtype."""
        return self.context.dtypes[self.value]

    @property
    def lead(self) -> int:
        """How many axes of the value stand for the tensor's batch axis."""
        return 1 + (self.view.factor > 1)

    @property
    def rest(self) -> Shape:
        """The sizes of the tensor's other axes."""
        return self.spec[self.lead :]

    @property
    def shape(self) -> Shape:
        """The tensor's shape, None in the place of the batch."""
        axis = self.view.axis
        return self.rest if axis is None else (*self.rest[:axis], None, *self.rest[axis:])

    @property
    def rank(self) -> int:
        """How many axes the tensor has."""
        return len(self.rest) + (self.view.axis is not None)

    def axis(self, axis: int) -> int:
        """An axis of the tensor, counted from the front."""
        found = axis + self.rank if axis < 0 else axis
        if not 0 <= found < self.rank:
            raise refusal(self.context, f"axis {axis} of a tensor of {self.rank} axes")
        return found

    def place(self, axis: int) -> int:
        """The value's axis for an axis of the tensor.

        Raises:
            PortError: that is the batch axis.
        """
        found, batch = self.axis(axis), self.view.axis
        if found == batch:
            raise refusal(
                self.context,
                f"axis {axis} is the batch axis, along which the spec computes each example by itself",
            )
        return found + self.lead - (batch is not None and found > batch)

    def places(self, axes: int | Iterable[int] | None) -> tuple[int, ...]:
        """The value's axes for several of the tensor's, in order; for None all, the batch axis included.

        Raises:
            PortError: the batch axis is among them.
        """
        given = range(self.rank) if axes is None else [axes] if isinstance(axes, int) else axes
        return tuple(sorted(self.place(axis) for axis in given))


def refusal(context: Context, why: str, remedy: str = "") -> PortError:
    """The error for what the spec cannot express, which names the operation and the layers around it."""
    return context.error(f"{why}{f': {remedy}' if remedy else ''}")


def reference(context: Context) -> Value:
    """A value that says how many examples there are."""
    if context.reference is None:
        raise refusal(context, "nothing says how many examples there are: it is computed from no input")
    return context.reference


def is_variable(x: Any) -> bool:
    """Whether it is a Keras variable that is computed with as such. Integers that are not trained are constants."""
    return isinstance(x, keras.Variable) and (x.trainable or "float" in str(x.dtype))


def is_fixed(x: Any) -> bool:
    """Whether it is an array or a number, known ahead of time."""
    return not isinstance(x, Value | Turned) and not is_variable(x)


def array(x: Any) -> Array:
    """A constant as an array of NumPy."""
    if isinstance(x, keras.Variable):  # whatever stands in its place meanwhile: what it holds decides about the graph
        return np.asarray(x._value)
    return x.array if isinstance(x, Known) else np.asarray(x)


def is_batch(x: Any) -> bool:
    """Whether it is an array that code made of the size of the batch: the same for all examples, once for each."""
    if not is_fixed(x) or isinstance(x, bool | int | float | str | list | tuple) or x is None:
        return False
    given = array(x)
    return given.shape[:1] == (EXAMPLES,) and bool((given == given[:1]).all())


def number(x: Any) -> bool | int | float | None:
    """A constant that is a single number as one of Python's, or None."""
    if isinstance(x, bool | int | float):
        return x
    if x is None or isinstance(x, str | list | tuple) or not is_fixed(x) or array(x).ndim:
        return None
    found: bool | int | float = array(x).item()
    return found


def view_of(context: Context, x: Any) -> View:
    """How it lies in the graph; variables and constants as they will."""
    if isinstance(x, Value):
        return _view(context, x)
    return BATCH if is_batch(x) else FIXED


def dtype_of(context: Context, x: Any) -> DType:
    """The spec's dtype for it."""
    if isinstance(x, Value):
        return context.dtypes[x]
    if isinstance(x, bool | int | float):
        kind = np.asarray(x).dtype.kind
    elif isinstance(x, Turned) or is_variable(x):
        return "float"
    else:
        kind = array(x).dtype.kind
    return "bool" if kind == "b" else "int32" if kind in "iu" else "float"


def _view(context: Context, value: Value) -> View:
    return tracked(context.assembly).views.get(value) or (FIXED if value in context.bare else BATCH)
