"""Running sums, products and extremes.

Of equal largest elements nnspec gives the gradient to the first, where JAX may divide it among them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import nnspec
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, primitive
from nnspec_jax.porting.primitives.alignment import constant
from nnspec_jax.porting.primitives.elementwise import through_floats
from nnspec_jax.porting.primitives.operands import FREE, layout, permuted, place, step, view

_CUMULATIVE: dict[str, Any] = {
    "cumsum": nnspec.CumulativeSum,
    "cumprod": nnspec.CumulativeProd,
    "cummax": nnspec.CumulativeMax,
    "cummin": nnspec.CumulativeMin,
}


def _cumulative(name: str, cls: Any) -> None:
    @primitive(name)
    def convert_it(context: Context, params: Any, x: Value) -> Value:
        axis = place(context, x, params["axis"], "runs along")
        return through_floats(context, cls(axis, reverse=bool(params["reverse"])), x)


for _name, _class in _CUMULATIVE.items():
    _cumulative(_name, _class)


@primitive("cumlogsumexp")
def cumlogsumexp(context: Context, params: Any, x: Value) -> Value:
    """For each position the logsumexp of a row, in which −∞ stands for the positions that do not count yet."""
    axis, how = place(context, x, params["axis"], "runs along"), layout(context, x)
    rank = len(context.shapes[x])
    last = [*(i for i in range(1, rank) if i != axis), axis]
    size = int(context.shapes[x][axis] or 0)
    hidden = np.where(np.tri(size, dtype=bool), 0.0, -np.inf)
    rows = step(context, nnspec.ExpandDims(rank - 1), permuted(context, x, last, FREE), like=FREE)
    mask = constant(context, (hidden.T if params["reverse"] else hidden).reshape((1,) * (rank - 2) + (size, size)))
    sums = step(context, nnspec.LogSumExp(rank), step(context, nnspec.Add(), rows, mask, like=FREE), like=FREE)
    back = [last.index(i) + 1 for i in range(1, rank)]
    return view(context, permuted(context, sums, back, FREE), how)
