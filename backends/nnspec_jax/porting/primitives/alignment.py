"""Constants and variables as nodes, in shapes that fit those of the values that they meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

import nnspec
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, Layout
from nnspec_jax.porting.primitives.operands import (
    FREE,
    Constant,
    Operand,
    beside,
    fixed,
    kind,
    layout,
    rank,
    refuse,
    reshaped,
    seen_as,
    view,
)


def constant(context: Context, array: Constant) -> Value:
    """A node that gives the array of each example: a variable that training leaves as it is."""
    if array.size == 0:
        refuse(context, f"an array of the shape {array.shape} has no elements")
    if kind(context, array.dtype) == "int32" and np.abs(array.astype(np.int64)).max() > 2**24:
        refuse(context, "a constant of whole numbers beyond 2^24, which float32 does not hold exactly")
    return context.constant(array)


def per_example(context: Context, array: Constant, how: Layout) -> Constant:
    """A constant that meets a value of that layout, without the batch: what each example has, with the node's axes.

    Raises:
        PortError: examples differ.
    """
    if how.axis is None:
        return array
    axis = how.axis
    front, size, back = array.shape[:axis], array.shape[axis], array.shape[axis + 1 :]
    if size == 1:
        return array.reshape((*front, *(1 for _ in how.joined), *back))
    if beside(context, size) != how.before * how.after:
        refuse(context, f"a constant of {size} elements meets the batch: a port has any number of examples")
    parts = array.reshape((*front, how.before, -1, how.after, *back))
    first = parts.take([0], axis + 1)
    if not ((parts == first) | ((parts != parts) & (first != first))).all():
        refuse(context, "a constant differs between the examples of a batch: a port has any number of examples")
    return first.reshape((*front, *how.joined, *back))


def aligned(context: Context, operands: Sequence[Operand]) -> tuple[list[Value], Layout]:
    """Operands whose shapes in JAX broadcast, as values whose nodes' shapes do, and the layout they have in common.

    Raises:
        PortError: the batch of one would meet another axis of another.
    """
    batched = [x for x in operands if isinstance(x, Value) and layout(context, x).axis is not None]
    if not batched:
        most = max(rank(context, x) for x in operands)
        return [_with_rank(context, x, most) for x in operands], FREE
    how = layout(context, batched[0])
    return [_fitted(context, x, batched[0], how) for x in operands], how


def _with_rank(context: Context, operand: Operand, most: int) -> Value:
    """A number as an array of ones axes, for values of variables alone."""
    if not isinstance(operand, Value):
        return constant(context, operand.reshape((1,) * (most - operand.ndim) + operand.shape))
    own = context.shapes[operand][1:]
    return reshaped(context, operand, (1,) * (most - len(own)) + own, FREE)


def _fitted(context: Context, operand: Operand, to: Value, how: Layout) -> Value:
    most = rank(context, to)
    if not isinstance(operand, Value):
        array = operand.reshape((1,) * most) if operand.ndim == 0 else operand
        return constant(context, per_example(context, array, how))
    seen = layout(context, operand)
    if seen == how:
        return operand
    if seen.axis is not None:
        if seen.axis == how.axis and seen.before * seen.after == how.before * how.after:
            return _rejoined(context, operand, how)
        refuse(
            context,
            f"the batch is the axis {how.axis} of one operand and {seen.axis} of the other: "
            "in nnspec examples of a batch know nothing of each other",
        )
    sizes = context.shapes[operand][1:] or (1,) * most
    assert how.axis is not None
    if sizes[how.axis] != 1:
        refuse(
            context, f"a variable with {sizes[how.axis]} elements meets the batch: a port has any number of examples"
        )
    ones = (1,) * len(how.joined)
    return _variable(context, operand, (*sizes[: how.axis], *ones, *sizes[how.axis + 1 :]))


def _variable(context: Context, value: Value, sizes: Sequence[int | None]) -> Value:
    """What is made of variables with other axes; a variable itself is one of that shape, and no node more."""
    made = context.assembly.made(value)
    if made is None or not isinstance(made.layer, nnspec.Parameter) or not made.layer.shape:
        return reshaped(context, value, sizes, FREE)
    shape = fixed(context, sizes)
    if shape == made.layer.shape:
        return value
    where = replace(context, name=made.name, scope=made.scope, origin=made.origin)
    owner = None if made.owner is None else ("reshape", repr({"to": shape}), made.owner)
    arrays = {name: array.reshape(shape) for name, array in made.variables.items()}
    fitted = where.call(replace(made.layer, shape=shape), *made.inputs, variables=arrays, owner=owner)
    return seen_as(context, fitted, FREE)


def _rejoined(context: Context, value: Value, how: Layout) -> Value:
    """A value whose batch is joined with as many elements as ``how`` says, divided as it says."""
    seen = layout(context, value)
    if seen.before != how.before:
        refuse(context, "axes are joined with the batch in front of it in one operand and behind it in the other")
    return view(context, value, how)


def as_value(context: Context, operand: Operand) -> Value:
    """An operand as a value: a constant becomes one that is seen as made of variables."""
    return operand if isinstance(operand, Value) else constant(context, operand)
