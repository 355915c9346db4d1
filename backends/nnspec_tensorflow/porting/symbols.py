"""What stands for a layer's variables while its ``call`` is traced.

Keras computes what is made of variables alone at once, ``ops.exp(self.log_scale)`` say, and the trace would hold its
value as a constant. So variables are symbolic tensors meanwhile, and a variable that is read nevertheless is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from nnspec.equation import Equation
from nnspec.errors import PortError
from nnspec_tensorflow.porting.stand_ins import as_when_it_runs
from nnspec_tensorflow.startup import keras


class Weight(keras.KerasTensor):
    """A variable as a symbolic tensor. Whatever else code asks of a variable, it is asked."""

    def __init__(self, variable: Any) -> None:
        super().__init__(variable.shape, variable.dtype, name=variable.name)
        self.variable = variable

    @property
    def value(self) -> Weight:
        """Itself: what it will be when it is computed with."""
        return self

    def __getitem__(self, key: Any) -> Any:
        # As tensors take them: a slice or None by itself, too.
        return super().__getitem__(key if isinstance(key, tuple) else (key,))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "variable":
            raise AttributeError(name)
        if name.startswith("assign"):
            raise PortError(
                f"assigns to its variable {self.variable.path} when it is called: a port has statistics in its norms "
                "alone"
            )
        return getattr(self.variable, name)


class UnreadError(PortError):
    """A variable is read that no symbolic tensor stands for."""


class _Reading(keras.StatelessScope):
    """Within, the values of variables cannot be read, and what is assigned is forgotten."""

    def get_current_value(self, variable: Any) -> Any:
        if variable.path.endswith("seed_generator_state"):
            raise PortError(
                "draws random numbers in inference, which a port cannot do: the two frameworks draw different ones"
            )
        raise UnreadError(
            f"computes with the variable {variable.path} outside of what can be traced: keep it as an attribute of the "
            "layer whose call uses it, and use keras.ops"
        )


@contextmanager
def symbolic_variables(layer: Any, known: Any, *, within: bool = False) -> Iterator[None]:
    """Within, the variables that code of a layer's ``call`` reads are symbolic tensors.

    Args:
        layer: whose attributes are exchanged.
        known: a function that says of a layer within whether its own ``call`` is never run meanwhile, so that its
            variables, which the layer around it may use, can be exchanged, too.
        within: whether to exchange those of all layers within, for code that calls other methods of theirs.
    """
    made: dict[int, Weight] = {}

    def symbol(x: Any) -> Any:
        return made.setdefault(id(x), Weight(x)) if isinstance(x, keras.Variable) else x

    before: list[tuple[dict[str, Any], str, Any]] = []
    inner = [part for part in layer._flatten_layers(include_self=False) if within or known(part)]
    for attributes in (vars(layer), *map(vars, inner)):
        for name, value in list(attributes.items()):
            new = value
            if isinstance(value, keras.Variable):
                new = symbol(value)
            elif isinstance(value, list | tuple | dict) and not name.startswith("_") and _holds_variables(value):
                new = keras.tree.map_structure(symbol, _plain(value))
            if new is not value:
                before.append((attributes, name, value))
                attributes[name] = new
    changed: list[tuple[Any, str]] = []
    for part in layer._flatten_layers(include_self=False):
        name, method = "compute_output_spec", partial(_specified, part, known)
        if known(part):
            name, method = "compute_output_shape", partial(_einsum_shape, part)
        if (not known(part) or isinstance(part, keras.layers.EinsumDense)) and name not in vars(part):
            vars(part)[name] = method
            changed.append((part, name))
    try:
        with _Reading(), as_when_it_runs():
            yield
    finally:
        for part, name in changed:
            vars(part).pop(name)
        for attributes, name, value in before:
            attributes[name] = value


def _specified(layer: Any, known: Any, *args: Any, **kwargs: Any) -> Any:
    """What a layer of the user's own gives, by what it does where it does not say: one that is made from Keras's
    attention, say, and takes a cache, too."""
    try:
        if not _says_of_another(layer):
            return type(layer).compute_output_spec(layer, *args, **kwargs)
    except Exception:
        pass
    with symbolic_variables(layer, known):
        made = layer.call(*args, **kwargs)
    return keras.tree.map_structure(lambda x: None if x is None else keras.KerasTensor(x.shape, x.dtype), made)


def _says_of_another(layer: Any) -> bool:
    """Whether what a layer says of its output was written for the ``call`` of a class that it is made from."""
    classes = type(layer).__mro__
    said = next((i for i, cls in enumerate(classes) if "compute_output_shape" in vars(cls)), len(classes))
    does = next((i for i, cls in enumerate(classes) if "call" in vars(cls)), len(classes))
    return does < said and not keras.src.utils.python_utils.is_default(type(layer).compute_output_shape)


def _einsum_shape(layer: Any, input_shape: Any) -> tuple[int | None, ...]:
    """The output's shape for this input: Keras gives that of the input the layer was built for, of any length, say."""
    kernel = tuple(layer._kernel.shape)
    equation = Equation.read(layer.equation).spelled(len(input_shape), len(kernel))
    sizes = equation.sizes(tuple(input_shape), kernel)
    return tuple(sizes[letter] for letter in equation.result)


def _holds_variables(value: Any) -> bool:
    return any(isinstance(x, keras.Variable) for x in keras.tree.flatten(_plain(value)))


def _plain(value: Any) -> Any:
    """Keras's tracked containers as Python's own."""
    if isinstance(value, dict):
        return {key: _plain(x) for key, x in value.items()}
    if isinstance(value, list):
        return [_plain(x) for x in value]
    return value
