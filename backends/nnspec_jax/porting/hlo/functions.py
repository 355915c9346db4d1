"""What a framework's operation is where its compiler writes out an approximation or a formula of several operations.

XLA computes erfc by polynomials that are right in float32. They would be a hundred nodes that mean nothing in float64:
the operation that they come from is known by name, and is what is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from nnspec.stablehlo.module import Block, Operation, Type

_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "Acosh": jnp.arccosh,
    "Asinh": jnp.arcsinh,
    "Atanh": jnp.arctanh,
    "Cosh": jnp.cosh,
    "Elu": jax.nn.elu,
    "Erf": jax.lax.erf,
    "Erfc": jax.lax.erfc,
    "LogSoftmax": jax.nn.log_softmax,
    "Relu": jax.nn.relu,
    "Relu6": jax.nn.relu6,
    "Selu": jax.nn.selu,
    "Sigmoid": jax.lax.logistic,
    "Sinh": jnp.sinh,
    "Softmax": jax.nn.softmax,
    "Softplus": jax.nn.softplus,
    "Softsign": jax.nn.soft_sign,
}


@dataclass(frozen=True)
class Replaced:
    """Operations that are one function.

    Attributes:
        function: what they compute.
        operand: the number of the value it is of.
        result: that of the value it gives.
    """

    function: Callable[[Any], Any]
    operand: int
    result: int


def replacements(block: Block, operations: Mapping[str, str]) -> dict[Operation, Replaced | None]:
    """Operations of a block that are parts of a known function: the last with the function, the others without."""
    groups: dict[str, list[Operation]] = {}
    for operation in block.operations:
        if operations.get(operation.place) in _FUNCTIONS:
            groups.setdefault(operation.place, []).append(operation)
    if not groups:
        return {}
    types: dict[int, Type] = dict(zip(block.arguments, block.types, strict=True))
    users: dict[int, list[Operation | None]] = {}
    for operation in block.operations:
        types.update(zip(operation.results, operation.types, strict=True))
        for i in _reads(operation):
            users.setdefault(i, []).append(operation)
    for i in block.returned:
        users.setdefault(i, []).append(None)
    known: dict[Operation, Replaced | None] = {}
    for place, group in groups.items():
        within = set(group)
        made = {i for operation in group for i in operation.results}
        given = {i for operation in group for i in _reads(operation) if i not in made and i in types}
        left = [i for i in made if any(user not in within for user in users.get(i, ()))]
        # What stands behind the operation in the block may take it only after all of it is there.
        if len(given) != 1 or len(left) != 1 or types[(one := given.pop())] != types[left[0]]:
            continue
        if any(operation.name in ("while", "func.call") for operation in group):
            continue
        known.update(dict.fromkeys(group))
        last = next(operation for operation in group if left[0] in operation.results)
        known[last] = Replaced(_FUNCTIONS[operations[place]], one, left[0])
    return known


def _reads(operation: Operation) -> list[int]:
    """The values that an operation takes, those that blocks within it take among them."""
    found = list(operation.operands)
    for block in operation.blocks:
        inner = {*block.arguments, *(i for one in block.operations for i in one.results)}
        found += [i for one in block.operations for i in _reads(one) if i not in inner]
        found += [i for i in block.returned if i not in inner]
    return found
