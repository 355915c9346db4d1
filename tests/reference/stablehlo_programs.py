"""StableHLO programs for tests: of one operation, of what JAX traces, and as XLA runs them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnspec.stablehlo.attributes import type_of
from nnspec.stablehlo.module import numpy_dtype
from nnspec.stablehlo.parser import parsed


def written_type(short: str) -> str:
    """``2x3xf32`` as MLIR has it."""
    return f"tensor<{short}>"


def body(operation: str, of: str, attributes: str = "", result: str = "") -> str:
    """A region of one operation on two numbers."""
    type_, after = written_type(of), written_type(result or of)
    given = f" <{{{attributes}}}>" if attributes else ""
    return (
        f"^bb0(%x: {type_}, %y: {type_}):\n"
        f'%z = "stablehlo.{operation}"(%x, %y){given} : ({type_}, {type_}) -> {after}\n'
        f'"stablehlo.return"(%z) : ({after}) -> ()'
    )


def one(
    name: str, given: Sequence[str], results: Sequence[str] | str, attributes: str = "", regions: Sequence[str] = ()
) -> str:
    """A program of one operation: main's arguments are its operands."""
    after = [results] if isinstance(results, str) else list(results)
    operands = ", ".join(f"%a{i}" for i in range(len(given)))
    inside = f" <{{{attributes}}}>" if attributes else ""
    within = " ({\n" + "\n}, {\n".join(regions) + "\n})" if regions else ""
    full = name if "." in name else f"stablehlo.{name}"
    text = (
        f'%r:{len(after)} = "{full}"({operands}){inside}{within} : ({_listed(given)}) -> ({_listed(after)})\n'
        f'"func.return"({", ".join(f"%r#{i}" for i in range(len(after)))}) : ({_listed(after)}) -> ()'
    )
    return main(text, given, after)


def main(text: str, given: Sequence[str], results: Sequence[str], others: str = "") -> str:
    """A program whose main has these operations; its arguments are ``%a0`` and so on."""
    head = f"^bb0({', '.join(f'%a{i}: {written_type(of)}' for i, of in enumerate(given))}):\n" if given else ""
    return (
        '"builtin.module"() ({\n'
        f'"func.func"() <{{function_type = ({_listed(given)}) -> ({_listed(results)}), sym_name = "main"}}> ({{\n'
        f"{head}{text}\n}}) : () -> ()\n{others}}}) : () -> ()\n"
    )


def _listed(types: Sequence[str]) -> str:
    return ", ".join(map(written_type, types))


def array(of: str, value: Any) -> np.ndarray[Any, Any]:
    """Numbers in the dtype that a type has; integers beyond its range are bits, of floats, too, where they are text."""
    kind = type_of(written_type(of))
    dtype = numpy_dtype(kind.dtype)
    if isinstance(value, str):
        bits = [int(word, 16) for word in value.split()]
        return np.array(bits, f"uint{dtype.itemsize * 8}").view(dtype).reshape(kind.shape)
    return np.broadcast_to(np.array(value).astype(dtype), kind.shape)


def by_xla(text: str, *arguments: Any) -> list[np.ndarray[Any, Any]]:
    """What XLA computes of a program in the types that it has, in place of one that is exported with its signature."""
    import jax
    from jax.interpreters import mlir
    from jaxlib.mlir import ir
    from jaxlib.mlir.dialects import stablehlo

    block = parsed(text).main
    types = {i: of for operation in block.operations for i, of in zip(operation.results, operation.types, strict=True)}
    types |= dict(zip(block.arguments, block.types, strict=True))

    def stand_in(*_: Any) -> Any:
        return tuple(jax.numpy.zeros(types[i].shape, numpy_dtype(types[i].dtype)) for i in block.returned)

    with jax.enable_x64(True):
        exported = jax.export.export(jax.jit(stand_in, keep_unused=True))(*arguments)
        with mlir.make_ir_context() as context:
            module = ir.Module.parse(text, context)
            version = stablehlo.get_minimum_version()
            artifact = stablehlo.serialize_portable_artifact(module, stablehlo.get_current_version() or version)
        program = dataclasses.replace(exported, mlir_module_serialized=artifact)
        return [np.asarray(y) for y in program.call(*arguments)]


def traced(function: Any, *arguments: Any) -> str:
    """A function of JAX as a program in MLIR's generic form, in the types of the arguments."""
    import jax

    with jax.enable_x64(True):
        return generic(jax.export.export(jax.jit(function, keep_unused=True))(*arguments).mlir_module())


def generic(text: str) -> str:
    """Any text of a module in generic form."""
    from jax.interpreters import mlir
    from jaxlib.mlir import ir

    with mlir.make_ir_context() as context:
        found = ir.Module.parse(text, context).operation.get_asm(print_generic_op_form=True, enable_debug_info=False)
    return str(found)
