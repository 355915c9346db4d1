"""A compiled program as a model that is traced: its variables and its inputs as JAX's arrays."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from nnspec.errors import PortError
from nnspec.porting.functions import Program
from nnspec.stablehlo.module import Module
from nnspec_jax.porting.hlo import rules  # noqa: F401 - the rules a run knows
from nnspec_jax.porting.hlo.evaluate import Run, computed_in
from nnspec_jax.porting.hlo.graph import ProgramGraph
from nnspec_jax.porting.hlo.module import numpy_dtype, parsed
from nnspec_jax.porting.original import Arguments, Calling, Leaf


class ProgramOriginal:
    """A program taken apart, as :class:`nnspec_jax.porting.original.Original` says; it is one of inference.

    Attributes:
        graph: what makes a graph of it.
    """

    graph = ProgramGraph

    def __init__(self, program: Program) -> None:
        self.program = program
        self.module: Any = None
        self.name = program.name
        self.method = "inference"
        kinds = {True: "parameter", False: "statistic"}
        self.leaves = [
            Leaf("/".join(one.path), one.array, kinds[one.trainable] if _is_float(one.array) else "constant")  # type: ignore[arg-type]
            for one in program.variables
        ]
        self._modules: dict[Any, Module] = {}

    def signature(self) -> inspect.Signature:
        kind = inspect.Parameter.KEYWORD_ONLY
        return inspect.Signature([inspect.Parameter(name, kind) for name in self.program.inputs])

    def calling(self) -> Calling:
        """How it is called."""
        inputs = {name: np.asarray(x) for name, x in self.program.inputs.items()}
        scalars = [name for name, x in inputs.items() if x.ndim == 0]
        if scalars:
            raise PortError(f"{self.name}: the input {scalars[0]!r} is one number; inputs have the batch first")
        return Calling(inputs, {}, {})

    def call(self, arrays: Sequence[Any], arguments: Arguments, *, training: bool) -> tuple[Any, list[Any]]:
        given = arguments[1]
        module = self._module({name: tuple(x.shape) for name, x in given.items()})
        operands = [*given.values(), *arrays]
        types = module.main.types
        if len(types) != len(operands):
            raise PortError(
                f"{self.name} was compiled to a function of {len(types)} arguments, and has {len(given)} inputs and "
                f"{len(arrays)} variables"
            )
        for i, (x, of) in enumerate(zip(operands, types, strict=True)):
            if tuple(x.shape) != of.shape:
                names = [*given, *(leaf.path for leaf in self.leaves)]
                raise PortError(f"{self.name} was compiled for {names[i]} of {of.shape}, which has {tuple(x.shape)}")
        ready = [
            jax.lax.convert_element_type(x, computed_in(numpy_dtype(of.dtype)))
            for x, of in zip(operands, types, strict=True)
        ]
        return Run(module, self.program.operations).main(*ready), list(arrays)

    def marking(self) -> Any:
        return contextlib.nullcontext()

    def _module(self, sizes: dict[str, tuple[int, ...]]) -> Module:
        key = tuple(sizes.items())
        if key not in self._modules:
            self._modules[key] = parsed(self.program.lower(sizes))
        return self._modules[key]


def _is_float(array: Any) -> bool:
    return np.dtype(array.dtype).kind == "f" or array.dtype.name == "bfloat16"
