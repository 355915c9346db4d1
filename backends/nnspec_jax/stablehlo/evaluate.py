"""What a StableHLO module computes, in JAX's own operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nnspec.errors import SpecError
from nnspec.stablehlo.module import Block, Module, Operation, Type, computed_dtype, values as types_of

# An operation's value, or values in a list, of those it takes.
Rule = Callable[..., Any]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a function for StableHLO's operations of these names.

    It gets the run, the operation and the operands; one of operations with blocks also ``values``, those around them.
    """

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


class Run:
    """One evaluation of a module. It needs 64 bits enabled.

    Args:
        module: what is evaluated.
        dtype: that of floats, float32 or float64.
    """

    def __init__(self, module: Module, dtype: np.dtype[Any]) -> None:
        self.module = module
        self._dtype = dtype
        self._types: dict[int, Type] = {}

    def dtype(self, of: Type) -> np.dtype[Any]:
        """The dtype that values of a type are computed in."""
        return computed_dtype(of.dtype, self._dtype)

    def declared(self, value: int) -> Type:
        """The type that the program gives a value."""
        return self._types[value]

    def main(self, given: Sequence[Any]) -> list[Any]:
        """The results of the main function."""
        return self.call("main", given)

    def call(self, name: str, given: Sequence[Any]) -> list[Any]:
        """The results of a function of the module."""
        return self.block(self.module.functions[name], given, {})

    def block(self, block: Block, given: Sequence[Any], around: Mapping[int, Any]) -> list[Any]:
        """What a block returns, which sees the values around it.

        Raises:
            SpecError: an operation that does not fit what it is given.
        """
        values = {**around, **dict(zip(block.arguments, given, strict=True))}
        self._types.update(types_of(block))
        for operation in block.operations:
            operands = [values[i] for i in operation.operands]
            try:
                results = self._operation(operation, operands, values)
            except (TypeError, ValueError, KeyError, IndexError) as error:
                if isinstance(error, SpecError):
                    raise
                raise SpecError(f"the program's {operation.name} does not fit what it is given: {error}") from error
            values.update(zip(operation.results, results, strict=True))
        return [values[i] for i in block.returned]

    def _operation(self, operation: Operation, given: list[Any], values: Mapping[int, Any]) -> list[Any]:
        function = RULES[operation.name]
        made = (
            function(self, operation, *given, values=values) if operation.blocks else function(self, operation, *given)
        )
        results = list(made) if isinstance(made, list | tuple) else [made]
        for one, of in zip(results, operation.types, strict=True):
            if tuple(one.shape) != of.shape or one.dtype != self.dtype(of):
                raise SpecError(f"the program's {operation.name} gives {one.dtype}{list(one.shape)} where it says {of}")
        return results
