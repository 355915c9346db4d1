"""Operations that rearrange: axes in another order, other shapes, parts joined and taken apart.

The batch may stand anywhere meanwhile, and elements of an example may stand along its axis, as windows of an image do
that become examples by a reshape to (-1, ...). A :class:`View` says what lies where; the graph has the batch in front.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import nnspec
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context
from nnspec_tensorflow.porting.operations.broadcasting import reshaped
from nnspec_tensorflow.porting.operations.operand import FIXED, Operand, Turned, is_variable, number, refusal
from nnspec_tensorflow.porting.operations.operation import operation
from nnspec_tensorflow.porting.operations.variables import done, read
from nnspec_tensorflow.porting.tracked import EXAMPLES, View, per_example
from nnspec_tensorflow.startup import keras

_NP, _CORE = keras.src.ops.numpy, keras.src.ops.core


@operation(_NP.Transpose)
def transpose(op: Any, context: Context, x: Any) -> Any:
    rank = len(x.shape) if isinstance(x, Turned) or is_variable(x) else read(context, x).rank
    return transposed(context, x, tuple(range(rank))[::-1] if op.axes is None else op.axes)


@operation(_NP.Swapaxes)
def swapaxes(op: Any, context: Context, x: Any) -> Any:
    operand = read(context, x)
    order, one, other = list(range(operand.rank)), operand.axis(op.axis1), operand.axis(op.axis2)
    order[one], order[other] = other, one
    return transposed(context, operand.value, order)


@operation(_NP.Moveaxis)
def moveaxis(op: Any, context: Context, x: Any) -> Any:
    operand = read(context, x)
    source, target = ([operand.axis(a) for a in axes] for axes in (op.source, op.destination))
    order = [axis for axis in range(operand.rank) if axis not in source]
    for place, axis in sorted(zip(target, source, strict=True)):
        order.insert(place, axis)
    return transposed(context, operand.value, order)


def transposed(context: Context, x: Any, axes: Sequence[int], *, part: str | None = None) -> Any:
    """A tensor with its axes in another order; of a variable nothing is computed yet."""
    if is_variable(x):
        return Turned(x, tuple(axis % len(x.shape) for axis in axes))
    if isinstance(x, Turned):
        return Turned(x.variable, tuple(x.axes[axis] for axis in axes))
    operand = read(context, x)
    order = [operand.axis(axis) for axis in axes]
    view = operand.view
    if view.axis is not None:
        view = View(order.index(view.axis), view.factor)
    places = tuple(operand.place(axis) for axis in order if axis != operand.view.axis)
    places = (*range(1, operand.lead), *places)
    # Where only the batch moves nothing does in the graph, but the tensor lies in another way: a node of its own.
    layer = nnspec.Permute(places) if list(places) != sorted(places) else _kept(operand)
    return done(context, layer, operand.value, view=view, part=part)


def _kept(operand: Operand) -> Any:
    """A layer that changes nothing."""
    return nnspec.Identity() if operand.dtype == "float" else nnspec.AsType(operand.dtype)


@operation(_NP.Reshape)
def reshape(op: Any, context: Context, x: Any) -> Value:
    shape = op.newshape
    if not isinstance(shape, list | tuple):
        raise refusal(context, "a shape that is computed", "use sizes that are known")
    sizes = [number(size) for size in shape]
    return shaped(context, x, [None if size is None else int(size) for size in sizes])


@operation(_NP.Ravel)
def ravel(op: Any, context: Context, x: Any) -> Value:
    return shaped(context, x, [-1])


def shaped(context: Context, x: Any, shape: Sequence[int | None], *, part: str | None = None) -> Value:
    """A tensor in another shape, in which None is the batch, or another axis of any length."""
    operand = read(context, x)
    # How many elements of each example come to stand along the batch axis, where code has said so.
    factor = shape[0] // EXAMPLES if shape and shape[0] and shape[0] > 0 and shape[0] % EXAMPLES == 0 else None
    if factor is not None and operand.view.axis is not None:
        shape = [None, *shape[1:]]
    shape = per_example(shape)
    if operand.view.axis not in (0, None):
        return _behind(context, operand, shape, part)
    if operand.view.axis is None:
        if None in shape or operand.spec[1:].count(None):
            raise refusal(context, f"a reshape of a tensor without a batch to {list(shape)}")
        return done(context, nnspec.Reshape(tuple(map(int, shape))), operand.value, view=FIXED, part=part)
    first, rest = (shape[0], list(shape[1:])) if shape else (1, [])
    sizes = operand.spec[1:]
    if None in sizes:
        return _around_any_length(context, operand, first, rest, part)
    whole = math.prod(size for size in sizes if size is not None)
    return _of_known_sizes(context, operand, first, rest, whole, factor, part)


def _behind(context: Context, operand: Operand, shape: Sequence[int | None], part: str | None) -> Value:
    """A reshape of the axes behind the batch's, the first of which may come to stand along it."""
    axis, said = operand.view.axis or 0, f"a reshape of {list(operand.shape)} to {list(shape)}"
    before, after, value = operand.rest[:axis], operand.rest[axis:], operand.value
    merged = operand.view.factor > 1
    if merged:  # what is joined with the batch comes before what follows it
        after = (operand.view.factor, *after)
    sizes, there = list(shape[axis + 1 :]), shape[axis] if axis < len(shape) else 0
    factor = there // EXAMPLES if there and there > 0 and there % EXAMPLES == 0 else None
    known = all(size is not None and size > 0 for size in [*sizes, *before, *after])
    there_is_more = there not in (None, -1) and not factor
    if tuple(shape[:axis]) != before or not known or there_is_more or (merged and not factor):
        raise refusal(context, f"{said}, a tensor whose batch is not in front", "transpose it back before")
    whole, count = (math.prod(n for n in each if n is not None) for each in (after, sizes))
    if whole != (factor or 1) * count:
        raise refusal(context, f"{said}, which joins or divides examples")
    target = (*before, *([factor] if factor else []), *sizes)
    if not factor:
        return done(context, nnspec.Reshape(target), value, view=View(axis), part=part)  # type: ignore[arg-type]
    if merged:
        places = (*range(2, 2 + axis), 1, *range(2 + axis, len(operand.spec)))
        value = done(context, nnspec.Permute(places), value, view=View(axis), part="join")
    wide = done(context, nnspec.Reshape(target), value, view=View(axis), part="split")  # type: ignore[arg-type]
    order = (axis + 1, *(place for place in range(1, len(target) + 1) if place != axis + 1))
    return done(context, nnspec.Permute(order), wide, view=View(axis, factor), part=part)


def _of_known_sizes(
    context: Context,
    operand: Operand,
    first: int | None,
    rest: list[int | None],
    whole: int,
    factor: int | None,
    part: str | None,
) -> Value:
    """A reshape of so many elements of each example, of which some may come to stand along the batch axis."""
    said = f"a reshape of {list(operand.shape)} to {[first, *rest]}"
    sizes = [size for size in rest if size is not None]
    if len(sizes) < len(rest) or first not in (None, -1):
        raise refusal(context, f"{said}, which joins or divides examples")
    if -1 in sizes:
        if operand.view.factor > 1 and factor is None:
            raise refusal(context, f"{said}, where None may be the batch or what was joined with it", "give the size")
        known = -math.prod(sizes) * (factor or 1)
        sizes = [whole // known if size == -1 and known else size for size in sizes]
    count = math.prod(sizes)
    found = whole // count if count else 0
    if not found or found * count != whole or factor not in (None, found):
        raise refusal(context, f"{said}, which joins or divides examples")
    target, view = (*([found] if found > 1 else []), *sizes), View(0, found)
    if tuple(operand.spec[1:]) == target:
        return done(context, _kept(operand), operand.value, view=view, part=part)
    return done(context, nnspec.Reshape(target), operand.value, view=view, part=part)


def _around_any_length(
    context: Context, operand: Operand, first: int | None, rest: list[int | None], part: str | None
) -> Value:
    """A reshape with axes of any length, which stay where they are: of the axes behind them, or of axes of size 1."""
    sizes, said = list(operand.rest), f"a reshape of {list(operand.shape)} to {[first, *rest]}"
    if first in (None, -1) and operand.view.factor == 1:
        target = [None if size == -1 and None in sizes and None not in rest else size for size in rest]
        if [s for s in sizes if s != 1] == [s for s in target if s != 1]:
            return reshaped(context, operand.value, target, view=operand.view, part=part or "shape")
        kept = len(sizes) - sizes[::-1].index(None)
        if target[:kept] == sizes[:kept] and None not in target[kept:]:
            layer: Any = nnspec.Reshape(tuple(size for size in target[kept:] if size is not None))
            for _ in range(kept):
                layer = nnspec.TimeDistributed(layer)
            return done(context, layer, operand.value, view=operand.view, part=part)
    raise refusal(context, f"{said}, with axes of any length", "declare the lengths in the model's inputs")


@operation(_NP.ExpandDims)
def expand_dims(op: Any, context: Context, x: Any) -> Value:
    axes = op.axis if isinstance(op.axis, list | tuple) else [op.axis]
    value, rank = read(context, x).value, read(context, x).rank + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        value = expanded(context, value, axis)
    return value


def expanded(context: Context, x: Any, axis: int, *, part: str | None = None) -> Value:
    """A tensor with a new axis of size 1."""
    operand = read(context, x)
    axis = axis + operand.rank + 1 if axis < 0 else axis
    batch = operand.view.axis
    if batch is None:
        place, view = axis + 1, operand.view
    else:
        place = axis + operand.lead - (axis > batch)
        view = View(batch + (axis <= batch), operand.view.factor)
    return done(context, nnspec.ExpandDims(place), operand.value, view=view, part=part)


@operation(_NP.Squeeze)
def squeeze(op: Any, context: Context, x: Any) -> Value:
    operand = read(context, x)
    axes = [i for i, size in enumerate(operand.shape) if size == 1] if op.axis is None else op.axis
    value = operand.value
    for axis in sorted((operand.axis(a) for a in (axes if isinstance(axes, list | tuple) else [axes])), reverse=True):
        value = squeezed(context, value, axis)
    return value


def squeezed(context: Context, x: Any, axis: int, *, part: str | None = None) -> Value:
    """A tensor without an axis of size 1."""
    operand = read(context, x)
    place, view = operand.place(axis), operand.view
    if view.axis is not None:
        view = View(view.axis - (operand.axis(axis) < view.axis), view.factor)
    return done(context, nnspec.Squeeze(place), operand.value, view=view, part=part)


@operation(_NP.BroadcastTo)
def broadcast_to(op: Any, context: Context, x: Any) -> Value:
    operand, shape = read(context, x), per_example(op.shape)
    value, missing = operand.value, len(shape) - operand.rank
    for _ in range(missing):
        value = expanded(context, value, 0, part="expand_dims")
    operand = read(context, value)
    if None in shape and operand.view.axis is None:
        value = each_example(context, value, shape.index(None))
        operand = read(context, value)
    if operand.view.factor > 1 or None in operand.rest:
        raise refusal(context, f"a broadcast of {list(operand.shape)} to {shape}")
    sizes = [size for axis, size in enumerate(shape) if axis != operand.view.axis]
    if list(operand.rest) == sizes:
        return value
    return done(context, nnspec.BroadcastTo(tuple(sizes)), value, view=operand.view)


def each_example(context: Context, x: Any, axis: int) -> Value:
    """A tensor without a batch, repeated for each example along an axis of size 1."""
    operand = read(context, x)
    if operand.shape[axis] != 1:
        raise refusal(
            context, f"{operand.shape[axis]} elements along the batch axis, which are the same for all batches"
        )
    return done(context, nnspec.Squeeze(axis + 1), operand.value, view=View(axis), part="examples")
