"""Calls of Keras's layers and operations as Python: what a model's graph holds, in the words that would make it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnspec_tensorflow.porting.export.convert import snake
from nnspec_tensorflow.startup import keras

# Arguments that say how a layer is trained from the start or computed, not what it is: weights come with their file.
_UNSAID = {
    "attention_axes",
    "seed",
    "unit_forget_bias",
    "use_cudnn",
    "implementation",
    "flash_attention",
    "quantization_config",
}
_ENDINGS = ("_initializer", "_regularizer", "_constraint")
# Arguments with one number for each axis, of which one is enough where they are equal.
_PER_AXIS = {"kernel_size", "strides", "dilation_rate", "pool_size", "size"}
# Numbers that an array may have to be written out.
FEW = 16


@dataclass(frozen=True)
class Slot:
    """An argument's value, which a block may take as a parameter of its own.

    Attributes:
        name: the argument's.
        value: of Python: numbers, words, tuples.
        named: whether it is written with its name.
    """

    name: str
    value: Any
    named: bool = True


@dataclass(frozen=True)
class Reference:
    """A value that another call gives, or an input."""

    key: int


@dataclass(frozen=True)
class Call:
    """One call in a graph.

    Attributes:
        keys: identify the values it gives, most often one.
        kind: ``layers.Dense`` or ``ops.add``; "" for an index in brackets.
        made: what the layer is made with; none for operations.
        given: what is called on: references, slots, and lists of them, with a name or without.
        layer: the layer's name; None for an operation.
        again: whether the layer was made for a call before.
    """

    keys: tuple[int, ...]
    kind: str
    made: tuple[Slot, ...]
    given: tuple[tuple[str | None, Any], ...]
    layer: str | None
    again: bool = False


def calls(result: Any, stop: set[int], seen: set[int]) -> list[Call]:
    """The calls that lead to a symbolic tensor, each after what it takes.

    Args:
        stop: ids of tensors that are there already.
        seen: ids of layers that are; new ones are added.
    """
    found: list[Call] = []
    done = set(stop)

    def visit(tensor: Any) -> None:
        if id(tensor) in done:
            return
        operation, index, _ = tensor._keras_history
        node = operation._inbound_nodes[index]
        for before in node.input_tensors:
            visit(before)
        if id(tensor) in done:
            return
        done.update(id(output) for output in node.output_tensors)
        found.append(_call(operation, node, tuple(map(id, node.output_tensors)), seen))

    visit(result)
    return found


def _call(operation: Any, node: Any, keys: tuple[int, ...], seen: set[int]) -> Call:
    args, kwargs = node.arguments.args, node.arguments.kwargs
    if isinstance(operation, keras.layers.Layer):
        again = id(operation) in seen
        seen.add(id(operation))
        options = {name: value for name, value in kwargs.items() if value is not None and value is not False}
        given = (*((None, _value("", arg)) for arg in args), *((n, _value(n, v)) for n, v in options.items()))
        nested = isinstance(operation, keras.Model)
        kind = "" if nested else f"layers.{type(operation).__name__}"
        return Call(keys, kind, () if nested or again else made_with(operation), given, operation.name, again)
    word = snake(type(operation).__name__)
    if word == "get_item":
        return Call(keys, "", (), tuple((None, _value("", arg)) for arg in (*args, *kwargs.values())), None)
    return Call(keys, f"ops.{word}", (), tuple(_operands(operation, word, args, kwargs)), None)


def _operands(operation: Any, word: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[Any]:
    options = {name: value for name, value in operation.get_config().items() if name != "name"}
    if word == "einsum":
        yield None, Slot("subscripts", options.pop("subscripts"), named=False)
    for arg in args:
        yield None, _value("", arg)
    parameters = inspect.signature(getattr(keras.ops, word)).parameters
    place = len(args)
    for name, parameter in parameters.items():
        if name not in options or _plain(name, options[name]) == _plain(name, parameter.default):
            continue
        value = _plain(name, options[name])
        positional = parameter.default is parameter.empty and list(parameters).index(name) == place
        place += positional
        yield None if positional else name, Slot(name, value, named=not positional)
    for name, value in kwargs.items():
        if value is not None:
            yield name, _value(name, value)


def _value(name: str, value: Any) -> Any:
    """An argument of a call: references within the structure they stand in."""
    if isinstance(value, keras.KerasTensor):
        return Reference(id(value))
    if isinstance(value, list | tuple) and any(isinstance(each, keras.KerasTensor) for each in value):
        return [_value(name, each) for each in value]
    return Slot(name, value, named=False)


def made_with(layer: Any) -> tuple[Slot, ...]:
    """The arguments that a layer was made with, where they are not Keras's defaults, and its name."""
    config = layer.get_config()
    parameters = inspect.signature(type(layer).__init__).parameters
    found: list[Slot] = []
    for name, parameter in parameters.items():
        if name not in config or name in ("name", "dtype", "trainable") or _unsaid(name):
            continue
        value, default = _plain(name, config[name]), parameter.default
        if default is parameter.empty:
            found.append(Slot(name, value, named=False))
        elif not _default(name, value, default, config):
            found.append(Slot(name, value))
    if config.get("zero_output_for_mask"):
        found.append(Slot("zero_output_for_mask", True))
    if not config.get("trainable", True):
        found.append(Slot("trainable", False))
    if layer.compute_dtype != "float32":
        found.append(Slot("dtype", layer.compute_dtype))
    return (*found, Slot("name", layer.name))


def _unsaid(name: str) -> bool:
    return name in _UNSAID or name.endswith(_ENDINGS)


def _default(name: str, value: Any, default: Any, config: Mapping[str, Any]) -> bool:
    if value == _plain(name, default):
        return True
    same = {
        "activation": "linear",
        "data_format": "channels_last",
        "strides": _plain("strides", config.get("pool_size")),
        "value_dim": config.get("key_dim"),
    }
    return default is None and name in same and value == same[name]


def _plain(name: str, value: Any) -> Any:
    """A value as it is written: one number for equal ones of each axis, tuples for lists."""
    if isinstance(value, list | tuple):
        values = tuple(_plain("", each) for each in value)
        if name in _PER_AXIS and values and len(set(values)) == 1 and isinstance(values[0], int):
            return values[0]
        return values[0] if name == "axis" and len(values) == 1 else values
    if isinstance(value, dict) and set(value) >= {"class_name", "config"}:
        return None  # what has an object of its own; only what is unsaid has
    return value


def literal(value: Any, constant: Callable[[Any], str]) -> str:
    """Python source for a value; ``constant`` names an array that is too long to be written."""
    if isinstance(value, np.ndarray):
        if value.size > FEW:
            return constant(value)
        return f"np.array({_quoted(value.tolist())}, {_quoted(value.dtype.name)})"
    return _quoted(value)


def _quoted(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, slice):
        return f"slice({', '.join(map(_quoted, (value.start, value.stop, value.step)))})"
    if isinstance(value, tuple):
        return f"({', '.join(map(_quoted, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(_quoted, value))}]"
    if isinstance(value, float) and not np.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def index(key: Any) -> str:
    """What stands in the brackets of an index."""
    keys = key if isinstance(key, tuple | list) else (key,)
    return ", ".join(_slice(each) if isinstance(each, slice) else "..." if each is ... else repr(each) for each in keys)


def _slice(key: slice) -> str:
    ends = ":".join("" if end is None else str(end) for end in (key.start, key.stop))
    return ends if key.step in (None, 1) else f"{ends}:{key.step}"
