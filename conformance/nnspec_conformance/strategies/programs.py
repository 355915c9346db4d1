"""StableHLO programs: operations of single elements, each on some of the values before it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from nnspec.layers.base import Shape
from nnspec.stablehlo.module import Block, Module, Operation, Type
from nnspec.stablehlo.writing import written
from nnspec_conformance.strategies.fields import Hints

_UNARY = ("tanh", "logistic", "sine", "negate", "floor", "sign")
_BINARY = ("add", "subtract", "maximum", "minimum")


def hints(*shapes: Shape) -> Hints:
    """Programs of inputs of these shapes, of floats; those of the first one's shape are computed with."""
    types = tuple(Type((1, *(size or 1 for size in shape[1:])), "f32") for shape in shapes)
    return {
        "program": _programs(types),
        "inputs": st.just(len(types)),
        "variables": st.just([]),
        "output": st.just(0),
    }


@st.composite
def _programs(draw: Any, types: tuple[Type, ...]) -> str:
    arguments = tuple(range(len(types)))
    alike = [i for i in arguments if types[i] == types[0]]
    operations = []
    for result in range(len(types), len(types) + draw(st.integers(1, 5))):
        name = draw(st.sampled_from(_UNARY + _BINARY))
        operands = tuple(draw(st.sampled_from(alike)) for _ in range(2 if name in _BINARY else 1))
        operations.append(Operation(name, operands, (result,), types[:1], {}, (), ""))
        alike.append(result)
    return written(Module({"main": Block(arguments, types, tuple(operations), (alike[-1],))}))
