"""Sorting by any order."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnspec.errors import SpecError
from nnspec.reference.base import Array
from nnspec.reference.stablehlo.evaluate import Call, rule


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
    rows = [np.moveaxis(x, axis, -1) for x in arrays]
    results = [np.empty_like(row) for row in rows]
    for at in np.ndindex(rows[0].shape[:-1]):
        lines = [row[at] for row in rows]

        def before(i: int, j: int, lines: Sequence[Array] = lines) -> int:
            # The comparator takes the two elements of the first array, then those of the next.
            pairs: list[Any] = [line[k] for line in lines for k in (i, j)]
            return -1 if call.runner.block(comparator, pairs)[0] else 0

        order = sorted(range(rows[0].shape[-1]), key=functools.cmp_to_key(before))
        for result, line in zip(results, lines, strict=True):
            result[at] = line[order]
    return [np.moveaxis(result, -1, axis) for result in results]
