"""What functions of TensorFlow take: by their signatures, or by examples."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnspec.backends import Array, Arrays
from nnspec.errors import FileError, PortError
from nnspec.porting.functions import Function
from nnspec_tensorflow.startup import tf

_ROWS = 2


@dataclass(frozen=True)
class Example:
    """An input: an array of the size that is compiled for, and TensorFlow's dtype."""

    array: Array
    dtype: Any


@dataclass(frozen=True)
class Loaded:
    """A signature's function, and the model that holds its variables, which live as long as that does."""

    model: Any
    function: Any

    def __call__(self, **tensors: Any) -> Any:
        return self.function(**tensors)


def loaded(path: Path, signature: str) -> Loaded:
    """The function of a signature of a SavedModel that was checked.

    Raises:
        FileError: it cannot be loaded.
    """
    try:
        model = tf.saved_model.load(str(path))
        return Loaded(model, model.signatures[signature])
    except Exception as error:
        text = next(iter(str(error).splitlines()), "")
        raise FileError(f"{path} cannot be loaded: {type(error).__name__}: {text}") from error


def of(function: Loaded, inputs: Arrays | None, name: str) -> dict[str, Example]:
    """What a signature takes, by name; axes of any length but the batch's are those of examples."""
    _, specs = function.function.structured_input_signature
    return {
        key: _example(f"{name}: the input {key!r}", spec, _given(inputs, i, key))
        for i, (key, spec) in enumerate(sorted(specs.items()))
    }


def called(model: Function, inputs: Arrays | None, name: str) -> tuple[Callable[..., Any], dict[str, Example]]:
    """A function that takes its inputs by name, and what they are.

    Raises:
        PortError: that is not known.
    """
    function = model.call
    given: list[Any] = list(model.inputs) or list(_signature(function))
    if not given and inputs:
        given = [np.asarray(inputs[key]) for key in sorted(inputs, key=lambda key: (len(key), key))]
    if not given:
        raise PortError(f"{name} does not say what it takes: give a tf.TensorSpec or an example of each input")
    words = _arguments(function, len(given))
    examples = {
        word: _example(f"{name}: the input {word!r}", spec, _given(inputs, i, word))
        for i, (word, spec) in enumerate(zip(words, given, strict=True))
    }

    def by_name(**tensors: Any) -> Any:
        return function(*(tensors[word] for word in words))

    return by_name, examples


def _signature(function: Any) -> tuple[Any, ...]:
    """The specs that a function was made with."""
    specs = getattr(function, "input_signature", None)
    if specs is None and isinstance(function, tf.types.experimental.ConcreteFunction):
        args, named = function.structured_input_signature
        specs = (*args, *named.values())
    return tuple(one for one in specs or () if isinstance(one, tf.TensorSpec))


def _arguments(function: Any, count: int) -> list[str]:
    """The names of as many arguments."""
    try:
        target = getattr(function, "python_function", function)
        names = [
            p.name
            for p in inspect.signature(target).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        names = []
    names = [name for name in names if name != "self"]
    return names[:count] if len(names) >= count else [f"input_{i}" for i in range(count)]


def _given(inputs: Arrays | None, i: int, name: str) -> Any:
    if not inputs:
        return None
    return inputs.get(name, inputs.get(str(i)))


def _example(where: str, spec: Any, example: Any) -> Example:
    """An array of the spec's shape, open axes as the example has them."""
    if not isinstance(spec, tf.TensorSpec):
        array = np.asarray(spec)
        return Example(array, tf.as_dtype(array.dtype))
    if spec.dtype not in (tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.bool) and not spec.dtype.is_integer:
        raise PortError(f"{where} is of {spec.dtype.name}; a model of nnspec takes floats, whole numbers and booleans")
    if spec.shape.rank is None:
        if example is None:
            raise PortError(f"{where} has any number of axes: give an example of it (inputs=, --inputs)")
        return Example(np.asarray(example).astype(spec.dtype.as_numpy_dtype), spec.dtype)
    shape = list(spec.shape)
    if not shape:
        raise PortError(f"{where} is one number; inputs have the batch as their first axis")
    if shape[0] is not None:
        raise PortError(
            f"{where} takes batches of {shape[0]} alone: export the function with a free first axis "
            "(tf.TensorSpec([None, ...]))"
        )
    for axis, size in enumerate(shape[1:], 1):
        if size is None:
            if example is None:
                raise PortError(f"{where} has any length along axis {axis}: give an example of it (inputs=, --inputs)")
            shape[axis] = np.shape(example)[axis]
    return Example(np.zeros((_ROWS, *shape[1:]), spec.dtype.as_numpy_dtype), spec.dtype)
