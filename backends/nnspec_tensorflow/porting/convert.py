"""Keras's layers and operations in the spec's words: one function for each class, in files named as the families.

Layers and operations are both ``keras.Operation``. A function gets the operation, the context, and the arguments of the
call, with a :class:`nnspec.porting.assembly.Value` in the place of each symbolic tensor::

    @convert.register(keras.layers.Dense)
    def dense(layer, context, inputs):
        spec = nnspec.Dense(layer.units, use_bias=layer.use_bias)
        return context.call(spec, inputs, variables={"kernel": layer.kernel, "bias": layer.bias})

A layer's first argument comes by position, the others by their names in its ``call``, those that are None left out:
``mask`` is there only where Keras would give the layer one, ``training`` only where the model fixes it for this call.
A function without such a parameter cannot be called with it, and :mod:`nnspec_tensorflow.porting.trace` says so.

An operation's arguments come as Keras recorded them. A variable that a layer of the user's own reads is there as the
``keras.Variable`` itself; what operations on variables alone give is a value in ``context.bare``.

What has no function is descended into, if it is a layer: its ``call`` is traced. A function may raise
:class:`NoConversionError` to have that done for this layer.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np

from nnspec.backends import Array
from nnspec.errors import PortError, SpecError
from nnspec.layers.base import DType, Layer, Shape
from nnspec.porting.assembly import Assembly, Value
from nnspec_tensorflow.porting.tracked import tracked
from nnspec_tensorflow.startup import keras, tf


class NoConversionError(Exception):
    """Raised by :func:`convert` for what has no function of its own."""


def _untraced(*_: Any, steps: bool = False) -> Value:
    raise NotImplementedError("this context belongs to no trace")


@dataclass(frozen=True)
class Context:
    """Where in the model an operation stands, and what collects its nodes.

    Attributes:
        assembly: collects the graph.
        scope: the names of the layers around it, the outermost first.
        invocations: for each of them what tells this call of it from others.
        name: the operation's own name, that of the node which gives its result.
        origin: ``block1_conv1 (Conv2D)``.
        shapes: the whole shape of each value in the spec, batch axis included.
        dtypes: the dtype of each value in the spec.
        owner: what identifies the layer, whose calls share its variables.
        reference: a value with the batch axis, for what has to be made for each example of a batch.
        bare: values made of variables alone: they have no batch axis in Keras and one in the spec.
        apply: the value that a function of Keras tensors gives, an activation say, its operations traced; with
            ``steps=True`` applied to each step of a sequence by itself.
        notes: what a user should know, a sentence each.
        apart: those of the notes that say where training is another thing than what is ported.
    """

    assembly: Assembly
    scope: tuple[str, ...] = ()
    invocations: tuple[Hashable, ...] = ()
    name: str = ""
    origin: str = ""
    shapes: dict[Value, Shape] = field(default_factory=dict)
    dtypes: dict[Value, DType] = field(default_factory=dict)
    owner: Hashable | None = None
    reference: Value | None = None
    bare: set[Value] = field(default_factory=set)
    apply: Callable[..., Value] = _untraced
    notes: list[str] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)

    def call(
        self,
        layer: Layer,
        *inputs: Value,
        variables: Mapping[str, Any] | None = None,
        owner: Hashable | None = None,
        part: str | None = None,
    ) -> Value:
        """A node for the operation, or with ``part`` one of several that it consists of, named after both.

        Args:
            layer: the layer of the spec.
            inputs: what it is called on.
            variables: Keras's variables or arrays by the layer's own names, in the canonical layout.
            owner: what identifies the variables, where they are not those of the operation itself.
            part: ``transpose``, say.

        Raises:
            PortError: the inputs do not fit the layer of the spec.
        """
        arrays = {name: numbers(value) for name, value in (variables or {}).items()}
        if arrays and owner is None and self.owner is not None:
            owner = (self.owner, part)
        for variable in (variables or {}).values():
            tracked(self.assembly).holders.setdefault(id(variable), (layer, owner))
        name = self.name if part is None else f"{self.name}_{part}"
        value = self.assembly.call(
            layer,
            *inputs,
            name=name,
            scope=self.scope,
            owner=owner,
            variables=arrays,
            origin=self.origin,
            invocations=self.invocations,
        )
        if all(given in self.shapes for given in inputs):
            try:
                self.shapes[value] = layer.output_shape(*(self.shapes[given] for given in inputs))
                self.dtypes[value] = layer.output_dtype(*(self.dtypes[given] for given in inputs))
            except SpecError as error:
                raise self.error(str(error)) from error
        return value

    def note(self, text: str) -> None:
        """Tell the user something about the operation: a sentence that goes on after its name."""
        self.notes.append(f"{self.origin}: {text}")

    def note_training(self, text: str) -> None:
        """Tell the user what the operation does otherwise in training, which is then not compared."""
        self.note(text)
        self.apart.append(self.notes[-1])

    def error(self, reason: str) -> PortError:
        """An error that names the operation."""
        return PortError(f"{self.origin}: {reason}")


def numbers(value: Any) -> Array:
    """The numbers of a Keras variable where they lie, without a copy; an array as it is.

    TensorFlow gives a variable new memory when it changes while its numbers are held, so that they stay what they are.
    """
    if not isinstance(value, keras.Variable):
        return np.asarray(value)
    try:
        return np.asarray(memoryview(tf.convert_to_tensor(value.value)))
    except (TypeError, ValueError, BufferError):  # a type that Python does not know, as bfloat16
        return np.asarray(value)


@singledispatch
def convert(operation: Any, context: Context, *args: Any, **kwargs: Any) -> Value | Sequence[Value]:
    """The nodes that compute what a Keras layer or operation does; gives their results."""
    raise NoConversionError(type(operation).__name__)
