"""Which operations a program may have: those that compute, and mean the same wherever they run."""

from __future__ import annotations

from collections.abc import Container, Iterator

import numpy as np

from nnspec.errors import SpecError
from nnspec.stablehlo.module import DEEPEST, Block, Module, Operation

ELEMENTWISE = frozenset(
    {
        "abs", "add", "and", "atan2", "cbrt", "ceil", "clamp", "compare", "complex", "convert", "cosine",
        "count_leading_zeros", "divide", "exponential", "exponential_minus_one", "floor", "imag",
        "is_finite", "log", "log_plus_one", "logistic", "maximum", "minimum", "multiply", "negate", "not",
        "or", "popcnt", "power", "real", "reduce_precision", "remainder", "round_nearest_afz",
        "round_nearest_even", "rsqrt", "select", "shift_left", "shift_right_arithmetic",
        "shift_right_logical", "sign", "sine", "sqrt", "subtract", "tan", "tanh", "xor",
    }
)  # fmt: skip
OPERATIONS = ELEMENTWISE | frozenset(
    {
        "batch_norm_inference", "bitcast_convert", "broadcast_in_dim", "case", "cholesky", "concatenate",
        "constant", "convolution", "dot", "dot_general", "dynamic_slice", "dynamic_update_slice", "fft",
        "func.call", "gather", "if", "iota", "optimization_barrier", "pad", "reduce", "reduce_window",
        "reshape", "reverse", "scatter", "slice", "sort", "transpose", "triangular_solve", "while",
    }
)  # fmt: skip
# Calls of compilers' own functions that stand for operations which StableHLO lacks.
CALLS = frozenset(
    {
        "mhlo.acos", "mhlo.acosh", "mhlo.asin", "mhlo.asinh", "mhlo.atanh", "mhlo.cosh", "mhlo.erf",
        "mhlo.sinh", "mhlo.tan", "mhlo.topk",
    }
)  # fmt: skip
# What a scatter may do with an element and an update, beside putting the one in the other's place.
SCATTERS = frozenset({"add", "multiply", "minimum", "maximum"})
_WHY = {
    "rng": "it draws random numbers that no seed decides",
    "rng_bit_generator": "its random numbers depend on the device",
    "custom_call": "it calls a function of its compiler's own",
    "infeed": "it reads from outside the program",
    "outfeed": "it writes to what is outside the program",
    "send": "it writes to what is outside the program",
    "recv": "it reads from outside the program",
}


def check(module: Module) -> None:
    """Raise for what a program may not have.

    Raises:
        SpecError: an operation outside the list, a function that calls itself, or one that is not there.
    """
    for name, block in module.functions.items():
        for operation in block.walk():
            _check(operation)
            if operation.name == "func.call" and operation.attributes.get("callee") not in module.functions:
                raise SpecError(f"{name} calls {operation.attributes.get('callee')}, which is not in the program")
    known: dict[str, int] = {}
    for name in module.functions:
        _depth(module, name, (), known)


def _check(operation: Operation) -> None:
    name = operation.name
    if name == "custom_call":
        target = operation.attributes.get("call_target_name")
        if target in CALLS:
            return
        raise SpecError(f"a program has no custom_call of {target!r}: {_WHY[name]}")
    if name not in OPERATIONS:
        why = _WHY.get(name, "only operations that compute, and are the same everywhere, are known")
        raise SpecError(f"a program has no {name}: {why}")
    if name == "constant":
        value = operation.attributes.get("value")
        if not isinstance(value, np.ndarray) or [value.shape] != [of.shape for of in operation.types]:
            raise SpecError(
                f"a constant {', '.join(map(str, operation.types))} does not hold its elements: have it printed in full"
            )
    if name == "scatter":
        bodies = operation.blocks
        puts = len(bodies) == 1 and not bodies[0].operations and bodies[0].returned == bodies[0].arguments[1:]
        adds = len(bodies) == 1 and is_one_of(bodies[0], SCATTERS)
        if len(operation.operands) != 3 or not (puts or adds):
            raise SpecError(
                "a scatter puts its updates in the place of elements, or adds, multiplies, or takes the smaller or "
                "larger: this one has a body of its own"
            )


def is_one_of(body: Block, names: Container[str]) -> bool:
    """Whether a body is one of these operations on both arguments."""
    if len(body.operations) != 1:
        return False
    (only,) = body.operations
    return only.name in names and {*only.operands} == {*body.arguments} and body.returned == only.results


def _depth(module: Module, name: str, around: tuple[str, ...], known: dict[str, int]) -> int:
    """How deep blocks and functions are nested in a function.

    Raises:
        SpecError: it calls itself, or nests deeper than programs do.
    """
    if name in around:
        raise SpecError(f"{name} calls itself: {' → '.join((*around, name))}")
    if name not in known:
        depth = 0
        for level, operation in _levels(module.functions[name], len(around)):
            called = operation.name == "func.call"
            below = _depth(module, operation.attributes["callee"], (*around, name), known) if called else 0
            depth = max(depth, level - len(around) + below)
        if depth > DEEPEST:
            raise SpecError(f"functions and blocks nested more than {DEEPEST} deep are refused, as in {name}")
        known[name] = depth
    return known[name]


def _levels(block: Block, level: int) -> Iterator[tuple[int, Operation]]:
    """All operations of a block, and how deep each is nested."""
    if level > DEEPEST:
        raise SpecError(f"functions and blocks nested more than {DEEPEST} deep are refused")
    for operation in block.operations:
        yield level + 1, operation
        for inner in operation.blocks:
            yield from _levels(inner, level + 1)
