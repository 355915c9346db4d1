"""Writes modules in MLIR's generic form, with floats of one width where a program is to be computed in that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from nnspec.stablehlo.module import FLOATS, Block, Module, Operation, Type, numpy_dtype, values


def written(module: Module, floats: str | None = None) -> str:
    """A module as text.

    Args:
        module: one that was read from text.
        floats: ``f32`` or ``f64``: all floats in this type, constants with the value that they have; the bits of floats
            stay those of the type that the program asks for them in. None leaves types as they are.
    """
    writer = _Writer(floats)
    lines = ['"builtin.module"() ({']
    for name, block in module.functions.items():
        lines += writer.function(name, block)
    return "\n".join([*lines, "}) : () -> ()", ""])


class _Writer:
    def __init__(self, floats: str | None) -> None:
        self._floats = floats
        self._types: dict[int, Type] = {}
        self._names: dict[int, str] = {}
        self._count = 0

    def function(self, name: str, block: Block) -> list[str]:
        self._types, self._names, self._count = {}, {}, 0
        body = self._block(block, "func.return", "  ", "    ")
        returned = self._listed(self._types[i] for i in block.returned)
        of = f"({', '.join(map(self._type, block.types))}) -> ({returned})"
        hidden = "" if name == "main" else ', sym_visibility = "private"'
        head = f'  "func.func"() <{{function_type = {of}, sym_name = "{name}"{hidden}}}> ({{'
        return [head, *body, "  }) : () -> ()"]

    def _block(self, block: Block, ending: str, outer: str, inner: str) -> list[str]:
        self._types.update(values(block))
        lines = []
        if block.arguments:
            given = (f"{self._new(i)}: {self._type(of)}" for i, of in zip(block.arguments, block.types, strict=True))
            lines.append(f"{outer}^bb0({', '.join(given)}):")
        for operation in block.operations:
            lines += self._operation(operation, inner)
        types = self._listed(self._types[i] for i in block.returned)
        return [*lines, f'{inner}"{ending}"({self._values(block.returned)}) : ({types}) -> ()']

    def _operation(self, operation: Operation, indent: str) -> list[str]:
        if operation.name == "bitcast_convert" and self._floats:
            return self._bits(operation, indent)
        head = f"{indent}{self._results(operation)}{self._head(operation)}"
        blocks: list[str] = []
        for block in operation.blocks:
            inner = self._block(block, "stablehlo.return", indent, indent + "  ")
            blocks += [", {" if blocks else " ({", *inner, f"{indent}}}"]
        made = self._listed(operation.types)
        made = made if len(operation.types) == 1 else f"({made})"
        tail = f" : ({self._listed(self._types[i] for i in operation.operands)}) -> {made}"
        if not blocks:
            return [head + tail]
        return _joined([head, *blocks, ")" + tail])

    def _head(self, operation: Operation) -> str:
        name = operation.name if "." in operation.name else f"stablehlo.{operation.name}"
        # What other dialects hang on an operation says nothing of what it computes, but of calls.
        own = operation.name == "custom_call"
        given = {key: value for key, value in operation.written.items() if own or "." not in key}
        if operation.name == "constant":
            given["value"] = self._constant(operation.attributes["value"], operation.types[0])
        attributes = f" <{{{', '.join(f'{key} = {value}' for key, value in given.items())}}}>" if given else ""
        return f'"{name}"({self._values(operation.operands)}){attributes}'

    def _bits(self, operation: Operation, indent: str) -> list[str]:
        """The bits of a float in the type that it has in the program."""
        (operand,), (result,) = operation.operands, operation.results
        before, after = self._types[operand], operation.types[0]
        source, name, lines = self._names[operand], self._new(result), []
        if before.dtype in FLOATS:
            lines.append(f'{indent}%from{result} = "stablehlo.convert"({source}) : ({self._type(before)}) -> {before}')
            source = f"%from{result}"
        made = f"%to{result}" if after.dtype in FLOATS else name
        lines.append(f'{indent}{made} = "stablehlo.bitcast_convert"({source}) : ({before}) -> {after}')
        if after.dtype in FLOATS:
            lines.append(f'{indent}{name} = "stablehlo.convert"({made}) : ({after}) -> {self._type(after)}')
        return lines

    def _results(self, operation: Operation) -> str:
        names = [self._new(i) for i in operation.results]
        return f"{', '.join(names)} = " if names else ""

    def _new(self, i: int) -> str:
        self._names[i] = f"%{self._count}"
        self._count += 1
        return self._names[i]

    def _values(self, numbers: Iterable[int]) -> str:
        return ", ".join(self._names[i] for i in numbers)

    def _listed(self, types: Iterable[Type]) -> str:
        return ", ".join(map(self._type, types))

    def _type(self, of: Type) -> str:
        return str(Type(of.shape, self._dtype(of.dtype)))

    def _dtype(self, dtype: str) -> str:
        if self._floats and dtype in FLOATS:
            return self._floats
        return f"complex<{self._floats}>" if self._floats and dtype.startswith("complex") else dtype

    def _constant(self, array: Any, of: Type) -> str:
        dtype = self._dtype(of.dtype)
        return f"dense<{_elements(array, dtype)}> : {Type(of.shape, dtype)}"


def _joined(lines: list[str]) -> list[str]:
    """Lines of regions behind each other as MLIR has them: ``}, {`` and ``}) : …`` on one line."""
    made = lines[:1]
    for line in lines[1:]:
        if line.startswith((" (", ", {", ")")):
            made[-1] += line
        else:
            made.append(line)
    return made


# As many numbers are written one by one; of more the bytes.
_FEW = 8


def _elements(array: Any, dtype: str) -> str:
    one = numpy_dtype(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        cast = np.asarray(array).astype(one)
    if cast.ndim == 0 or (cast.size and not any(np.asarray(array).strides)):
        return _element(cast.reshape(-1)[0], dtype)
    if cast.size == 0:
        return ""
    if cast.size > _FEW and one.kind != "b":
        return f'"0x{np.ascontiguousarray(cast).tobytes().hex().upper()}"'
    rows = cast.tolist() if one.kind in "biu" else None
    if rows is not None:
        return str(rows).replace("True", "true").replace("False", "false")
    return _nested([_element(x, dtype) for x in cast.reshape(-1)], cast.shape)


def _nested(words: list[str], shape: tuple[int, ...]) -> str:
    for size in reversed(shape):
        words = [f"[{', '.join(words[i : i + size])}]" for i in range(0, len(words), size)]
    return words[0]


def _element(x: Any, dtype: str) -> str:
    if dtype.startswith("complex"):
        part = dtype.removeprefix("complex<").removesuffix(">")
        return f"({_element(x.real, part)},{_element(x.imag, part)})"
    if dtype in FLOATS:
        bits = np.asarray(x)
        return (
            f"0x{int(bits.view(f'uint{bits.itemsize * 8}')):0{bits.itemsize * 2}X}"
            if not np.isfinite(x)
            else _decimal(x)
        )
    return str(x.item()).lower()


def _decimal(x: Any) -> str:
    """Digits that give the number again, in the form that MLIR reads: with a point."""
    text = repr(float(x))
    mantissa, mark, exponent = text.partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}{mark}{exponent}"
