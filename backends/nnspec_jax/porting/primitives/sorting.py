"""Order along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnspec
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, primitive
from nnspec_jax.porting.primitives.alignment import as_value
from nnspec_jax.porting.primitives.operands import Operand, call, layout, place, rank, refuse


@primitive("sort")
def sort(context: Context, params: Any, *operands: Operand) -> list[Value]:
    if params["num_keys"] != 1:
        refuse(context, "sorting by several keys has no counterpart: sort by one")
    keys = as_value(context, operands[0])
    axis = place(context, keys, params["dimension"], "sorts")
    results = [call(context, nnspec.Sort(axis), keys)]
    for other in operands[1:]:
        order = call(context, nnspec.ArgSort(axis), keys)
        if isinstance(other, Value):
            if layout(context, other) != layout(context, keys):
                refuse(context, "what is sorted along with the keys has the batch in another axis")
            order = call(context, nnspec.TakeAlongAxis(axis), other, order)
        elif not _counts(other, params["dimension"]):
            refuse(context, "sorting a constant along with the keys has no counterpart: take its elements by argsort")
        results.append(order)
    return results


def _counts(array: np.ndarray[Any, Any], axis: int) -> bool:
    """Whether an array is the number of each element along an axis, as in ``argsort``."""
    numbers = np.arange(array.shape[axis]).reshape(-1, *(1,) * (array.ndim - 1 - axis))
    return bool((array == numbers).all())


@primitive("top_k", "approx_top_k")
def top_k(context: Context, params: Any, x: Value) -> list[Value]:
    if params.get("recall_target", 1.0) != 1.0:
        refuse(context, "an approximate top_k has no counterpart: use jax.lax.top_k")
    given = params.get("axis", params.get("reduction_dimension", -1))
    axis = place(context, x, int(given) % rank(context, x), "chooses along")
    k, largest = int(params["k"]), bool(params.get("is_max_k", True))
    return [call(context, nnspec.TopK(k, axis, largest, output), x) for output in ("values", "indices")]
