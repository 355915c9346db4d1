"""The configs of Keras models: JSON from strangers, read as data.

A config names classes and functions. Which of them exist here is decided by :mod:`nnspec_tensorflow.porting.stock` and
by the user; a module's name in a config is never imported, and code in it is never executed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnspec.errors import FileError, PortError

DEPTH = 200
VALUES = 5_000_000
_INTEGERS = 2**53

_DTYPES = frozenset(
    {"float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16", "bool", "string"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
)


@dataclass(frozen=True)
class Reference:
    """A result of a layer of the same model: of its how-many-eth call, and which of the call's results."""

    layer: str
    call: int
    result: int


def parsed(place: str, text: str | bytes) -> dict[str, Any]:
    """A config as plain data, of bounded depth and size.

    Raises:
        FileError: no JSON, no object, or too much of it.
    """
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileError(f"{place}: damaged: the config is no JSON that can be read ({str(error)[:200]})") from error
    stack, count = [(config, 0)], 0
    while stack:
        value, depth = stack.pop()
        count += 1
        if depth > DEPTH or count > VALUES:
            raise FileError(f"{place}: the config is too deep or too large to be a model's")
        if isinstance(value, dict):
            stack += [(inner, depth + 1) for inner in value.values()]
        elif isinstance(value, list):
            stack += [(inner, depth + 1) for inner in value]
        elif isinstance(value, int) and abs(value) > _INTEGERS:
            raise FileError(f"{place}: the config holds a number that no model can have: {str(value)[:40]}…")
    if not isinstance(config, dict):
        raise FileError(f"{place}: the config should be a JSON object")
    return config


def dtype(place: str, value: Any) -> str | None:
    """The name of a dtype or of a dtype policy in any of the forms that Keras has written.

    Raises:
        PortError: something else, as quantized layers have.
    """
    if isinstance(value, dict) and isinstance(value.get("config"), dict):
        value = value["config"].get("name") if "name" in value["config"] else value["config"]
    elif isinstance(value, dict) and "name" in value:
        value = value["name"]
    if value is None:
        return None
    if not isinstance(value, str) or value not in _DTYPES:
        raise PortError(f"{place}: dtype {str(value)[:80]!r} has no counterpart: quantized layers cannot be ported")
    return value


def axes(place: str, value: Any) -> tuple[int | None, ...]:
    """A shape in any of the forms that Keras has written.

    Raises:
        FileError: no shape, or one with sizes that none can have.
    """
    if isinstance(value, dict):
        value = value.get("items", value.get("config"))
    if not isinstance(value, list) or len(value) > 32:
        raise FileError(f"{place}: {str(value)[:80]!r} is no shape")
    for size in value:
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < 2**31):
            raise FileError(
                f"{place}: {str(value)[:80]} is no shape: sizes are whole numbers from 0 to 2³¹ − 1, or null"
            )
    return tuple(value)


def plain(place: str, value: Any) -> Any:
    """An option that is data alone: numbers, texts, lists of them, and Keras's ways of writing tuples and arrays.

    Raises:
        PortError: a class, a function, or code.
    """
    if isinstance(value, list):
        return [plain(place, inner) for inner in value]
    if not isinstance(value, dict):
        return value
    kind, config = value.get("class_name", value.get("type")), value.get("config")
    if kind == "__tuple__" and isinstance(value.get("items"), list):
        return tuple(plain(place, inner) for inner in value["items"])
    if kind == "TensorShape":
        return axes(place, value)
    if kind == "ndarray" and isinstance(value.get("value"), int | float | list):
        return _numbers(place, value["value"], "float32").tolist()
    if kind == "__ellipsis__":
        return Ellipsis
    if kind == "__slice__" and isinstance(config, dict):
        return slice(*(plain(place, config.get(part)) for part in ("start", "stop", "step")))
    if kind in ("__numpy__", "__tensor__") and isinstance(config, dict):
        return _numbers(place, config.get("value"), dtype(place, config.get("dtype")) or "float32")
    if kind == "DTypePolicy":
        return dtype(place, value)
    raise PortError(f"{place}: {str(value)[:120]} is no plain value, and nothing in a file is executed")


def _numbers(place: str, value: Any, name: str) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(value, np.dtype(name))
    except (TypeError, ValueError, OverflowError) as error:
        raise FileError(f"{place}: {str(value)[:80]} is no array of {name}") from error


def call(place: str, node: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call of a layer, results of other layers as :class:`Reference`.

    Keras 3 writes ``{"args": …, "kwargs": …}``, older ones ``[[layer, call, result, keywords], …]``.

    Raises:
        FileError: neither.
        PortError: an argument that is no data.
    """
    if isinstance(node, dict) and isinstance(node.get("args"), list) and isinstance(node.get("kwargs"), dict):
        args = tuple(_argument(place, value) for value in node["args"])
        return args, {key: _argument(place, value) for key, value in node["kwargs"].items()}
    if not isinstance(node, list) or not node:
        raise FileError(f"{place}: damaged: {str(node)[:80]} is no call of a layer")
    keywords: dict[str, Any] = {}
    inputs = _old_argument(place, node, keywords)
    if isinstance(inputs, list) and len(inputs) == 1:
        inputs = inputs[0]
    return (inputs,), {key: _old_keyword(place, value) for key, value in keywords.items()}


def results(place: str, value: Any) -> Any:
    """What ``input_layers`` and ``output_layers`` name: a structure of :class:`Reference`.

    Raises:
        FileError: something else in it.
    """
    if (found := _reference(value)) is not None:
        return found
    if isinstance(value, dict):
        if value.get("class_name") == "__tuple__" and isinstance(value.get("items"), list):
            return [results(place, inner) for inner in value["items"]]
        return {key: results(place, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [results(place, inner) for inner in value]
    raise FileError(f"{place}: damaged: {str(value)[:80]} names no result of a layer")


def _reference(value: Any) -> Reference | None:
    """``["dense", 0, 0]``, perhaps with keywords behind."""
    if isinstance(value, list) and len(value) in (3, 4) and isinstance(value[0], str):
        name, index, result = value[:3]
        if type(index) is int and type(result) is int and index >= 0 and result >= 0:
            return Reference(name, index, result)
    return None


def _argument(place: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_argument(place, inner) for inner in value]
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        config = value.get("config")
        history = _reference(config.get("keras_history")) if isinstance(config, dict) else None
        if history is None:
            raise FileError(f"{place}: damaged: {str(value)[:120]} is no result of a layer")
        return history
    if isinstance(value, dict) and "class_name" not in value:
        return {key: _argument(place, inner) for key, inner in value.items()}
    return plain(place, value)


def _old_argument(place: str, value: Any, keywords: dict[str, Any]) -> Any:
    if isinstance(value, list) and len(value) == 4 and value[0] == "_CONSTANT_VALUE":
        keywords.update(value[3] if isinstance(value[3], dict) else {})
        return plain(place, value[2])
    if (found := _reference(value)) is not None:
        if len(value) == 4 and isinstance(value[3], dict):
            keywords.update(value[3])
        return found
    if isinstance(value, list) and value:
        return [_old_argument(place, inner, keywords) for inner in value]
    raise FileError(f"{place}: damaged: {str(value)[:80]} is no call of a layer")


def _old_keyword(place: str, value: Any) -> Any:
    if (found := _reference(value)) is not None:
        return found
    if isinstance(value, list):
        return [_old_keyword(place, inner) for inner in value]
    if isinstance(value, dict) and set(value) == {"start", "stop", "step"}:
        return slice(value["start"], value["stop"], value["step"])
    return plain(place, value)
