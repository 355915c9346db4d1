"""What stands for a value of a jaxpr while a graph is made of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from nnspec.porting.assembly import Value


@dataclass(frozen=True, eq=False)
class Constant:
    """What depends on no input and no parameter.

    Attributes:
        one, two: the numbers at both sizes of the batch.
        drawn: whether they come from the model's generator of random numbers, of which each call draws others.
    """

    one: Any
    two: Any
    drawn: bool = False


@dataclass(frozen=True, eq=False)
class Own:
    """A parameter or a statistic of the model, or a view of one: the same numbers in another order, or some of them.

    Attributes:
        array: the numbers.
        owner: what identifies them.
        path: the place of the parameter.
        trainable: whether it is a parameter.
        turned: what this is the transpose of, two axes exchanged.
        whole: whether it is used in several ways, so that one node gives it, and others rearrange what that gives.
    """

    array: Any
    owner: Hashable
    path: tuple[str, ...]
    trainable: bool
    turned: Own | None = None
    whole: bool = False


@dataclass(frozen=True, eq=False)
class Made:
    """A node's value."""

    value: Value


Item = Constant | Own | Made


def _cast(own: Own, params: dict[str, Any]) -> Own | None:
    floats = np.issubdtype(own.array.dtype, np.floating) or own.array.dtype.name == "bfloat16"
    return own if floats and jax.numpy.issubdtype(params["new_dtype"], jax.numpy.floating) else None


def _turned(own: Own, params: dict[str, Any]) -> Own | None:
    if tuple(params["permutation"]) != (1, 0):
        return None
    return own.turned or replace(_applied(own, "transpose", params, own.array.T), turned=own)


def _applied(own: Own, how: str, params: dict[str, Any], array: Any) -> Own:
    return replace(own, array=array, owner=(how, repr(params), own.owner), turned=None)


# Equations that only pick elements of a parameter or rearrange them, and what is made of it where that is not what the
# equation computes: a cast among floats is no other parameter.
_SPECIAL: dict[str, Callable[[Own, dict[str, Any]], Own | None]] = {"convert_element_type": _cast, "transpose": _turned}
_VIEWS = {
    "convert_element_type",
    "copy",
    "copy_p",
    "dynamic_slice",
    "reshape",
    "rev",
    "slice",
    "split",
    "squeeze",
    "transpose",
}


def viewed(name: str, equation: Any, items: Sequence[Item]) -> list[Item] | None:
    """What an equation gives that only rearranges a parameter; None for others."""
    own = items[0]
    if not isinstance(own, Own) or not all(isinstance(item, Constant) for item in items[1:]):
        return None
    if own.whole and name != "convert_element_type":
        return None
    if name == "broadcast_in_dim":
        given = equation.outvars[0].aval.shape
        if np.prod(given) != own.array.size:
            return None
        if given == own.array.shape:
            return [own]
        return [_applied(own, "reshape", {"to": given}, own.array.reshape(given))]
    if name not in _VIEWS:
        return None
    special = _SPECIAL.get(name, lambda *_: None)(own, equation.params)
    if special is not None:
        return [special]
    if name == "convert_element_type":
        return None
    rest = [item.one for item in items[1:] if isinstance(item, Constant)]
    key = {**equation.params, "at": [np.asarray(x).tolist() for x in rest]}
    parts = bound(equation, [own.array, *rest])
    if len(parts) == 1 and parts[0].shape == own.array.shape and name in ("reshape", "squeeze", "copy", "copy_p"):
        return [own]
    return [_applied(own, name, {**key, "part": i}, np.asarray(part)) for i, part in enumerate(parts)]


def bound(equation: Any, operands: Sequence[Any]) -> list[Any]:
    """The results of an equation."""
    made = equation.primitive.bind(*operands, **equation.primitive.get_bind_params(equation.params))
    return list(made) if equation.primitive.multiple_results else [made]


def row(item: Own, index: int) -> Own:
    """The part of stacked parameters that belongs to one of the layers."""
    return _applied(item, "row", {"index": index}, item.array[index])


def grows(item: Constant) -> bool:
    """Whether the first axis, and no other one, is the batch."""
    one, two = np.shape(item.one), np.shape(item.two)
    return one[1:] == two[1:] and one[:1] != two[:1]
