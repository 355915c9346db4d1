"""Code of the user's own that asks for training mode: whether it computes the same graph there as in inference."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nnspec_tensorflow.porting.calling import OPEN, TRAINING
from nnspec_tensorflow.porting.frame import Frame, calls_before
from nnspec_tensorflow.porting.symbols import Weight
from nnspec_tensorflow.startup import keras

flatten = keras.tree.flatten


def asks(layer: Any) -> bool:
    """Whether a layer's ``call`` is told the mode."""
    return "training" in inspect.signature(layer.call).parameters


def difference(quiet: Any, train: Callable[[], Any], frame: Frame) -> str:
    """What a layer's code does otherwise in training, as the end of a sentence; "" if nothing.

    Args:
        quiet: what it gave in inference, on symbolic tensors that the frame knows.
        train: runs it in training mode on the same ones.
        frame: of what is within the layer; its calls are not followed yet.
    """
    try:
        loud = train()
    except Exception as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        reason = reason.removeprefix(f"{frame.place}: ")
        return f"its code cannot be followed in training mode ({reason}); what is ported is what it does in inference"
    if _form(quiet, frame) != _form(loud, frame):
        return "its code computes something else in training mode; what is ported is what it does in inference"
    return ""


def _form(result: Any, frame: Frame) -> list[Any]:
    """The calls that lead to what a layer gives, in order, as data: layers by identity, tensors by number."""
    tensors = [x for x in flatten(result) if isinstance(x, keras.KerasTensor)]
    numbers: dict[int, Any] = {key: slot.index for key, slot in frame.slots.items()}
    calls: list[Any] = []

    def seen(x: Any) -> Any:
        if isinstance(x, Weight):
            return ("variable", id(x.variable))
        if isinstance(x, keras.KerasTensor):
            return ("tensor", numbers.get(id(x)))
        return _data(x)

    for i, node in enumerate(calls_before(tensors, frame)):
        operation, arguments = node.operation, node.arguments
        numbers.update({id(x): (i, k) for k, x in enumerate(node.outputs)})
        named = {name: x for name, x in arguments.kwargs.items() if x is not None}
        if isinstance(operation, keras.Layer):
            named = {name: x for name, x in named.items() if name != "training" or not _open(x)}
        what = id(operation) if isinstance(operation, keras.Layer) else _options(operation)
        calls.append((type(operation), what, _mapped(arguments.args, seen), _mapped(named, seen)))
    return [calls, [seen(x) for x in flatten(result)]]


def _open(mode: Any) -> bool:
    return mode is OPEN or mode is TRAINING


def _options(operation: Any) -> Any:
    """What an operation of ``keras.ops`` was made with."""
    own = {name: value for name, value in vars(operation).items() if not name.startswith("_") and name != "name"}
    return _mapped(own, _data)


def _mapped(structure: Any, function: Callable[[Any], Any]) -> Any:
    """A structure with its leaves replaced, as one that can be compared."""
    if isinstance(structure, Mapping):
        return {str(key): _mapped(value, function) for key, value in structure.items()}
    if isinstance(structure, Sequence) and not isinstance(structure, str | bytes):
        return [_mapped(value, function) for value in structure]
    return function(structure)


def _data(x: Any) -> Any:
    """A constant, comparable."""
    if isinstance(x, bool | int | float | str | type(None)):
        return x
    try:
        array = np.asarray(x)
    except Exception:
        return repr(x)
    return repr(x) if array.dtype == object else (str(array.dtype), array.shape, array.tobytes())
