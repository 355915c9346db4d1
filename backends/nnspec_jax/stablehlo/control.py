"""Calls, loops and branches."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from jax import lax

from nnspec.stablehlo.module import Block, Operation
from nnspec_jax.stablehlo.evaluate import Run, rule


@rule("func.call")
def call(run: Run, operation: Operation, *given: Any) -> Any:
    return run.call(operation.attributes["callee"], given)


@rule("optimization_barrier")
def same(run: Run, operation: Operation, *given: Any) -> Any:
    return list(given)


@rule("while")
def loop(run: Run, operation: Operation, *given: Any, values: Mapping[int, Any]) -> Any:
    condition, body = operation.blocks
    return lax.while_loop(
        lambda state: run.block(condition, state, values)[0], lambda state: run.block(body, state, values), list(given)
    )


@rule("case", "if")
def branch(run: Run, operation: Operation, index: Any, *, values: Mapping[int, Any]) -> Any:
    """An index outside the branches takes the last of them."""
    if operation.name == "if":
        yes, no = operation.blocks
        return lax.cond(index, partial(_branch, run, yes, values), partial(_branch, run, no, values))
    count = len(operation.blocks)
    at = lax.select((index < 0) | (index >= count), lax.full_like(index, count - 1), index)
    return lax.switch(at, [partial(_branch, run, block, values) for block in operation.blocks])


def _branch(run: Run, block: Block, values: Mapping[int, Any]) -> list[Any]:
    return run.block(block, (), values)
