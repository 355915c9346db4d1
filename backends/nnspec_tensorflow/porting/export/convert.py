"""A layer of the spec in Keras's own words: stock layers where there are any, else operations of ``keras.ops``.

A function gets the layer, the context, and the symbolic tensors it is called on::

    @native.register
    def dense(spec: Dense, context: Context, x: Tensor) -> Tensor:
        layer = context.layer(keras.layers.Dense, spec.features, use_bias=spec.use_bias, ...)
        return context.call(layer, x, kernel="kernel", bias="bias")

It is called once for each node. Nodes that share variables share the Keras layers that hold them, which the context
remembers. Nothing of nnspec may be left in what it makes: no class, no function, no Lambda.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import singledispatch
from string import ascii_lowercase
from typing import Any, NoReturn

import numpy as np

from nnspec.backends import Array, FloatType
from nnspec.errors import PortError
from nnspec.graph import free_name
from nnspec.layers.base import Layer, Param, Shape
from nnspec.vocabulary import node_name
from nnspec_tensorflow.startup import keras

Tensor = Any
# What a weight becomes when a variable is written to it, and what of a weight, or of its gradient, is the variable's.
Write = Callable[[Array, Array], Array]
Read = Callable[[Array], Array]


@dataclass(frozen=True)
class Place:
    """Where a variable of the spec lies in a Keras model.

    Attributes:
        layers: the name of the layer, after those of the nested models around it.
        weight: the attribute of the layer that is the weight: ``cell.kernel``.
        shape: the variable's, in the canonical layout.
        write: gives the weight with a variable written to it.
        read: gives the variable, or its gradient, of the weight's.
    """

    layers: tuple[str, ...]
    weight: str
    shape: tuple[int, ...]
    write: Write
    read: Read

    def within(self, model: str) -> Place:
        """The place as the model around sees it."""
        return Place((model, *self.layers), self.weight, self.shape, self.write, self.read)


@dataclass(frozen=True)
class Apart:
    """States after each step, of which Keras gives the first part of all and the whole of the last alone.

    A Slice of one or the other may follow; the value of the node itself is nowhere.

    Attributes:
        first: (batch, steps, features).
        last: (batch, states · features).
        place: the path of the node.
    """

    first: Tensor
    last: Tensor
    place: str


@dataclass
class Owner:
    """What nodes share that use the same layer of the spec.

    Attributes:
        name: the name of the node that owns the layer.
        params: its variables.
        uses: the layers of all nodes that use it.
        layers: the Keras layers made for it, by part.
        places: where its variables lie; where one lies twice, it is read of the first.
    """

    name: str
    params: dict[str, Param]
    uses: tuple[Layer, ...]
    layers: dict[str | None, Any] = field(default_factory=dict)
    places: dict[str, list[Place]] = field(default_factory=dict)


@dataclass
class Ledger:
    """What is found out about an export as it is made.

    Attributes:
        notes: what the user should know, a sentence each.
        exact: whether all of it computes in float64 to float64's precision.
    """

    notes: list[str] = field(default_factory=list)
    exact: bool = True


@dataclass(frozen=True)
class Context:
    """Where in the model a node stands, and what its layer may need.

    Attributes:
        name: the node's name.
        path: its path in the whole model.
        dtype: in which the model holds its variables and computes.
        shapes: of the node's inputs, batch axis included.
        owner: what it shares with other nodes.
        names: the names that are taken in this model.
        ledger: what is found out about the whole export.
        quiet: whether random layers drop and add nothing.
    """

    name: str
    path: str
    dtype: FloatType
    shapes: tuple[Shape, ...]
    owner: Owner
    names: dict[str, int]
    ledger: Ledger
    quiet: bool = False

    def layer(self, kind: Any, *args: Any, part: str | None = None, **options: Any) -> Any:
        """A Keras layer, the same for all nodes that share this one's variables.

        Args:
            kind: its class.
            args, options: what it is made with, beside name and dtype.
            part: ``query``, say, where it is one of several; the one without carries the node's own name.
        """
        if part not in self.owner.layers:
            self.owner.layers[part] = kind(*args, name=self.label(part, self.owner.name), dtype=self.dtype, **options)
        return self.owner.layers[part]

    def own(self, kind: Any, *args: Any, part: str | None = None, **options: Any) -> Any:
        """A Keras layer of this node alone, which has no variables."""
        return kind(*args, name=self.label(part, self.name), dtype=self.dtype, **options)

    def label(self, part: str | None, name: str) -> str:
        """A free name for a part: the node's own for the first that has none."""
        if part is None and self.names.get(name) != 2:
            self.names[name] = 2  # 1: reserved for the node
            return name
        return free_name(f"{name}_{part or 'out'}", self.names)

    def hold(
        self, variable: str, layer: Any, weight: str, *, write: Write | None = None, read: Read | None = None
    ) -> None:
        """Say in which weight of a layer a variable lies, and how: by default its elements in the same order."""
        if variable not in self.owner.params:
            return
        shape = self.owner.params[variable].shape
        places = self.owner.places.setdefault(variable, [])
        if all((place.layers, place.weight) != ((layer.name,), weight) for place in places):
            places.append(Place((layer.name,), weight, shape, write or _as_it_is, read or _of(shape)))

    def call(self, layer: Any, *inputs: Any, options: dict[str, Any] | None = None, **weights: str) -> Tensor:
        """What a layer gives, whose weights are these variables: ``scale="gamma"``."""
        result = layer(*inputs, **(options or {}))
        for variable, weight in weights.items():
            self.hold(variable, layer, weight)
        return result

    def variable(self, name: str, like: Tensor) -> Tensor:
        """A variable as a tensor of its own shape, for operations.

        The stock layer that can hold any array is an EinsumDense: it multiplies 1 by it.

        Args:
            name: the layer's own name for it.
            like: an input of the model, or what follows from it.
        """
        param = self.owner.params[name]
        shape = param.shape or (1,)
        letters = ascii_lowercase[2 : 2 + len(shape)]
        layer = self.layer(
            keras.layers.EinsumDense,
            f"ab,b{letters}->a{letters}",
            output_shape=shape,
            activation="linear",
            bias_axes=None,
            kernel_initializer="zeros",
            trainable=param.kind == "parameter",
            part=name.replace("/", "_"),
        )
        self.hold(name, layer, "kernel")
        first = like[(slice(0, 1), *[0] * (len(like.shape) - 1))]
        one = keras.ops.ones_like(keras.ops.expand_dims(first, -1), dtype=self.dtype)
        value = layer(one)[0]
        return value if param.shape else value[0]

    def constant(self, values: Any) -> Any:
        """Numbers that operations take, in the model's dtype; one number stays a number of Python's."""
        array = np.asarray(values, self.dtype)
        return array if array.ndim else float(values)

    def note(self, text: str) -> None:
        """Tell the user something about this node."""
        self.ledger.notes.append(f"{self.path}: {text}")

    def rounds(self) -> None:
        """Say that Keras rounds a number to float32 on its way, also in a float64 model."""
        self.ledger.exact = False

    def refuse(self, spec: Layer, option: str, remedy: str) -> NoReturn:
        """Refuse a layer with an option that stock Keras cannot express."""
        raise PortError(f"{self.path} ({type(spec).__name__}): {option} has no counterpart in stock Keras; {remedy}")


def _as_it_is(weight: Array, variable: Array) -> Array:
    return variable.reshape(weight.shape)


def _of(shape: tuple[int, ...]) -> Read:
    return lambda weight: weight.reshape(shape)


def apart(states: Apart) -> PortError:
    """The error for what asks for more of states than Keras gives."""
    return PortError(
        f"{states.place}: return_state with return_sequences has no counterpart in stock Keras, which gives the whole "
        "of the last state alone: take h of all steps (Slice: {stop: features}) or the last step (Slice: {start: -1, "
        "axis: 1})"
    )


def snake(name: str) -> str:
    """``LogicalAnd`` as ``logical_and``."""
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))


@singledispatch
def native(spec: Any, context: Context, *inputs: Tensor) -> Tensor:
    """What a layer of the spec gives, by stock layers and operations of Keras.

    Raises:
        PortError: there are none for this class, or for one of its options.
    """
    raise PortError(
        f"{context.path}: {node_name(type(spec))} ({type(spec).__name__}) has no counterpart in stock Keras; "
        "the formats savedmodel and nnspec hold every layer"
    )
