"""Sorting by any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nnspec.errors import SpecError
from nnspec.reference.base import Array
from nnspec.reference.stablehlo.evaluate import Call, rule

# Whether the elements at some places come before those at others.
Before = Callable[[Array, Array], Array]


@rule("sort")
def sort(call: Call, *arrays: Array) -> Sequence[Array]:
    """Arrays whose elements along an axis are put in order, those at one place together; where neither of two comes
    first by the comparator, they stay as they are.
    """
    (comparator,) = call.blocks
    shape = arrays[0].shape
    axis = call.number("dimension", -1)
    if any(x.shape != shape for x in arrays) or not -len(shape) <= axis < len(shape):
        raise SpecError(f"expected arrays of one shape that has the axis {axis}")
    if len(comparator.arguments) != 2 * len(arrays) or len(comparator.returned) != 1:
        raise SpecError(f"expected a comparator of {2 * len(arrays)} arguments and one result")
    rows = [np.moveaxis(x, axis, -1) for x in arrays]

    def before(i: Array, j: Array) -> Array:
        # The comparator takes the two elements of the first array, then those of the next.
        pairs = [np.take_along_axis(row, places, -1) for row in rows for places in (i, j)]
        (found,) = call.runner.each(comparator, pairs)
        if found.dtype != bool:
            raise SpecError("expected a comparator that gives a boolean")
        return found

    order = _merged(rows[0].shape, before)
    return [np.moveaxis(np.take_along_axis(row, order, -1), -1, axis) for row in rows]


def _merged(shape: tuple[int, ...], before: Before) -> Array:
    """The places of elements in order along the last axis, by merging runs of 1, 2, 4 … of them that are in order.

    An element moves back by as many of the neighboring run as come before it, which a search by halves counts, for all
    elements at once. Of equal ones those of the left run come first.
    """
    n = shape[-1]
    order = np.broadcast_to(np.arange(n), shape)
    width = 1
    while width < n:
        run = np.arange(n) // width
        right = run % 2 == 1
        begin = np.minimum((run ^ 1) * width, n)
        low, high = (np.broadcast_to(one, shape) for one in (begin, np.minimum(begin + width, n)))
        while (low < high).any():
            middle = (low + high) // 2
            other = np.take_along_axis(order, np.minimum(middle, n - 1), -1)
            # In the right run those before an element are the ones that it does not come before.
            earlier = before(np.where(right, order, other), np.where(right, other, order)) != right
            low, high = (
                np.where((low < high) & earlier, middle + 1, low),
                np.where((low < high) & ~earlier, middle, high),
            )
        merged = np.empty_like(order)
        np.put_along_axis(merged, np.arange(n) - right * width + low - begin, order, -1)
        order, width = merged, 2 * width
    return order
