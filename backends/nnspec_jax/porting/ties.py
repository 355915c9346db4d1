"""Parameters that several variables of a graph are made of: tied weights, which have to stay one variable."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nnspec.backends import Array

# Beyond this many elements parameters are not looked at closely: their numbers take as much memory as they do.
_LARGEST = 2**28


def candidates(owners: Sequence[Hashable]) -> set[int]:
    """The model's parameters, by number, that more than one owner of variables is made of: parts of them, perhaps."""
    found: dict[int, int] = {}
    for owner in owners:
        for i in set(_leaves(owner)):
            found[i] = found.get(i, 0) + 1
    return {i for i, count in found.items() if count > 1}


def tied(leaves: Sequence[Any], among: set[int], variables: Callable[[Sequence[Any]], Mapping[str, Array]]) -> set[int]:
    """Those parameters of which an element is in two variables, or twice in one.

    Args:
        leaves: the model's arrays.
        among: the parameters that may be.
        variables: what becomes of other arrays in the place of the model's, by canonical name.
    """
    if sum(leaves[i].array.size for i in among) > _LARGEST:
        return set()
    # Each element has a number of its own, from 1: what is not a whole number is computed of several.
    arrays, starts, count = [leaf.array for leaf in leaves], {}, 1
    for i in sorted(among):
        shape = leaves[i].array.shape
        starts[i] = count
        arrays[i] = np.arange(count, count + leaves[i].array.size, dtype=np.float64).reshape(shape)
        count += leaves[i].array.size
    uses = np.zeros(count, np.int32)
    for value in variables(arrays).values():
        flat = np.asarray(value).reshape(-1)
        if flat.dtype != np.float64:  # of other parameters
            continue
        numbers = flat[(flat >= 1) & (flat < count) & (flat == np.floor(flat))].astype(np.int64)
        uses += np.bincount(numbers, minlength=count).astype(np.int32)
    return {i for i in among if (uses[starts[i] : starts[i] + leaves[i].array.size] > 1).any()}


def _leaves(owner: Hashable) -> Iterator[int]:
    if isinstance(owner, tuple):
        if len(owner) == 2 and owner[0] == "leaf" and isinstance(owner[1], int):
            yield owner[1]
            return
        for part in owner:
            yield from _leaves(part)
