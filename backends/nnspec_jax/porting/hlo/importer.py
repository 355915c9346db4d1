"""Reads programs: functions of other frameworks that are compiled to StableHLO."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nnspec.backends import Array
from nnspec.errors import FileError, PortError
from nnspec.porting.formats import Reading
from nnspec.porting.port import Port


class ProgramImporter:
    """The importer that others hand a :class:`nnspec.porting.functions.Program` to."""

    name: ClassVar[str] = "stablehlo"

    def reads(self, path: Path) -> bool:
        """No file is a program by itself."""
        return False

    def knows(self, model: Any) -> bool:
        return False

    def from_file(self, path: Path, how: Reading) -> Port:
        raise FileError(f"{path} is no program that is read")

    def from_object(self, model: Any, how: Reading) -> Port:
        """A program as a port, compared with what its own framework computes.

        One with an operation that has no counterpart is kept as it is, as an opaque node.

        Raises:
            PortError: an operation that has no counterpart, named by its place, and that a node cannot have either.
        """
        from nnspec_jax.porting import conversions
        from nnspec_jax.porting.hlo.original import ProgramOriginal
        from nnspec_jax.porting.hlo.subject import ProgramSubject
        from nnspec_jax.porting.importer import inference_from
        from nnspec_jax.porting.opaque import opaque
        from nnspec_jax.porting.programs import of_program

        conversions.load()
        original = ProgramOriginal(model)
        called = original.calling()
        try:
            imported = inference_from(original, called)
        except PortError as error:
            return opaque(lambda: of_program(model), error)
        assembled = imported.assembled
        subject = ProgramSubject(model, original, called, imported)
        names = dict(zip(model.outputs, imported.outputs, strict=True))
        notes = (*imported.notes, *_renamed(names))
        wide = any(np.asarray(one.array).dtype == np.float64 for one in model.variables)
        variables = {name: x if wide else _single(x) for name, x in assembled.variables.items()}
        return Port(assembled.model, variables, assembled.origin, subject, notes=notes)


def _single(array: Array) -> Array:
    """A constant, which was traced in float64, in float32 where that holds it: a port is in its variables' dtype."""
    if array.dtype != np.float64:
        return array
    with np.errstate(over="ignore"):
        narrow = array.astype(np.float32)
    return narrow if np.array_equal(narrow.astype(np.float64), array, equal_nan=True) else array


def _renamed(names: dict[str, str]) -> list[str]:
    """What outputs are called in the graph, where that is another name."""
    changed = [f"{own} is {path}" for own, path in names.items() if own != path]
    return [f"Outputs are named after their nodes: {', '.join(changed)}."] if changed else []
