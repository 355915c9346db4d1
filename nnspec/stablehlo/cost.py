"""How many operations on numbers a program needs."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from nnspec.errors import SpecError
from nnspec.stablehlo.module import Block, Module, Operation, Type, values
from nnspec.stablehlo.operations import ELEMENTWISE

_MOVING = frozenset({"convert", "select", "complex", "real", "imag"})


def flops(module: Module) -> int:
    """Of one run: one for each element of what is computed, two for a product of a sum; bodies of loops count once.

    Raises:
        SpecError: an operation whose operands or attributes are not as StableHLO has them.
    """
    return _Counter(module).function("main")


class _Counter:
    """Counts each function once, however often it is called."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._known: dict[str, int] = {}

    def function(self, name: str) -> int:
        if name not in self._known:
            self._known[name] = self._block(self._module.functions[name], {})
        return self._known[name]

    def _block(self, block: Block, around: Mapping[int, Type]) -> int:
        types = {**around, **values(block)}
        return sum(self._operation(operation, types) for operation in block.operations)

    def _operation(self, operation: Operation, types: Mapping[int, Type]) -> int:
        try:
            return self._counted(operation, types)
        except (LookupError, TypeError, ValueError) as error:
            if isinstance(error, SpecError):
                raise
            raise SpecError(f"{operation.name} has other operands or attributes than StableHLO says: {error}") from None

    def _counted(self, operation: Operation, types: Mapping[int, Type]) -> int:
        given = [types[i] for i in operation.operands]
        results = sum(prod(of.shape) for of in operation.types)
        if operation.name == "func.call":
            return self.function(operation.attributes["callee"])
        if operation.name in ("reduce", "reduce_window", "scatter", "sort"):
            # A body is run for each element that it takes in.
            window = operation.attributes.get("window_dimensions")
            runs = max(prod(of.shape) for of in given) if window is None else results * prod(map(int, window))
            return runs * sum(self._block(block, types) for block in operation.blocks)
        if operation.blocks:
            return sum(self._block(block, types) for block in operation.blocks)
        if operation.name == "dot_general":
            axes = operation.attributes["dot_dimension_numbers"]["lhs_contracting_dimensions"]
            return results * _sum_of(prod(given[0].shape[i] for i in axes))
        if operation.name == "dot":
            return results * _sum_of(given[0].shape[-1])
        if operation.name == "convolution":
            numbers = operation.attributes["dimension_numbers"]
            features: int = given[1].shape[numbers["kernel_output_feature_dimension"]]
            return results * _sum_of(prod(given[1].shape) // max(features, 1))
        return results if operation.name in ELEMENTWISE - _MOVING or operation.name == "custom_call" else 0


def _sum_of(products: int) -> int:
    return max(2 * products - 1, 0)
