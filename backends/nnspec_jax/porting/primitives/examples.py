"""Ids that name each example by its number: ``x[jnp.arange(len(x)), ids]`` takes each example's own elements."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

import nnspec
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context
from nnspec_jax.porting.primitives.operands import Operand, layout, reshaped, shape, view

# What is no node has no place among the nodes.
_NOWHERE = count(1 << 40)


@dataclass(frozen=True, eq=False)
class Columns(Value):
    """Ids of several axes side by side, of which constant ones count the examples: no node, but part of a gather."""

    parts: tuple[Operand, ...] = ()


def counts_examples(context: Context, array: np.ndarray[Any, Any]) -> bool:
    """Whether a constant is the number of each example, from 0, along its first axis."""
    if array.ndim == 0 or array.dtype.kind not in "iu" or array.shape[0] != context.batch:
        return False
    numbers = np.arange(array.shape[0]).reshape(-1, *(1,) * (array.ndim - 1))
    return bool((array == numbers).all())


def columns(context: Context, operands: tuple[Operand, ...], axis: int) -> Columns | None:
    """Ids joined along the last axis, if some of them count the examples; else None."""
    if axis != len(shape(context, operands[0])) - 1:
        return None
    if not any(not isinstance(x, Value) and counts_examples(context, x) for x in operands):
        return None
    if any(shape(context, x)[-1] != 1 for x in operands):
        return None
    parts = tuple(without_last(context, x) if isinstance(x, Value) else x[..., 0] for x in operands)
    made = Columns(next(_NOWHERE), parts)
    sizes = next((shape(context, part)[1:] for part in parts if isinstance(part, Value)), parts[0].shape[1:])  # type: ignore[union-attr]
    context.shapes[made], context.dtypes[made] = (None, *sizes, len(parts)), "int32"
    return made


def without_last(context: Context, ids: Value) -> Value:
    """Ids without the last axis, of size 1."""
    made = context.assembly.made(ids)
    last = len(context.shapes[ids]) - 1
    if made is not None and isinstance(made.layer, nnspec.ExpandDims) and made.layer.axis in (-1, last):
        return view(context, made.inputs[0], layout(context, ids))
    return reshaped(context, ids, context.shapes[ids][1:-1])
