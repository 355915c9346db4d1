"""Programs in which NaN stays NaN: the larger of two numbers as TensorFlow's XLA for CPUs computes it drops it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from nnspec.stablehlo.module import FLOATS, Block, Module, Operation, Type

_DIRECTIONS = {"maximum": "GE", "minimum": "LE"}


def propagating(module: Module) -> Module:
    """The program with ``maximum`` and ``minimum`` of floats as choices: of a ≥ b or NaN the one, else the other."""
    return Module({name: _block(block, count(_free(module))) for name, block in module.functions.items()})


def _free(module: Module) -> int:
    """A number above those of all values."""
    blocks = module.functions.values()
    inner = (block for one in blocks for operation in one.walk() for block in operation.blocks)
    every = [i for block in (*blocks, *inner) for i in block.arguments]
    every += [i for block in blocks for operation in block.walk() for i in operation.results]
    return max(every, default=0) + 1


def _block(block: Block, numbers: Iterator[int]) -> Block:
    made: list[Operation] = []
    for operation in block.operations:
        if operation.name in _DIRECTIONS and operation.types[0].dtype in FLOATS:
            made += _choice(operation, numbers)
        else:
            made.append(replace(operation, blocks=tuple(_block(inner, numbers) for inner in operation.blocks)))
    return replace(block, operations=tuple(made))


def _choice(operation: Operation, numbers: Iterator[int]) -> list[Operation]:
    a, b = operation.operands
    boolean = Type(operation.types[0].shape, "i1")
    further, missing, either = (next(numbers) for _ in range(3))
    return [
        _compare(further, a, b, _DIRECTIONS[operation.name], boolean),
        _compare(missing, a, a, "NE", boolean),
        Operation("or", (further, missing), (either,), (boolean,), {}, (), ""),
        Operation("select", (either, a, b), operation.results, operation.types, {}, (), ""),
    ]


def _compare(result: int, a: int, b: int, direction: str, of: Type) -> Operation:
    given = {"comparison_direction": direction, "compare_type": "FLOAT"}
    written = {
        "comparison_direction": f"#stablehlo<comparison_direction {direction}>",
        "compare_type": "#stablehlo<comparison_type FLOAT>",
    }
    return Operation("compare", (a, b), (result,), (of,), given, (), "", written)
