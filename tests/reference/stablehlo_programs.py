"""StableHLO programs for tests: of one operation, of what JAX traces, and as XLA runs them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnspec.reference.stablehlo import run
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


def line(name: str, given: Sequence[tuple[str, str]], result: tuple[str, str], attributes: str = "") -> str:
    """An operation on values, each with its type, by the names that they have."""
    operands, types = ", ".join(value for value, _ in given), _listed([of for _, of in given])
    inside = f" <{{{attributes}}}>" if attributes else ""
    return f'{result[0]} = "stablehlo.{name}"({operands}){inside} : ({types}) -> {written_type(result[1])}'


def several(lines: Sequence[tuple[str, Sequence[int], str, str]], given: Sequence[str]) -> str:
    """A program of operations on main's arguments, each (name, which arguments, type of the result, attributes)."""
    text = [
        line(name, [(f"%a{i}", given[i]) for i in which], (f"%r{k}", of), attributes)
        for k, (name, which, of, attributes) in enumerate(lines)
    ]
    results = [of for _, _, of, _ in lines]
    values = ", ".join(f"%r{k}" for k in range(len(lines)))
    text.append(f'"func.return"({values}) : ({_listed(results)}) -> ()')
    return main("\n".join(text), given, results)


def main(text: str, given: Sequence[str], results: Sequence[str], others: str = "") -> str:
    """A program whose main has these operations; its arguments are ``%a0`` and so on."""
    head = f"^bb0({', '.join(f'%a{i}: {written_type(of)}' for i, of in enumerate(given))}):\n" if given else ""
    return (
        '"builtin.module"() ({\n'
        f'"func.func"() <{{function_type = ({_listed(given)}) -> ({_listed(results)}), sym_name = "main"}}> ({{\n'
        f"{head}{text}\n}}) : () -> ()\n{others}}}) : () -> ()\n"
    )


def constant(of: str, value: str) -> str:
    """A program that gives one constant."""
    return main(f'%c = "stablehlo.constant"() <{{value = dense<{value}> : tensor<{of}>}}> : () -> tensor<{of}>\n'
                f'"func.return"(%c) : (tensor<{of}>) -> ()', [], [of])  # fmt: skip


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


def agrees(text: str, *arguments: Any, tolerance: float = 1e-11, names: Sequence[str] = ()) -> None:
    """Hold the reference in float64 against XLA: integers and booleans are equal, floats as near as this."""
    expected, found = by_xla(text, *arguments), run(parsed(text), arguments)
    for k, (one_expected, one_found) in enumerate(zip(expected, found, strict=True)):
        close = tolerance if one_found.dtype.kind in "fc" else 0
        np.testing.assert_allclose(one_found, one_expected, close, close, err_msg=names[k] if names else f"result {k}")
        if one_found.dtype.kind == "f":  # which zero it is, too
            zero = one_expected == 0
            np.testing.assert_array_equal(np.signbit(one_found[zero]), np.signbit(one_expected[zero]))


def traced(function: Any, *arguments: Any) -> str:
    """A function of JAX as a program in MLIR's generic form, in the types of the arguments."""
    import jax

    with jax.enable_x64(True):
        return generic(jax.export.export(jax.jit(function, keep_unused=True))(*arguments).mlir_module())


@functools.cache
def generic(text: str) -> str:
    """Any text of a module in generic form."""
    from jax.interpreters import mlir
    from jaxlib.mlir import ir

    with mlir.make_ir_context() as context:
        found = ir.Module.parse(text, context).operation.get_asm(print_generic_op_form=True, enable_debug_info=False)
    return str(found)
