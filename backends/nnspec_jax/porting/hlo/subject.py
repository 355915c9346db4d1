"""A compiled program that verification asks under nnspec's names."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from nnspec.backends import Array, Arrays, FloatType, Gradients
from nnspec.porting.functions import Program
from nnspec_jax.porting.importer import Imported
from nnspec_jax.porting.subject import FlaxSubject, laid_out

# Elements of variables are numbered from here on, which no constant of a program is.
_FIRST = 2.0**40 + 0.5


class ProgramSubject(FlaxSubject):
    """The program's StableHLO, run by JAX in float64 and float32; in float32 outputs are its own framework's."""

    def __init__(self, program: Program, original: Any, calling: Any, imported: Imported) -> None:
        super().__init__(original, calling, imported)
        self._program = program
        self.label = f"{program.label} (its StableHLO on JAX {jax.__version__})"

    def nodes(self, inputs: Arrays, *, dtype: FloatType, training: bool = False) -> dict[str, Array]:
        found = super().nodes(inputs, dtype=dtype, training=training)
        if dtype == "float32":
            names = zip(self._program.inputs, self._imported.assembled.model.inputs, strict=True)
            results = self._program.run({own: np.asarray(inputs[name]) for own, name in names})
            batch = self._batch(inputs)
            for path, layout, value in zip(self._imported.outputs, self._imported.layouts, results, strict=True):
                found[path] = laid_out(np.asarray(value), layout, batch)
        return found

    def gradients(self, inputs: Arrays, cotangents: Arrays, *, dtype: FloatType, training: bool = False) -> Gradients:
        found = super().gradients(inputs, cotangents, dtype=dtype, training=training)
        several = self._several()
        return Gradients(found.inputs, {name: x for name, x in found.parameters.items() if name not in several})

    def _trained(self) -> list[int]:
        # What the framework does not train may still be a layer's kernel here.
        return [i for i, leaf in enumerate(self._original.leaves) if leaf.kind in ("parameter", "statistic")]

    def _several(self) -> set[str]:
        """Variables that are one in the program and several here: each has a part of its gradient."""
        counted, begin = [], 0
        for leaf in self._original.leaves:
            size = int(np.size(leaf.array))
            floats = leaf.kind in ("parameter", "statistic")
            numbers = (_FIRST + np.arange(begin, begin + size)).reshape(np.shape(leaf.array))
            counted.append(numbers if floats else leaf.array)
            begin += size if floats else 0
        seen: dict[int, str] = {}
        several: set[str] = set()
        for name, numbers in self._named(counted).items():
            if numbers.dtype == np.float64 and numbers.size and numbers.reshape(-1)[0] >= _FIRST:
                first = int(numbers.reshape(-1)[0])
                several |= {name, seen[first]} if first in seen else set()
                seen.setdefault(first, name)
        return several
