"""Operands of equations as nodes: where their axes are, and constants and variables in the shape that fits.

JAX's equations do not know which axis is the batch. Here it is looked after: an equation that would reduce it, select
from it or mix it with another axis in a way that no :class:`Layout` says is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NoReturn

import numpy as np

import nnspec
from nnspec.errors import PortError
from nnspec.layers.base import DType, Layer, Shape, show
from nnspec.porting.assembly import Value
from nnspec.vocabulary import node_name
from nnspec_jax.porting.convert import Context, Layout

Constant = np.ndarray[Any, np.dtype[Any]]
Operand = Value | Constant
BATCH = Layout()
# The layout of what is made of variables alone.
FREE = Layout(None)


def refuse(context: Context, why: str) -> NoReturn:
    """Raise the error for an equation that cannot be expressed, with its place and what would help."""
    place = "/".join(context.scope)
    name = context.origin or context.name
    raise PortError(f"{place + ': ' if place else ''}{name}: {why}")


def is_value(operand: Operand) -> bool:
    """Whether it is computed by nodes, and not a constant."""
    return isinstance(operand, Value)


def layout(context: Context, operand: Operand) -> Layout:
    """How JAX sees a value; a constant is seen as what is made of variables."""
    return context.layouts.get(operand, BATCH) if isinstance(operand, Value) else FREE


def dtype(context: Context, operand: Operand) -> DType:
    """What kind of numbers it has."""
    if isinstance(operand, Value):
        return context.dtypes.get(operand, "float")
    return kind(context, operand.dtype)


def kind(context: Context, of: Any) -> DType:
    """What nnspec calls a dtype of JAX's.

    Raises:
        PortError: complex numbers, keys of random numbers, and other dtypes that it lacks.
    """
    name = np.dtype(of).name if not hasattr(of, "name") else str(of.name)
    if name == "bool":
        return "bool"
    if name.startswith(("int", "uint")):
        return "int32"
    if name.startswith(("float", "bfloat")):
        return "float"
    refuse(context, f"values of the dtype {name} have no counterpart: nnspec has floats, int32 and booleans")


def shape(context: Context, operand: Operand) -> Shape:
    """The shape that JAX sees, with None for the axis that has the batch."""
    if not isinstance(operand, Value):
        return operand.shape
    own, seen = context.shapes[operand], layout(context, operand)
    if seen.axis is None:
        return own[1:]
    rest = [*own[1:]]
    del rest[seen.axis : seen.axis + len(seen.joined)]
    rest.insert(seen.axis, None)
    return tuple(rest)


def rank(context: Context, operand: Operand) -> int:
    """How many axes JAX sees."""
    return len(shape(context, operand))


def place(context: Context, value: Value, axis: int, what: str) -> int:
    """The axis of the node that an axis of JAX's is.

    Raises:
        PortError: it has the batch.
    """
    return place_in(context, layout(context, value), axis, what)


def place_in(context: Context, how: Layout, axis: int, what: str) -> int:
    """The axis of a node with that layout that an axis of JAX's is; the batch's is refused."""
    axis = int(axis)
    if how.axis is None:
        return axis + 1
    if axis == how.axis:
        joined = " (joined with another axis)" if how.joined else ""
        refuse(context, f"{what} the batch axis{joined}: in nnspec examples of a batch know nothing of each other")
    return axis + 1 if axis < how.axis else axis + len(how.joined)


def places(context: Context, value: Value, axes: Sequence[int], what: str) -> tuple[int, ...]:
    """The axes of the node that several axes of JAX's are."""
    return tuple(place(context, value, axis, what) for axis in axes)


def seen_as(context: Context, value: Value, how: Layout) -> Value:
    """Note how JAX sees a value that was made just now."""
    if how != BATCH:
        context.layouts[value] = how
    return value


@dataclass(frozen=True)
class View(Value):
    """A value that JAX sees in another way too: the same node with another layout."""

    how: Layout


def view(context: Context, value: Value, how: Layout) -> Value:
    """The same node, seen by JAX in another way."""
    if layout(context, value) == how:
        return value
    other = View(value.index, how)
    context.shapes[other] = context.shapes[value]
    context.dtypes[other] = context.dtypes.get(value, "float")
    context.layouts[other] = how
    return other


def call(
    context: Context, layer: Layer, *values: Value, like: Layout | None = None, inner: bool = False, **options: Any
) -> Value:
    """A node, seen by JAX as its first input is that has the batch, or as ``like``.

    With ``inner`` it is not the equation's result, and named after its class too.
    """
    part = node_name(type(layer)) if inner else None
    made = context.call(layer, *values, part=part, **options)
    if like is None:
        batched = [how for how in (layout(context, value) for value in values) if how.axis is not None]
        like = batched[0] if batched else FREE
    return seen_as(context, made, like)


def step(context: Context, layer: Layer, *values: Value, like: Layout | None = None, **options: Any) -> Value:
    """A node on the way to an equation's result."""
    return call(context, layer, *values, like=like, inner=True, **options)


def reshaped(context: Context, value: Value, sizes: Sequence[int | None], like: Layout | None = None) -> Value:
    """A value's node with other axes behind the batch, itself where they are the same."""
    how = layout(context, value) if like is None else like
    own, wanted = context.shapes[value][1:], tuple(sizes)
    if wanted == own:
        return view(context, value, how)
    made = context.assembly.made(value)
    if made is not None and isinstance(made.layer, nnspec.Reshape):  # of two the first is not needed
        (before,) = made.inputs
        if context.shapes[before][1:] == wanted:
            return view(context, before, how)
        return step(context, nnspec.Reshape(fixed(context, wanted)), before, like=how)
    return step(context, nnspec.Reshape(fixed(context, wanted)), value, like=how)


def fixed(context: Context, sizes: Sequence[int | None]) -> tuple[int, ...]:
    """Sizes that are all known."""
    if any(size is None for size in sizes):
        refuse(context, f"the sizes {show((None, *sizes))[7:]} must be known: give the model inputs of a fixed shape")
    return tuple(int(size) for size in sizes if size is not None)


def permuted(context: Context, value: Value, axes: Sequence[int], like: Layout | None = None) -> Value:
    """A value's node with the axes behind the batch in another order, itself where it is the same."""
    how = layout(context, value) if like is None else like
    if tuple(axes) == tuple(range(1, len(axes) + 1)):
        return view(context, value, how)
    return step(context, nnspec.Permute(tuple(axes)), value, like=how)


def same(array: Constant) -> Any:
    """The one number that all elements of an array are, as a Python number, or None."""
    if array.size == 0:
        return None
    first = array.reshape(-1)[0]
    equal = bool((array == first).all()) or (array.dtype.kind == "f" and bool(np.isnan(array).all()))
    return first.item() if equal else None


def beside(context: Context, size: Any) -> int | None:
    """How many elements an axis of that size has for each example; None if it is no multiple of the batch."""
    if context.batch is None or size % context.batch != 0 or size == 0:
        return None
    return int(size // context.batch)


def as_type(context: Context, value: Value, to: DType) -> Value:
    """A value in another dtype, itself where it is that."""
    if dtype(context, value) == to:
        return value
    return step(context, nnspec.AsType(to), value)


def elements(sizes: Sequence[int | None]) -> int:
    """The product of the sizes that are known."""
    return prod(size for size in sizes if size is not None)
