"""Tensors joined, and taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import nnspec
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context
from nnspec_tensorflow.porting.operations.arrangement import expanded, squeezed
from nnspec_tensorflow.porting.operations.logic import brought, promoted
from nnspec_tensorflow.porting.operations.operand import Known, Operand, refusal
from nnspec_tensorflow.porting.operations.operation import operation
from nnspec_tensorflow.porting.operations.variables import done, read
from nnspec_tensorflow.porting.tracked import View
from nnspec_tensorflow.startup import keras

_NP, _CORE = keras.src.ops.numpy, keras.src.ops.core


@operation(_NP.Concatenate)
def concatenate(op: Any, context: Context, xs: Any) -> Value:
    return joined(context, xs, op.axis)


@operation(_NP.Append)
def append(op: Any, context: Context, x1: Any, x2: Any) -> Value:
    if op.axis is None:
        raise refusal(context, "all elements in a row", "give it an axis")
    return joined(context, [x1, x2], op.axis)


def joined(context: Context, xs: Sequence[Any], axis: int) -> Value:
    """Tensors joined along an axis; what has no elements is left out."""
    operands = _alike(context, [x for x in xs if not (isinstance(x, Known) and not x.array.size)])
    first = operands[0]
    if len(operands) == 1:
        return first.value
    layer = nnspec.Concat(first.place(axis))
    return done(context, layer, *(operand.value for operand in operands), view=first.view)


@operation(_NP.Stack)
def stack(op: Any, context: Context, x: Any) -> Value:
    operands = _alike(context, x)
    first = operands[0]
    axis = op.axis + first.rank + 1 if op.axis < 0 else op.axis
    if len(operands) == 1:
        return expanded(context, first.value, axis)
    batch = first.view.axis
    place = axis + 1 if batch is None else axis + first.lead - (axis > batch)
    view = first.view if batch is None else View(batch + (axis <= batch), first.view.factor)
    return done(context, nnspec.Stack(place), *(operand.value for operand in operands), view=view)


def _alike(context: Context, xs: Sequence[Any]) -> list[Operand]:
    """Tensors of one dtype that lie alike."""
    dtype = promoted(context, *xs)
    operands = [read(context, brought(context, x, dtype, "astype")) for x in xs]
    if len({operand.view for operand in operands}) > 1:
        shown = " and ".join(str(list(operand.shape)) for operand in operands)
        raise refusal(context, f"it joins tensors with and without a batch, of shapes {shown}")
    return operands


@operation(_NP.Split, _NP.ArraySplit)
def split(op: Any, context: Context, x: Any) -> list[Value | Known]:
    operand, parts = read(context, x), op.indices_or_sections
    place = operand.place(op.axis)
    size = operand.spec[place]
    if size is None:
        raise refusal(context, "a split of an axis of any length", "declare the length in the model's inputs")
    if isinstance(parts, int):
        base, more = divmod(size, parts)
        counts = [base + (i < more) for i in range(parts)]
        edges = [sum(counts[: i + 1]) for i in range(parts - 1)]
    else:
        edges = [int(edge) for edge in parts]
    bounds = list(zip([0, *edges], [*edges, size], strict=True))
    return [
        _slice(context, operand, start, stop, place, f"part_{i}") if start < stop else Known(np.zeros(0))
        for i, (start, stop) in enumerate(bounds)
    ]


def _slice(context: Context, operand: Operand, start: int, stop: int, place: int, part: str) -> Value:
    return done(context, nnspec.Slice(start, stop, axis=place), operand.value, view=operand.view, part=part)


@operation(_CORE.Unstack)
def unstack(op: Any, context: Context, x: Any) -> list[Value]:
    operand = read(context, x)
    place = operand.place(op.axis)
    size = op.num or operand.spec[place]
    if size is None:
        raise refusal(context, "parts of an axis of any length", "declare the length in the model's inputs")
    parts = [_slice(context, operand, i, i + 1, place, f"slice_{i}") for i in range(size)]
    return [squeezed(context, value, op.axis, part=f"part_{i}") for i, value in enumerate(parts)]
