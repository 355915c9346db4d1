"""Programs of TensorFlow and of JAX as StableHLO: what opaque nodes are made of."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.interpreters import mlir
from jaxlib.mlir import ir

from nnspec.backends import Array, Arrays, FloatType
from nnspec.errors import PortError
from nnspec.porting.functions import Program
from nnspec.stablehlo.parser import parsed
from nnspec_jax.porting.opaque import Source
from nnspec_jax.porting.original import Calling
from nnspec_jax.stablehlo import run_module

# Platforms whose compilers are asked for the program, in this order: some write functions of their own libraries.
_PLATFORMS = ("cpu", "tpu")


def generic(module: str | bytes) -> str:
    """A module in MLIR's generic form.

    Raises:
        PortError: it is none that jaxlib reads.
    """
    with mlir.make_ir_context() as context:
        try:
            read = ir.Module.parse(module, context)
        except Exception as error:
            raise PortError(f"this is no StableHLO that jaxlib reads: {str(error)[:500]}") from error
        made: str = read.operation.get_asm(print_generic_op_form=True, enable_debug_info=False)
        return made


def of_program(program: Program) -> Source:
    """A compiled program of another framework; in float64 its StableHLO is run by JAX."""

    def modules() -> list[str]:
        return [generic(program.lower({name: (1, *np.shape(x)[1:]) for name, x in program.inputs.items()}))]

    def run(inputs: Arrays, dtype: FloatType) -> list[Array]:
        if dtype == "float32":
            return list(map(_as_node, program.run(inputs)))
        text = generic(program.lower({name: np.shape(x) for name, x in inputs.items()}))
        arrays = [*inputs.values(), *(one.array for one in program.variables)]
        return list(map(_as_node, run_module(parsed(text), arrays, dtype)))

    variables = [("/".join(one.path), np.asarray(one.array)) for one in program.variables]
    return Source(program.name, program.label, program.inputs, list(program.outputs), variables, modules, run)


def of_function(original: Any, called: Calling) -> Source:
    """A function of JAX.

    Raises:
        PortError: it draws random numbers, or cannot be called on one example.
    """
    if called.keys or any(leaf.kind == "key" for leaf in original.leaves):
        raise PortError(f"{original.name} takes a key of random numbers")
    floats = [i for i, leaf in enumerate(original.leaves) if leaf.kind == "parameter"]

    def call(*given: Any) -> list[Any]:
        arrays: list[Any] = [leaf.array for leaf in original.leaves]
        for i, x in zip(floats, given[len(called.inputs) :], strict=True):
            arrays[i] = x
        made, _ = original.call(arrays, called.arguments(given[: len(called.inputs)], training=False), training=False)
        return list(map(jnp.asarray, jax.tree.leaves(made)))

    def cast(x: Any, dtype: FloatType) -> Array:
        array = np.asarray(x)
        kind = array.dtype.kind
        return array.astype(
            dtype if kind == "f" else np.int32 if kind in "iu" and array.dtype.itemsize == 8 else array.dtype
        )

    parameters = [(original.leaves[i].path, np.asarray(original.leaves[i].array)) for i in floats]

    def modules() -> list[str]:
        found = []
        with jax.enable_x64(True):
            given = [(1, *np.shape(x)[1:]) for x in called.inputs.values()]
            examples = [cast(x, "float64") for x in (*called.inputs.values(), *(x for _, x in parameters))]
            shapes = [*given, *(np.shape(x) for _, x in parameters)]
            structs = [jax.ShapeDtypeStruct(s, x.dtype) for s, x in zip(shapes, examples, strict=True)]
            for platform in _PLATFORMS:
                made = jax.export.export(jax.jit(call, keep_unused=True), platforms=[platform])(*structs)
                found.append(generic(made.mlir_module()))
        return found

    def run(inputs: Arrays, dtype: FloatType) -> list[Array]:
        with jax.enable_x64(dtype == "float64"):
            given = [cast(x, dtype) for x in (*inputs.values(), *(x for _, x in parameters))]
            return [_as_node(np.asarray(x)) for x in compiled(*given)]

    compiled = jax.jit(call)
    try:
        count = len(run({name: np.asarray(x)[:1] for name, x in called.inputs.items()}, "float32"))
    except Exception as error:
        raise PortError(f"{original.name} cannot be called on one example: {error}") from error
    outputs = ["output"] if count == 1 else [f"output_{i}" for i in range(count)]
    examples = {name: np.asarray(x) for name, x in called.inputs.items()}
    return Source(original.name, f"JAX {jax.__version__}", examples, outputs, parameters, modules, run)


def _as_node(x: Array) -> Array:
    """A result as nodes have them: whole numbers of 32 bits."""
    return x.astype(np.int32) if x.dtype.kind in "iu" else x
