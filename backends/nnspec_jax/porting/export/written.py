"""What is written for one node."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import Any

import numpy as np

from nnspec.backends import Array
from nnspec.errors import PortError
from nnspec.layers.base import DType, Layer, Shape

# Stands for the default of an argument that has none.
REQUIRED = object()


@dataclass(frozen=True)
class Raw:
    """Python source, where a value is expected."""

    text: str


@dataclass(frozen=True)
class Argument:
    """An argument of a constructor.

    Attributes:
        name: the parameter's.
        value: numbers, words, tuples of them, or :class:`Raw` source.
        default: what holds where it is left out.
        positional: whether it is written without its name.
    """

    name: str
    value: Any
    default: Any = REQUIRED
    positional: bool = False


@dataclass(frozen=True)
class Made:
    """A constructor call: ``nnx.Linear(64, 10, use_bias=False, rngs=rngs)``."""

    kind: str
    arguments: tuple[Argument, ...] = ()
    rngs: bool = True


def free_array(kind: str, shape: tuple[int, ...], fill: float | None = None) -> Made:
    """A variable by itself, without a module around it."""
    text = f"jnp.zeros({expression(shape)})" if fill is None else f"jnp.full({expression(shape)}, {fill!r})"
    return Made(kind, (Argument("value", Raw(text), positional=True),), rngs=False)


def _same(array: Array) -> Array:
    return array


@dataclass(frozen=True)
class Layout:
    """Where a variable lies in the module.

    Attributes:
        path: the names of attributes and places in lists, below the module.
        to: the array in the module's layout, of one in the canonical layout.
        back: the other way around.
    """

    path: tuple[str | int, ...]
    to: Callable[[Array], Array] = _same
    back: Callable[[Array], Array] = _same

    @property
    def same(self) -> bool:
        """Whether it lies there as it does in the spec."""
        return self.to is _same and self.back is _same


def at(*path: str | int) -> Layout:
    """A variable that lies in the module as it does in the spec."""
    return Layout(path)


def own(*names: str) -> dict[str, Layout]:
    """Variables of which the module has the spec's names and layout: ``out/kernel`` is ``out.kernel``."""
    return {name: Layout(tuple(name.split("/"))) for name in names}


def flipped(path: str, axes: int) -> Layout:
    """A variable that is reversed along the first axes."""

    def flip(array: Array) -> Array:
        return np.flip(array, tuple(range(axes)))

    return Layout((path,), flip, flip)


@dataclass(frozen=True)
class Written:
    """What is written for a node.

    Attributes:
        call: an expression of the inputs ``{0}``, ``{1}``, ... and of ``{self}``, the module.
        made: what makes the module; None where there is none.
        layouts: where the variables lie in it, by the layer's own names.
        snippets: what of ``snippets/`` it takes.
        heavy: whether an engineer starts a line with it: layers that multiply, and not what follows them.
    """

    call: str
    made: Made | None = None
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    snippets: tuple[str, ...] = ()
    heavy: bool = False

    def followed(self, activation: Written) -> Written:
        """The same with a function of its result around it."""
        call = activation.call.replace("{0}", self.call) if activation.call.count("{0}") == 1 else None
        if call is None:
            raise AssertionError("activations name their input once")
        return replace(self, call=call, snippets=(*self.snippets, *activation.snippets))


@dataclass(frozen=True)
class Place:
    """Where in the model a node stands.

    Attributes:
        path: the node's.
        shapes: of its inputs, batch axis included.
        output: the shape of its output.
        dtypes: of its inputs.
        varied: whether nodes that share its variables use them in another way.
    """

    path: str
    shapes: tuple[Shape, ...]
    output: Shape
    dtypes: tuple[DType, ...] = ()
    varied: bool = False

    @property
    def features(self) -> int:
        """The size of the first input's last axis."""
        size = self.shapes[0][-1]
        assert size is not None
        return size

    def refuse(self, what: str, remedy: str) -> PortError:
        """An error that names the node."""
        return PortError(f"{self.path}: {what} has no Flax source: {remedy}")


@singledispatch
def written(layer: Layer, place: Place) -> Written:
    """What is written for a layer.

    Raises:
        PortError: nothing; the node is named.
    """
    kind = type(layer).__name__
    raise place.refuse(kind, "take it out of the model, or port to nnspec, whose backends compute it")


def expression(value: Any) -> str:
    """A value as Python source."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple | list):
        inner = ", ".join(map(expression, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, float):
        return _number(value)
    return repr(value)


def _number(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return {"inf": "jnp.inf", "-inf": "-jnp.inf"}.get(str(value), "jnp.nan")
    return re.sub(r"e([+-])0", r"e\1", repr(float(value)))


def constructor(made: Made, given: Mapping[str, str] | None = None) -> str:
    """The constructor call. ``given`` has source in the place of values, by the arguments' names."""
    parts = []
    for argument in made.arguments:
        text = (given or {}).get(argument.name)
        if text is None and same(argument.value, argument.default):
            continue
        text = expression(argument.value) if text is None else text
        parts.append(text if argument.positional else f"{argument.name}={text}")
    return f"{made.kind}({', '.join([*parts, *(['rngs=rngs'] if made.rngs else [])])})"


def same(value: Any, other: Any) -> bool:
    """Whether two values are the same, and of the same kind: ``True`` is not 1."""
    return type(value) is type(other) and bool(value == other)


def call(function: str, *arguments: Any, **options: tuple[Any, Any]) -> str:
    """``function({0}, arguments, option=...)``: options are pairs of a value and its default, left out where equal."""
    parts = ["{0}", *map(expression, arguments)]
    parts += [f"{name}={expression(value)}" for name, (value, default) in options.items() if value != default]
    return f"{function}({', '.join(parts)})"


def names_once(template: str) -> bool:
    """Whether an expression is a call with the input as its first argument, which may be an expression itself."""
    return bool(re.match(r"[\w.{}]+\(\{0\}", template)) and template.count("{0}") == 1


def callable_of(template: str) -> str:
    """A function as a value: ``nnx.relu`` of ``nnx.relu({0})``."""
    plain = re.fullmatch(r"([\w.]+)\(\{0\}\)", template)
    if plain:
        return plain[1]
    return "lambda x: " + template.format("x")
