"""Tensors of several shapes, brought to one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nnspec
from nnspec.layers.base import Shape
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context
from nnspec_tensorflow.porting.operations.operand import FIXED, array, is_batch, is_fixed, refusal, view_of
from nnspec_tensorflow.porting.operations.variables import constant, done, read, shape_of
from nnspec_tensorflow.porting.tracked import View


def aligned(context: Context, *xs: Any) -> tuple[list[Value], View]:
    """Tensors, variables and constants as values that broadcast in the spec as they do in Keras, and how these lie.

    Raises:
        PortError: the batch axis of one would meet another axis of the other.
    """
    shapes, views = [shape_of(context, x) for x in xs], [view_of(context, x) for x in xs]
    rank = max(map(len, shapes))
    batches = {
        view.axis - len(shape) + rank for shape, view in zip(shapes, views, strict=True) if view.axis is not None
    }
    factors = {view.factor for view in views if view.axis is not None}
    if len(batches) > 1 or len(factors) > 1:
        shown = " and ".join(str(list(shape)) for shape in shapes)
        raise refusal(context, f"the batch axis of one operand meets another axis of the other, in shapes {shown}")
    view = View(batches.pop(), factors.pop()) if batches else FIXED
    return [_widened(context, x, shape, rank, view) for x, shape in zip(xs, shapes, strict=True)], view


def _widened(context: Context, x: Any, shape: Shape, rank: int, view: View) -> Value:
    """A tensor of fewer axes with axes of size 1 in front of them, and without one in the place of the batch."""
    sizes = [*[1] * (rank - len(shape)), *shape]
    if view.axis is not None:
        own = sizes.pop(view.axis)
        if own not in (1, None):
            raise refusal(context, f"{own} elements of a tensor without a batch meet the batch axis")
    merged: tuple[int | None, ...] = ()
    if view.factor > 1:
        merged = (1 if view_of(context, x).axis is None else view.factor,)
    target = (*merged, *sizes)
    if is_fixed(x):
        return constant(context, (array(x)[0] if is_batch(x) else array(x)).reshape(target))
    operand = read(context, x)
    return reshaped(context, operand.value, target, view=operand.view if not merged else view)


def reshaped(context: Context, value: Value, target: Sequence[int | None], *, view: View, part: str = "shape") -> Value:
    """A value with the axes behind its batch in another shape; of unknown ones, with others of size 1 around them."""
    source = context.shapes[value][1:]
    if tuple(source) == tuple(target):
        return value
    if None not in target and None not in source:
        return done(context, nnspec.Reshape(tuple(target)), value, view=view, part=part)  # type: ignore[arg-type]
    if [size for size in source if size != 1] != [size for size in target if size != 1]:
        raise refusal(context, f"a reshape of axes of any length, from {list(source)} to {list(target)}")
    for axis in [i for i, size in enumerate(source) if size == 1][::-1]:
        value = done(context, nnspec.Squeeze(axis + 1), value, view=view, part=part)
    for axis, size in enumerate(target):
        if size == 1:
            value = done(context, nnspec.ExpandDims(axis + 1), value, view=view, part=part)
    return value
