"""StableHLO modules in whichever form jaxlib reads them, with the places that their operations come from."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from jax.interpreters import mlir
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from nnspec.errors import PortError, SpecError
from nnspec.stablehlo.attributes import plain
from nnspec.stablehlo.module import Block, Module, Operation, Type, numpy_dtype as known_dtype

# What is larger than any model is refused before it is read.
LARGEST = 2**31
_NUMBERS = (
    stablehlo.DotDimensionNumbers,
    stablehlo.ConvDimensionNumbers,
    stablehlo.GatherDimensionNumbers,
    stablehlo.ScatterDimensionNumbers,
)


def parsed(text: str | bytes) -> Module:
    """The module that a text or MLIR's bytecode holds.

    Raises:
        PortError: it is none, or one of operations that this reader does not know.
    """
    if len(text) > LARGEST:
        raise PortError(f"a StableHLO module of {len(text) / 1e9:.1f} GB is refused: keep weights out of the graph")
    with mlir.make_ir_context() as context:
        try:
            module = ir.Module.parse(text, context)
        except Exception as error:
            raise PortError(f"this is no StableHLO that jaxlib reads: {str(error)[:500]}") from error
        reader = _Reader()
        functions = {}
        for function in module.body.operations:
            if function.operation.name != "func.func":
                raise PortError(f"a StableHLO module with {function.operation.name} beside functions is not read")
            name = ir.StringAttr(function.operation.attributes["sym_name"]).value
            functions[name] = reader.block(function.operation.regions[0].blocks[0])
    if "main" not in functions:
        raise PortError("a StableHLO module without a function main is not read")
    return Module(functions)


class _Reader:
    """Numbers the values of a module while it is read."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}

    def block(self, block: Any) -> Block:
        arguments = tuple(self._new(value) for value in block.arguments)
        types = tuple(_type(value.type) for value in block.arguments)
        *operations, last = block.operations
        made = tuple(self._operation(operation.operation) for operation in operations)
        return Block(arguments, types, made, tuple(self._numbers[value] for value in last.operation.operands))

    def _new(self, value: Any) -> int:
        return self._numbers.setdefault(value, len(self._numbers))

    def _operation(self, operation: Any) -> Operation:
        operands = tuple(self._numbers[value] for value in operation.operands)
        if any(len(region.blocks) != 1 for region in operation.regions):
            raise PortError(f"{operation.name} with a region of several blocks is not read")
        blocks = tuple(self.block(region.blocks[0]) for region in operation.regions)
        return Operation(
            operation.name.removeprefix("stablehlo."),
            operands,
            tuple(self._new(value) for value in operation.results),
            tuple(_type(value.type) for value in operation.results),
            {name: _plain(operation.attributes[name]) for name in _names(operation)},
            blocks,
            _place(str(operation.location)),
        )


def _names(operation: Any) -> list[str]:
    return [given if isinstance(given, str) else given.name for given in operation.attributes]


def _type(given: Any) -> Type:
    if not isinstance(given, ir.RankedTensorType):
        raise PortError(f"a StableHLO value of the type {given} is not read: nnspec has tensors alone")
    tensor = ir.RankedTensorType(given)
    if not tensor.has_static_shape:
        raise PortError(f"a StableHLO value of the open shape {given} is not read")
    return Type(tuple(tensor.shape), str(tensor.element_type))


def _place(location: str) -> str:
    """The first name in a location: ``loc(fused["dense/MatMul", "…"])`` has ``dense/MatMul``."""
    found = re.search(r'"((?:[^"\\]|\\.)*)"(?!:\d)', location)  # a file has its line behind it
    return found.group(1).rsplit(";", 1)[-1] if found else ""


def _array(attribute: Any) -> Any:
    of = ir.ShapedType(attribute.type)
    dtype = numpy_dtype(str(of.element_type))
    shape = tuple(of.shape)
    elements = ir.DenseElementsAttr(attribute)
    if elements.is_splat:
        one = elements.get_splat_value()
        number = ir.FloatAttr(one).value if isinstance(one, ir.FloatAttr) else ir.IntegerAttr(one).value
        return np.broadcast_to(np.asarray(number).astype(dtype), shape)
    if dtype.kind in "iubf" and dtype.name not in ("float16",):
        return np.array(elements).astype(dtype).reshape(shape)
    return plain(str(attribute))  # jaxlib gives no numbers of half precision


_SCALARS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (ir.BoolAttr, lambda given: bool(given.value)),
    (ir.IntegerAttr, lambda given: int(given.value)),
    (ir.FloatAttr, lambda given: float(given.value)),
    (ir.StringAttr, lambda given: str(given.value)),
    (ir.FlatSymbolRefAttr, lambda given: str(given.value)),
    (ir.DenseI64ArrayAttr, tuple),
    (ir.DenseBoolArrayAttr, tuple),
    (ir.DenseI32ArrayAttr, tuple),
)


def _plain(attribute: Any) -> Any:
    """An attribute as Python has it; one that is of no use here as its text."""
    for kind, as_plain in _SCALARS:
        if isinstance(attribute, kind):
            return as_plain(kind(attribute))
    if isinstance(attribute, ir.DenseElementsAttr):
        return _array(attribute)
    if isinstance(attribute, ir.ArrayAttr):
        return tuple(_plain(one) for one in ir.ArrayAttr(attribute))
    if isinstance(attribute, ir.DictAttr):
        return {named.name: _plain(named.attr) for named in ir.DictAttr(attribute)}
    for cls in _NUMBERS:
        if cls.isinstance(attribute):
            return _fields(cls(attribute))
    text = str(attribute)
    enum = re.fullmatch(r"#(?:stablehlo|chlo)<\w+ (\w+)>", text)
    return enum.group(1) if enum else text


def _fields(attribute: Any) -> dict[str, Any]:
    """Dimension numbers by name."""
    skipped = {"context", "type", "typeid"}
    found = {}
    for name in dir(type(attribute)):
        if name.startswith("_") or name in skipped or callable(getattr(type(attribute), name)):
            continue
        value = getattr(attribute, name)
        found[name] = value if isinstance(value, int) else tuple(value)
    return found


def numpy_dtype(name: str) -> np.dtype[Any]:
    """StableHLO's name of a dtype as NumPy's.

    Raises:
        PortError: it has no counterpart: complex and quantized numbers.
    """
    try:
        if not name.startswith("complex"):
            return known_dtype(name)
    except SpecError:
        pass
    raise PortError(f"numbers of the type {name} have no counterpart: nnspec has floats, int32 and booleans")
