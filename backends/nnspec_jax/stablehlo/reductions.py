"""Reductions, windows and sorting, by functions of the program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from nnspec.stablehlo.module import Block, Operation
from nnspec.stablehlo.operations import is_one_of
from nnspec_jax.stablehlo.dimensions import windows
from nnspec_jax.stablehlo.elementwise import ordered
from nnspec_jax.stablehlo.evaluate import Run, rule

# Bodies of one operation, for which compilers have faster code than for a function.
_KNOWN: dict[str, Any] = {
    "add": lax.add,
    "multiply": lax.mul,
    "maximum": lax.max,
    "minimum": lax.min,
    "and": lax.bitwise_and,
    "or": lax.bitwise_or,
}


def _function(run: Run, body: Block, values: Mapping[int, Any]) -> Any:
    """What a body computes of the accumulated and the new elements: one each, or two lists."""
    if is_one_of(body, _KNOWN):
        return _KNOWN[body.operations[0].name]
    count = len(body.arguments) // 2
    if count == 1:
        return lambda a, b: run.block(body, (a, b), values)[0]
    return lambda a, b: tuple(run.block(body, (*a, *b), values))


@rule("reduce")
def reduce(run: Run, operation: Operation, *given: Any, values: Mapping[int, Any]) -> Any:
    count = len(given) // 2
    arrays, initial = given[:count], given[count:]
    function, axes = _function(run, operation.blocks[0], values), operation.attributes["dimensions"]
    if count == 1:
        return lax.reduce(arrays[0], initial[0], function, axes)
    return list(lax.reduce(tuple(arrays), tuple(initial), function, axes))


@rule("reduce_window")
def reduce_window(run: Run, operation: Operation, *given: Any, values: Mapping[int, Any]) -> Any:
    count, a = len(given) // 2, operation.attributes
    arrays, initial = given[:count], given[count:]
    steps = windows(a, arrays[0].ndim, "window_strides", "base_dilations", "window_dilations")
    options = (a["window_dimensions"], *steps)
    function = _function(run, operation.blocks[0], values)
    if count == 1:
        return lax.reduce_window(arrays[0], initial[0], function, *options)
    return list(lax.reduce_window(tuple(arrays), tuple(initial), function, *options))


@rule("sort")
def sort(run: Run, operation: Operation, *given: Any, values: Mapping[int, Any]) -> Any:
    """The k-th of n elements comes after as many as come before it, and of equal ones after those in front of it.

    That takes n² comparisons, which an order by a key does not need.
    """
    axis, (body,) = operation.attributes["dimension"], operation.blocks
    arrays = [jnp.moveaxis(x, axis, -1) for x in given]
    key = _key(run, body, arrays, values)
    if key is not None:
        made = list(lax.sort([key, *arrays], dimension=-1, is_stable=True, num_keys=1))[1:]
    else:
        order = _order(run, body, arrays, values)
        made = [jnp.take_along_axis(x, order, -1) for x in arrays]
    return [jnp.moveaxis(x, -1, axis) for x in made]


def _key(run: Run, body: Block, arrays: list[Any], values: Mapping[int, Any]) -> Any:
    """What sorting in ascending order comes to the same by; None if the comparison is not f(x) < f(y), or >."""
    last = body.operations[-1] if body.operations else None
    if last is None or last.results != body.returned or last.name != "compare":
        return None
    direction = last.attributes["comparison_direction"]
    formulas, sides = _formulas(body)
    left, right = last.operands
    if direction not in ("LT", "GT") or formulas[left] != formulas[right]:
        return None
    if (sides[left], sides[right]) not in (({0}, {1}), ({1}, {0})):
        return None
    block = replace(body, operations=body.operations[:-1], returned=(left,))

    def of(*elements: Any) -> Any:
        return run.block(block, _paired(elements, elements), values)[0]

    flat = [x.reshape(-1) for x in arrays]
    key = jax.vmap(of)(*flat).reshape(arrays[0].shape)
    if last.attributes.get("compare_type") == "TOTALORDER":
        key = ordered(key)
    if (direction == "GT") == (sides[left] == {0}):  # descending
        key = lax.bitwise_not(key) if key.dtype.kind in "iub" else -key  # ~x falls as x grows, and always exists
    return key


def _formulas(body: Block) -> tuple[dict[int, Any], dict[int, set[int]]]:
    """Of each value how it is made of an element's parts, and of which of the two elements that are compared."""
    formulas: dict[int, Any] = {i: ("element", k // 2) for k, i in enumerate(body.arguments)}
    sides = {i: {k % 2} for k, i in enumerate(body.arguments)}
    for operation in body.operations:
        inner = [formulas.get(i, ("value", i)) for i in operation.operands]
        shown = tuple(sorted((name, repr(value)) for name, value in operation.attributes.items()))
        for place, i in enumerate(operation.results):
            formulas[i] = (operation.name, place, shown, tuple(inner), operation.blocks)
            sides[i] = set().union(*(sides.get(j, set()) for j in operation.operands))
    return formulas, sides


def _order(run: Run, body: Block, arrays: list[Any], values: Mapping[int, Any]) -> Any:
    """Which element comes at each place along the last axis."""
    size = arrays[0].shape[-1]

    def before(*elements: Any) -> Any:
        return run.block(body, elements, values)[0]

    def line(*rows: Any) -> Any:
        places = jnp.arange(size)

        def of(i: Any) -> Any:
            mine = [row[i] for row in rows]
            others = jax.vmap(lambda *theirs: before(*_paired(theirs, mine)))(*rows)
            me_first = jax.vmap(lambda *theirs: before(*_paired(mine, theirs)))(*rows)
            return jnp.sum(others | (~me_first & ~others & (places < i)))

        ranks = jax.vmap(of)(places)
        return jnp.zeros(size, np.int64).at[ranks].set(places)

    flat = [x.reshape(-1, size) for x in arrays]
    return jax.vmap(line)(*flat).reshape(arrays[0].shape)


def _paired(left: Any, right: Any) -> list[Any]:
    return [one for pair in zip(left, right, strict=True) for one in pair]
