"""Elements repeated, turned around, padded, and triangles and diagonals of matrices."""

from __future__ import annotations

from typing import Any

import nnspec
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context
from nnspec_tensorflow.porting.operations.arrangement import each_example, expanded, transposed
from nnspec_tensorflow.porting.operations.elementwise import unary
from nnspec_tensorflow.porting.operations.operand import BATCH, number, refusal
from nnspec_tensorflow.porting.operations.operation import operation
from nnspec_tensorflow.porting.operations.variables import cast, done, read
from nnspec_tensorflow.porting.tracked import EXAMPLES, View, per_example
from nnspec_tensorflow.startup import keras

_NP = keras.src.ops.numpy


@operation(_NP.Repeat)
def repeat(op: Any, context: Context, x: Any) -> Value:
    operand, counts = read(context, x), op.repeats
    if op.axis is None:
        raise refusal(context, "all elements in a row", "give it an axis")
    counts = [counts] if isinstance(counts, int) else [int(n) for n in counts]
    if counts == [EXAMPLES] and operand.view.axis is None:
        return each_example(context, operand.value, operand.axis(op.axis))
    if operand.axis(op.axis) == operand.view.axis:
        if len(counts) > 1 or operand.view.factor > 1 or operand.view.axis != 0:
            raise refusal(context, "examples repeated one by one")
        return done(context, nnspec.RepeatVector(counts[0]), operand.value, view=View(0, counts[0]))
    place = operand.place(op.axis)
    size = operand.spec[place]
    if size is None:
        raise refusal(context, "elements of an axis of any length repeated", "declare the length in the model's inputs")
    each = counts * size if len(counts) == 1 else counts
    indices = tuple(i for i, n in enumerate(each) for _ in range(n))
    return done(context, nnspec.Take(indices, place), operand.value, view=operand.view)


@operation(_NP.Tile)
def tile(op: Any, context: Context, x: Any) -> Value:
    repeats = per_example([op.repeats] if isinstance(op.repeats, int) else op.repeats)
    operand = read(context, x)
    value = operand.value
    for _ in range(len(repeats) - operand.rank):
        value = expanded(context, value, 0, part="expand_dims")
    repeats = [1] * (operand.rank - len(repeats)) + repeats
    operand = read(context, value)
    if None in repeats and operand.view.axis is None:
        value = each_example(context, value, repeats.index(None))
        operand = read(context, value)
        repeats = [1 if n is None else n for n in repeats]
    counts = [n for axis, n in enumerate(repeats) if axis != operand.view.axis]
    if operand.view.axis is not None and repeats[operand.view.axis] != 1:
        raise refusal(context, "a batch repeated as a whole")
    if all(n == 1 for n in counts):
        return value
    layer = nnspec.Tile((*[1] * (operand.lead - 1), *map(int, counts)))
    return done(context, layer, value, view=operand.view)


@operation(_NP.Flip)
def flip(op: Any, context: Context, x: Any) -> Value:
    operand = read(context, x)
    return done(context, nnspec.Flip(operand.places(op.axis)), operand.value, view=operand.view)


@operation(_NP.Roll)
def roll(op: Any, context: Context, x: Any) -> Value:
    value = read(context, x).value
    if op.axis is None:
        raise refusal(context, "all elements in a row", "give it an axis")
    axes = op.axis if isinstance(op.axis, list | tuple) else [op.axis]
    shifts = op.shift if isinstance(op.shift, list | tuple) else [op.shift] * len(axes)
    for i, (shift, axis) in enumerate(zip(shifts, axes, strict=True)):
        operand = read(context, value)
        part = None if i == len(axes) - 1 else f"axis_{i}"
        value = done(context, nnspec.Roll(int(shift), operand.place(axis)), value, view=operand.view, part=part)
    return value


@operation(_NP.Tril, _NP.Triu)
def triangle(op: Any, context: Context, x: Any) -> Value:
    operand = read(context, x)
    operand.place(-1), operand.place(-2)
    layer: Any = nnspec.Tril if isinstance(op, _NP.Tril) else nnspec.Triu
    return done(context, layer(int(op.k)), operand.value, view=operand.view)


@operation(_NP.Diagonal, _NP.Trace)
def diagonal(op: Any, context: Context, x: Any) -> Value:
    operand = read(context, x)
    axes = operand.axis(op.axis1), operand.axis(op.axis2)
    value = operand.value
    if axes != (operand.rank - 2, operand.rank - 1):
        order = [*(axis for axis in range(operand.rank) if axis not in axes), *axes]
        value = transposed(context, value, order, part="transpose")
    operand = read(context, value)
    operand.place(-1), operand.place(-2)
    if isinstance(op, _NP.Diagonal):
        return done(context, nnspec.Diagonal(int(op.offset)), value, view=operand.view)
    return unary(context, nnspec.Trace(int(op.offset)), value, whole=True)


@operation(_NP.Pad)
def pad(op: Any, context: Context, x: Any, constant_values: Any = None) -> Value:
    operand = read(context, x)
    value = 0.0 if constant_values is None else number(constant_values)
    if value is None:
        raise refusal(context, "padding by numbers for each axis", "pad one axis after the other")
    widths = [tuple(map(int, width)) for width in op.pad_width]
    widths = widths * operand.rank if len(widths) == 1 else widths
    batch = operand.view.axis
    if batch is not None and any(widths[batch]):
        raise refusal(context, "padding of the batch axis")
    own: list[Any] = [(0, 0)] * (operand.lead - 1) + [width for axis, width in enumerate(widths) if axis != batch]
    if op.mode not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        raise refusal(context, f"padding by {op.mode}")
    given = cast(context, operand.value, "float", "float")
    # The spec pads between batch and channels: another axis stands for the channels.
    wide = done(context, nnspec.ExpandDims(-1), given, view=BATCH, part="expand_dims")
    padded = done(context, nnspec.Pad(tuple(own), op.mode, float(value)), wide, view=BATCH, part="pad")
    narrow = operand.dtype == "float"
    result = done(context, nnspec.Squeeze(-1), padded, view=operand.view, part=None if narrow else "squeeze")
    return result if narrow else cast(context, result, operand.dtype)
