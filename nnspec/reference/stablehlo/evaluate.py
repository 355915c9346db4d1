"""Runs a program: each operation by the rule of its name, blocks and functions by their operations in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nnspec.errors import SpecError
from nnspec.reference.base import Array
from nnspec.stablehlo.module import Block, Module, Operation, Type, computed_dtype, values
from nnspec.stablehlo.operations import ELEMENTWISE

_MISSING = object()


@dataclass(frozen=True)
class Call:
    """What a rule is given beside the values of its operands.

    Attributes:
        operation: the one to compute.
        given: the types of its operands.
        runner: runs the operation's blocks, and the functions that it calls.
        over: the shape of what its operands are lifted over: an operation on scalars is then computed for all elements
            of arrays of this shape at once. Only elementwise operations are.
    """

    operation: Operation
    given: tuple[Type, ...]
    runner: Runner
    over: tuple[int, ...] = ()

    @property
    def result(self) -> Type:
        """The type of the first result."""
        return self.operation.types[0]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype that the first result is computed in."""
        return self.computed(self.result)

    @property
    def blocks(self) -> tuple[Block, ...]:
        return self.operation.blocks

    def computed(self, of: Type) -> np.dtype[Any]:
        """The dtype that values of a type are computed in."""
        return computed_dtype(of.dtype, self.runner.dtype)

    def attribute(self, name: str, default: Any = _MISSING) -> Any:
        """An attribute's value.

        Raises:
            SpecError: it is not there, and there is no default.
        """
        found = self.operation.attributes.get(name, default)
        if found is _MISSING:
            raise SpecError(f"the attribute {name} is missing")
        return found

    def number(self, name: str, default: int | None = None) -> int:
        """A whole number."""
        found = self.attribute(name, _MISSING if default is None else default)
        if isinstance(found, bool) or not isinstance(found, int):
            raise SpecError(f"{name} is {found!r}: expected a whole number")
        return found

    def numbers(self, name: str, count: int | None = None, default: int | None = None) -> tuple[int, ...]:
        """Whole numbers, as many as ``count`` says; so many times the default where the attribute is not there."""
        found = self.attribute(name, _MISSING if default is None else (default,) * (count or 0))
        array = np.asarray(found)
        if array.dtype.kind not in "iub" and array.size:
            raise SpecError(f"{name} is {found!r}: expected whole numbers")
        if count is not None and array.size != count:
            raise SpecError(f"{name} has {array.size} numbers: expected {count}")
        return tuple(int(one) for one in array.ravel())

    def axes(self, name: str, rank: int) -> tuple[int, ...]:
        """Axes of an array with so many, none of them twice."""
        return checked_axes(name, self.numbers(name), rank)

    def pairs(self, name: str, count: int) -> tuple[tuple[int, int], ...]:
        """Two numbers for each axis: what is before and what is behind; zeros where the attribute is not there."""
        flat = self.numbers(name, 2 * count, 0)
        return tuple(zip(flat[::2], flat[1::2], strict=True))


def checked_axes(name: str, axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """The axes themselves.

    Raises:
        SpecError: one that an array of this rank does not have, or one that stands twice.
    """
    if len(set(axes)) != len(axes) or any(not 0 <= axis < rank for axis in axes):
        raise SpecError(f"{name} is {list(axes)}: expected axes of an array that has {rank}, each once")
    return tuple(axes)


# What a rule gives: the value of the one result, or those of several.
Rule = Callable[..., "Array | Sequence[Array]"]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Registers a function of a call and the operands' values as the meaning of operations."""

    def register(function: Rule) -> Rule:
        for name in names:
            RULES[name] = function
        return function

    return register


def run(module: Module, arguments: Sequence[Array], dtype: DTypeLike = np.float64) -> list[Array]:
    """The results of a program's function ``main``.

    Args:
        arguments: one for each of main's, of its shape; floats of any width are taken in ``dtype``.
        dtype: what floats are computed in, float32 or float64.

    Raises:
        SpecError: an operation cannot be computed, or gives something else than the program declares.
    """
    runner = Runner(module, np.dtype(dtype))
    with np.errstate(all="ignore"):
        given = [
            np.asarray(x).astype(computed_dtype(of.dtype, runner.dtype), copy=False)
            for x, of in zip(arguments, module.main.types, strict=False)
        ]
        return runner.function("main", [*given, *arguments[len(given) :]])


class Runner:
    """One run of a program: the values that it has so far, by number."""

    def __init__(self, module: Module, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self._module = module
        self._types: dict[int, Type] = {}
        for block in module.functions.values():
            self._declare(block)
        self._values: dict[int, Array] = {}

    def _declare(self, block: Block) -> None:
        self._types.update(values(block))
        for operation in block.operations:
            for inner in operation.blocks:
                self._declare(inner)

    def function(self, name: str, arguments: Sequence[Array]) -> list[Array]:
        """The results of one of the module's functions."""
        if name not in self._module.functions:
            raise SpecError(f"the program has no function {name}")
        return self.block(self._module.functions[name], arguments)

    def block(self, block: Block, arguments: Sequence[Array] = ()) -> list[Array]:
        """What a block returns for these arguments."""
        if len(arguments) != len(block.arguments):
            raise SpecError(f"a block of {len(block.arguments)} arguments is given {len(arguments)}")
        for of, value in zip(block.types, arguments, strict=True):
            if np.shape(value) != of.shape:
                raise SpecError(f"an argument of the type {of} is given an array of the shape {np.shape(value)}")
            if np.asarray(value).dtype != computed_dtype(of.dtype, self.dtype):
                raise SpecError(f"an argument of the type {of} is given numbers of the type {np.asarray(value).dtype}")
        return self._run(block, arguments, ())

    def each(self, block: Block, arguments: Sequence[Array]) -> list[Array]:
        """What a block of scalars returns for each element of arrays, which are all of one shape."""
        shape = arguments[0].shape
        if any(of.shape for of in block.types):
            raise SpecError(f"expected a body of scalars, got one of {', '.join(map(str, block.types))}")
        if all(operation.name in ELEMENTWISE | {"constant"} for operation in block.operations):
            return [np.broadcast_to(value, shape) for value in self._run(block, arguments, shape)]
        results = [np.empty(shape, computed_dtype(self._types[i].dtype, self.dtype)) for i in block.returned]
        for at in np.ndindex(shape):
            for result, value in zip(results, self._run(block, [x[at] for x in arguments], ()), strict=True):
                result[at] = value
        return results

    def _run(self, block: Block, arguments: Sequence[Array], over: tuple[int, ...]) -> list[Array]:
        for i, of, value in zip(block.arguments, block.types, arguments, strict=True):
            self._values[i] = np.asarray(value).astype(computed_dtype(of.dtype, self.dtype), copy=False)
        for operation in block.operations:
            self._values.update(zip(operation.results, self._results(operation, over), strict=True))
        return [self._values[i] for i in block.returned]

    def _results(self, operation: Operation, over: tuple[int, ...]) -> list[Array]:
        given = tuple(self._types[i] for i in operation.operands)
        meaning = RULES.get(operation.name)
        if meaning is None:
            raise SpecError(f"{operation.name}: the reference does not have this operation")
        try:
            found = meaning(Call(operation, given, self, over), *(self._values[i] for i in operation.operands))
            results = [np.asarray(one) for one in ([found] if isinstance(found, np.ndarray | np.generic) else found)]
            self._check(operation.types, results, over)
        except SpecError as error:
            raise SpecError(f"{operation.name}: {error.reason}", error.path) from None
        except (ArithmeticError, LookupError, ValueError, TypeError, AttributeError, MemoryError) as error:
            types = ", ".join(map(str, given))
            raise SpecError(f"{operation.name} of ({types}) cannot be computed: {error}") from error
        return results

    def _check(self, types: Sequence[Type], results: Sequence[Array], over: tuple[int, ...]) -> None:
        if len(results) != len(types):
            raise SpecError(f"{len(results)} results, {len(types)} are declared")
        for of, value in zip(types, results, strict=True):
            # Within a body that is run for all elements at once, what depends on none of them is one number.
            if value.shape != of.shape and not (over and value.shape == over and not of.shape):
                raise SpecError(f"the result has the shape {value.shape}, {of} is declared")
            if value.dtype != computed_dtype(of.dtype, self.dtype):
                raise SpecError(f"the result is of the type {value.dtype}, {of} is declared")
