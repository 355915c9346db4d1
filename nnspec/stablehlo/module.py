"""A StableHLO module as plain data: functions of blocks of operations, attributes as Python's numbers and arrays."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np

from nnspec.errors import SpecError

# What is nested deeper than programs are is refused before Python's stack ends.
DEEPEST = 60
FLOATS = ("f64", "f32", "bf16", "f16")


@dataclass(frozen=True)
class Type:
    """The type of a value: its shape, and the dtype as StableHLO names it (``f32``, ``i1``, ``ui8``)."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def is_float(self) -> bool:
        """Whether it is of real numbers."""
        return self.dtype in FLOATS

    def __str__(self) -> str:
        return f"tensor<{''.join(f'{size}x' for size in self.shape)}{self.dtype}>"


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation.

    Attributes:
        name: without the dialect where that is StableHLO: ``add``, ``func.call``.
        operands: the numbers of the values it takes.
        results: those of the values it gives.
        types: of the results.
        attributes: by name.
        blocks: what is within: a reduction's body, a loop's condition and body.
        place: what it comes from in the framework's own words; "" where that is not known.
        written: the attributes as text, where it was read from one.
    """

    name: str
    operands: tuple[int, ...]
    results: tuple[int, ...]
    types: tuple[Type, ...]
    attributes: Mapping[str, Any]
    blocks: tuple[Block, ...]
    place: str
    written: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Block:
    """Operations in order, from arguments to what is returned."""

    arguments: tuple[int, ...]
    types: tuple[Type, ...]
    operations: tuple[Operation, ...]
    returned: tuple[int, ...]

    def walk(self) -> Iterator[Operation]:
        """All operations, those within others too."""
        for operation in self.operations:
            yield operation
            for block in operation.blocks:
                yield from block.walk()


@dataclass(frozen=True)
class Module:
    """A module: its functions by name, of which ``main`` is the one that is run."""

    functions: Mapping[str, Block] = field(default_factory=dict)

    @property
    def main(self) -> Block:
        return self.functions["main"]


def values(block: Block) -> dict[int, Type]:
    """The types of a block's own values, by number."""
    found = dict(zip(block.arguments, block.types, strict=True))
    for operation in block.operations:
        found.update(zip(operation.results, operation.types, strict=True))
    return found


def numpy_dtype(name: str) -> np.dtype[Any]:
    """StableHLO's name of a dtype as NumPy's; ``i1`` is bool.

    Raises:
        SpecError: NumPy has none, quantized numbers and floats of 8 bits among them.
    """
    known = {
        "i1": "bool",
        "index": "int64",
        "bf16": ml_dtypes.bfloat16,
        "f16": "float16",
        "f32": "float32",
        "f64": "float64",
        "complex<f32>": "complex64",
        "complex<f64>": "complex128",
    }
    if name in known:
        found: np.dtype[Any] = np.dtype(known[name])
        return found
    match = re.fullmatch(r"(u?)i(8|16|32|64)", name)
    if match is None:
        raise SpecError(
            f"numbers of the type {name} are not known here: floats of 16 bits and more, integers, booleans"
        )
    whole: np.dtype[Any] = np.dtype(f"{'u' if match[1] else ''}int{match[2]}")
    return whole


def computed_dtype(name: str, dtype: Any) -> np.dtype[Any]:
    """The dtype that values of a type have where floats are computed in ``dtype``, which is float32 or float64.

    Complex numbers have two such parts; integers and booleans are what they are.
    """
    wide = np.dtype(dtype) == np.float64
    if name in FLOATS:
        return np.dtype(np.float64 if wide else np.float32)
    if name.startswith("complex"):
        return np.dtype(np.complex128 if wide else np.complex64)
    return numpy_dtype(name)
