"""What is computed only sometimes, or several times."""

from __future__ import annotations

from collections.abc import Sequence

from nnspec.errors import SpecError
from nnspec.reference.base import Array
from nnspec.reference.stablehlo.evaluate import Call, rule


@rule("while")
def loop(call: Call, *values: Array) -> Sequence[Array]:
    """The body again and again, as long as the condition holds."""
    condition, body = call.blocks
    state: Sequence[Array] = values
    while _true(call.runner.block(condition, state)):
        state = call.runner.block(body, state)
    return state


def _true(found: Sequence[Array]) -> bool:
    if len(found) != 1 or found[0].dtype != bool or found[0].shape:
        raise SpecError("expected a condition that gives one boolean")
    return bool(found[0])


@rule("if")
def branch(call: Call, which: Array) -> Sequence[Array]:
    """The first block where the operand is true, else the second."""
    true, false = call.blocks
    return call.runner.block(true if _true([which]) else false)


@rule("case")
def case(call: Call, which: Array) -> Sequence[Array]:
    """The block of this number, the last one where there is none of it."""
    last = len(call.blocks) - 1
    return call.runner.block(call.blocks[int(which) if 0 <= which <= last else last])


@rule("func.call")
def function(call: Call, *operands: Array) -> Sequence[Array]:
    return call.runner.function(call.attribute("callee"), operands)


@rule("optimization_barrier")
def barrier(call: Call, *operands: Array) -> Sequence[Array]:
    """The operands: compilers alone heed it."""
    return operands
