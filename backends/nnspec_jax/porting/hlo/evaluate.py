"""What a StableHLO module computes, in JAX's own operations, to be traced or run.

Floats of 32 and 64 bits are what JAX computes in: a module of float32 becomes one of float64 where 64 bits are
enabled, with its constants as they are. Constants stay NumPy's as long as they meet nothing else; one number for all
elements is a view that takes no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import jax
import numpy as np
from jax import lax

from nnspec.errors import PortError
from nnspec.stablehlo.module import Block, Module, Operation, Type
from nnspec_jax.porting.hlo.functions import Replaced, replacements
from nnspec_jax.porting.hlo.module import numpy_dtype

# An operation's value, or values, of those it takes.
Rule = Callable[..., Any]
RULES: dict[str, Rule] = {}
# Rules of single elements.
ELEMENTWISE: set[str] = set()
# Constants of more elements are not computed ahead.
_MOST = 2**22


def rule(*names: str, elementwise: bool = False) -> Callable[[Rule], Rule]:
    """Register a function for StableHLO's operations of these names.

    It gets the run, the operation and the operands, and gives the result, or several in a list.
    """

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        if elementwise:
            ELEMENTWISE.update(names)
        return function

    return register


@dataclass(frozen=True, eq=False)
class Spread:
    """A value that is the same along axes, of which ``small`` has one element each."""

    small: Any
    shape: tuple[int, ...]

    def whole(self) -> Any:
        return lax.broadcast_in_dim(self.small, self.shape, range(len(self.shape)))


@dataclass(frozen=True, eq=False)
class Rows:
    """A value that is written row by row, as loops do it: its rows along an axis, each with that axis."""

    rows: tuple[Any, ...]
    axis: int
    shape: tuple[int, ...]
    dtype: Any

    def whole(self) -> Any:
        return lax.concatenate([jax.numpy.asarray(row) for row in self.rows], self.axis)


class Run:
    """One evaluation of a module.

    Args:
        module: what is evaluated.
        operations: by place, what kind of operation of its framework that is.
    """

    def __init__(self, module: Module, operations: Mapping[str, str] | None = None) -> None:
        self.module = module
        self.operations = operations or {}
        # Of what was reshaped, by the number of the object: it, and what it was before.
        self.reshaped: dict[int, tuple[Any, Any]] = {}
        self._replaced: dict[int, dict[Operation, Replaced | None]] = {}

    def main(self, *given: Any) -> list[Any]:
        """The results of the main function.

        Raises:
            PortError: an operation that has no counterpart, named by its place.
        """
        return [whole(value) for value in self.block(self.module.main, given, {})]

    def call(self, name: str, given: Sequence[Any]) -> list[Any]:
        """The results of another function of the module."""
        return self.block(self.module.functions[name], given, {})

    def block(self, block: Block, given: Sequence[Any], around: Mapping[int, Any]) -> list[Any]:
        """What a block returns, which sees the values around it."""
        values = {**around, **dict(zip(block.arguments, given, strict=True))}
        known = self._known(block)
        for operation in block.operations:
            if operation in known:
                found = known[operation]
                if found is not None:
                    with jax.named_scope(f"@{scope_of(operation.place)}"):
                        values[found.result] = found.function(whole(values[found.operand]))
                continue
            results = self._operation(operation, [values[i] for i in operation.operands], values)
            values.update(zip(operation.results, results, strict=True))
        return [values[i] for i in block.returned]

    def _known(self, block: Block) -> dict[Operation, Replaced | None]:
        if id(block) not in self._replaced:
            self._replaced[id(block)] = replacements(block, self.operations)
        return self._replaced[id(block)]

    def _operation(self, operation: Operation, given: list[Any], values: Mapping[int, Any]) -> list[Any]:
        function = RULES.get(operation.name)
        if function is None:
            raise PortError(f"{self.where(operation)} has no counterpart in nnspec")
        if operation.types and all(0 in of.shape for of in operation.types):
            return [np.zeros(of.shape, self.dtype(of)) for of in operation.types]
        fixed = all(isinstance(x, np.ndarray) for x in given)
        if fixed and operation.blocks == () and operation.name not in ("func.call", "custom_call"):
            made = self._constant(function, operation, given)
            if made is not None:
                return made
        if operation.name in ELEMENTWISE:
            given = [_small(x.whole() if isinstance(x, Rows) else x) for x in given]
        elif operation.name not in _BY_ROWS:
            given = [x.whole() if isinstance(x, Spread | Rows) else x for x in given]
        try:
            with jax.named_scope(f"@{scope_of(operation.place)}"):
                if operation.blocks:
                    results = function(self, operation, *given, values=values)
                else:
                    results = function(self, operation, *given)
        except PortError:
            raise
        except Exception as error:
            raise PortError(f"{self.where(operation)}: {type(error).__name__}: {error}") from error
        results = list(results) if isinstance(results, list | tuple) else [results]
        if operation.name in ELEMENTWISE:
            return [_spread(one, of.shape) for one, of in zip(results, operation.types, strict=True)]
        for one, of in zip(results, operation.types, strict=True):
            if tuple(one.shape) != of.shape:
                raise PortError(f"{self.where(operation)} gave {tuple(one.shape)} for {of.shape}: please report this")
        return results

    def _constant(self, function: Rule, operation: Operation, given: list[Any]) -> list[Any] | None:
        """What an operation gives of constants, if that is small or one number for all elements."""
        one = operation.types[0]
        splat = operation.name in ELEMENTWISE and all(is_splat(x) for x in given)
        if not splat and sum(prod(of.shape) for of in operation.types) > _MOST and operation.name not in _VIEWS:
            return None
        with jax.ensure_compile_time_eval():
            if splat:
                made = np.asarray(function(self, operation, *(_scalar(x) for x in given)))
                return [np.broadcast_to(made, one.shape)]
            results = function(self, operation, *given)
        results = list(results) if isinstance(results, list | tuple) else [results]
        return [x if isinstance(x, np.ndarray) else np.asarray(x) for x in results]

    def where(self, operation: Operation) -> str:
        """An operation in an error's words."""
        kind = self.operations.get(operation.place)
        what = operation.attributes.get("call_target_name", operation.name)
        return f"{scope_of(operation.place, whole=True) or 'somewhere'}: {what}" + (f" (of {kind})" if kind else "")

    def dtype(self, of: Type) -> np.dtype[Any]:
        """What JAX has for a type's dtype now."""
        return computed_in(numpy_dtype(of.dtype))


# Rules that take a value that is written row by row as it is, and pass on whatever they are given.
_BY_ROWS = {"dynamic_slice", "dynamic_update_slice", "while", "func.call", "case", "if"}
# Rules that give a view of a constant.
_VIEWS = {"broadcast_in_dim", "reshape", "constant"}
# Calls that are no part of a name.
_CALLS = ("StatefulPartitionedCall", "PartitionedCall", "__inference", "Identity", "XLA_Retvals")


def scope_of(place: str, *, whole: bool = False) -> str:
    """The modules around a place, joined by dots; with ``whole`` the place itself, too."""
    parts = [part for part in place.split("/") if part and not part.startswith(_CALLS)]
    return ".".join(part.replace(".", "_").replace(")", "") for part in (parts if whole else parts[:-1]))


def computed_in(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype that JAX computes in where a module has this one."""
    if dtype in (np.float32, np.float64):
        return np.dtype(np.float64 if jax.config.jax_enable_x64 else np.float32)
    return np.dtype(jax.dtypes.canonicalize_dtype(dtype))


def is_splat(x: Any) -> bool:
    """Whether an array is known to be one number for all elements."""
    return isinstance(x, np.ndarray) and (x.size == 1 or not any(x.strides))


def _scalar(x: Any) -> Any:
    return np.asarray(x.reshape(-1)[0]) if x.size else x


def _small(x: Any) -> Any:
    """An operand of an operation of single elements: without the repetitions along axes, which JAX makes itself."""
    if isinstance(x, Spread):
        return x.small
    if not isinstance(x, np.ndarray) or not x.ndim:
        return x
    if is_splat(x):
        return _scalar(x)
    return x[tuple(slice(0, 1) if not stride else slice(None) for stride in x.strides)]


def _spread(x: Any, shape: tuple[int, ...]) -> Any:
    """A result of small operands."""
    if tuple(x.shape) == shape:
        return x
    return Spread(lax.reshape(x, (1,) * len(shape)) if not x.ndim else x, shape)


def whole(x: Any) -> Any:
    """A value as JAX takes it."""
    if isinstance(x, Spread | Rows):
        return x.whole()
    return jax.numpy.asarray(x) if isinstance(x, np.ndarray) else x
