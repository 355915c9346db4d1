"""A graph of the spec as a functional Keras model of stock layers and operations."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnspec.backends import Array, Arrays, FloatType
from nnspec.errors import PortError
from nnspec.graph import free_name
from nnspec.layers.base import Layer, Shape
from nnspec.model import Inferred, Model, Node
from nnspec.ops import Slice
from nnspec_tensorflow.model import common_shapes, layer_name, single
from nnspec_tensorflow.porting.deferred import unheld
from nnspec_tensorflow.porting.export.convert import Apart, Context, Ledger, Owner, Place, apart, native, snake
from nnspec_tensorflow.startup import keras

Tensor = Any


@dataclass(frozen=True)
class Value:
    """Where a node's value is found in a Keras model: a layer or an operation, which call of it, and which result."""

    layer: str
    call: int
    result: int

    def of(self, operations: Mapping[str, Any]) -> Tensor:
        """The symbolic tensor, among operations by name."""
        operation = operations[self.layer]
        # A functional model has a node of its own from its inputs to its outputs.
        call = self.call + isinstance(operation, keras.Model)
        return operation._inbound_nodes[call].output_tensors[self.result]


@dataclass(frozen=True)
class Native:
    """A Keras model with what the names of the spec mean in it.

    Attributes:
        model: the Keras model.
        places: where variables lie, by canonical name; where one lies twice, it is read of the first.
        values: where the values of nodes are found, by name; an input is its own.
        parts: the same of what nodes give whose values Keras gives in parts.
        nested: the same of the models within, by the name of the node that owns them.
        dtype: in which it computes.
        ledger: what was found out about the whole export.
    """

    model: Any
    places: dict[str, tuple[Place, ...]]
    values: dict[str, Value]
    parts: dict[str, tuple[Value, ...]]
    nested: dict[str, Native]
    dtype: FloatType
    ledger: Ledger

    @property
    def exact(self) -> bool:
        """Whether all of it computes in float64 to float64's precision."""
        return self.ledger.exact

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know, a sentence each."""
        return tuple(dict.fromkeys(self.ledger.notes))

    def around(self, model: Any) -> Native:
        """The same names for another model of the same structure: one that was loaded."""
        nested = {owner: inner.around(model.get_layer(owner)) for owner, inner in self.nested.items()}
        return dataclasses.replace(self, model=model, nested=nested)


def realize(model: Model, dtype: FloatType, *, quiet: bool = False) -> Native:
    """The model in stock Keras, with all variables zero.

    Args:
        quiet: whether random layers are to drop and add nothing.

    Raises:
        PortError: a node that stock Keras cannot express, named.
        ShapeError: the inputs' shapes are not known or do not fit.
    """
    model.infer()  # explains what is wrong with the shapes, if anything is
    shapes = [(None, *declared.shape) for declared in model.inputs.values()]
    return _functional(model, shapes, dtype, "", model.name or "model", Ledger(), quiet)


class Outlines:
    """What names mean in models that were realized, without a model's variables: of the last one that was asked for."""

    def __init__(self) -> None:
        self._known: tuple[Model, Native] | None = None

    def of(self, model: Model) -> Native:
        """As :func:`realize`, in float32, with variables that have no values and take no memory."""
        if self._known is None or self._known[0] is not model:
            with unheld():
                self._known = model, realize(model, "float32")
        return self._known[1]


def _functional(
    model: Model, shapes: Sequence[Shape], dtype: FloatType, path: str, name: str, ledger: Ledger, quiet: bool
) -> Native:
    inferred = model.infer(*shapes)
    tensors: dict[str, Tensor] = {
        name: keras.Input(axes[1:], dtype=dtype if declared.dtype == "float" else declared.dtype, name=name)
        for (name, declared), axes in zip(model.inputs.items(), shapes, strict=True)
    }
    inputs = dict(tensors)
    users: dict[str, list[Node]] = {}
    for node in model.nodes:
        users.setdefault(layer_name(node, inferred), []).append(node)
    owners = {name: _owner(name, nodes, inferred) for name, nodes in users.items()}
    names = dict.fromkeys((*tensors, *(node.name for node in model.nodes)), 1)
    named = {id(tensor._keras_history.operation) for tensor in tensors.values()}
    nested: dict[str, Native] = {}
    values: dict[str, Value] = {}
    parts: dict[str, tuple[Value, ...]] = {}
    for node in model.nodes:
        owner = layer_name(node, inferred)
        given: list[Any] = [tensors[name] for name in node.inputs]
        where = f"{path}{node.name}"
        if isinstance(node.layer, Model):
            for value in given:
                if isinstance(value, Apart):
                    raise apart(value)
            if owner not in nested:
                uses = common_shapes([inferred[user.name].inputs for user in users[owner]])
                nested[owner] = _functional(node.layer, uses, dtype, f"{path}{owner}/", owner, ledger, quiet)
            names[owner] = 2
            result = nested[owner].model(given if len(given) > 1 else given[0])
        else:
            context = Context(node.name, where, dtype, inferred[node.name].inputs, owners[owner], names, ledger, quiet)
            result = _called(node.layer, context, given)
        tensors[node.name] = result
        if isinstance(result, Apart):
            _name_operations(result.first, node.name, names, named)
            _name_operations(result.last, node.name, names, named)
            parts[node.name] = tuple(Value(*_found(part)) for part in (result.first, result.last))
        else:
            _name_operations(result, node.name, names, named)
            values[node.name] = Value(*_found(result))
    outputs = {name: tensors[name] for name in model.outputs}
    for value in outputs.values():
        if isinstance(value, Apart):
            raise apart(value)
    # A whole model takes and gives several values by name, a nested one takes them in order.
    taken = single(inputs) if not path or len(inputs) == 1 else list(inputs.values())
    made = keras.Model(taken, single(outputs), name=name)
    _check(path, owners, nested, made)
    places = {
        f"{owner}/{variable}": tuple(found) for owner, it in owners.items() for variable, found in it.places.items()
    }
    for owner, inner in nested.items():
        for variable, found in inner.places.items():
            places[f"{owner}/{variable}"] = tuple(place.within(owner) for place in found)
    return Native(made, places, values, parts, nested, dtype, ledger)


def _check(path: str, owners: Mapping[str, Owner], nested: Mapping[str, Native], model: Any) -> None:
    """Every variable lies in a layer of the model.

    Raises:
        PortError: naming one that does not.
    """
    there = {layer.name for layer in model.layers}
    for name, owner in owners.items():
        for variable in owner.params:
            places = owner.places.get(variable)
            if places is None or places[0].layers[0] not in there:
                raise PortError(
                    f"{path}{name}: no output depends on the variable {variable!r}, and a Keras model holds none that "
                    "it does not use: leave the node out"
                )
    for name, inner in nested.items():
        if inner.places and name not in there:
            raise PortError(f"{path}{name}: no output depends on it: leave the node out")


def _owner(name: str, nodes: list[Node], inferred: Mapping[str, Inferred]) -> Owner:
    layer = nodes[0].layer
    params = {} if isinstance(layer, Model) else dict(inferred[nodes[0].name].params)
    return Owner(name, params, tuple(node.layer for node in nodes))


def _called(layer: Layer, context: Context, given: list[Tensor]) -> Tensor:
    states = next((value for value in given if isinstance(value, Apart)), None)
    if states is not None and not isinstance(layer, Slice):
        raise apart(states)
    try:
        result = native(layer, context, *given)
    except (ValueError, TypeError, NotImplementedError) as error:
        if isinstance(error, PortError):
            raise
        reason = str(error).strip().splitlines()[0]
        raise PortError(f"{context.path} ({type(layer).__name__}): Keras refuses it: {reason}") from error
    if any(result is tensor for tensor in given):
        result = context.own(keras.layers.Identity)(result)  # so that the node has a name
    return result


def _found(tensor: Tensor) -> tuple[str, int, int]:
    operation, call, result = tensor._keras_history
    return operation.name, call - isinstance(operation, keras.Model), result


def _name_operations(result: Tensor, name: str, names: dict[str, int], named: set[int]) -> None:
    """Name the operations that lead to a result after its node: Keras counts those of a whole process."""
    new: list[Any] = []
    ahead = [result]
    while ahead:
        operation = ahead.pop()._keras_history[0]
        if id(operation) in named:
            continue
        named.add(id(operation))
        new.append(operation)
        for node in operation._inbound_nodes:
            ahead.extend(node.input_tensors)
    for operation in new:
        if isinstance(operation, keras.layers.Layer):
            continue
        if names.get(name) != 2:
            names[name] = 2
            operation.name = name
        else:
            operation.name = free_name(f"{name}_{snake(type(operation).__name__)}", names)


def weight(model: Any, place: Place) -> Any:
    """The Keras variable in which a variable of the spec lies."""
    layer = model
    for name in place.layers:
        layer = layer.get_layer(name)
    found = layer
    for name in place.weight.split("."):
        found = getattr(found, name)
    return found


def write(made: Native, variables: Arrays) -> None:
    """Write variables, by canonical name, into a model's weights.

    Raises:
        PortError: one is missing, or none of the weights holds it.
    """
    for name, array in variables.items():
        if name not in made.places:
            raise PortError(f"no weight of the Keras model holds {name!r}")
        for place in made.places[name]:
            variable = weight(made.model, place)
            variable.assign(place.write(np.asarray(variable), np.asarray(array)))
    missing = [name for name in made.places if name not in variables]
    if missing:
        raise PortError(f"the variable {missing[0]!r} is missing")


def read(made: Native, model: Any) -> dict[str, Array]:
    """The variables of a Keras model of the same structure, by canonical name and in the canonical layout.

    Those that lie there as they are here are seen, not copied.
    """
    return {
        name: np.asarray(place.read(np.asarray(weight(model, place))), order="C")
        for name, (place, *_) in made.places.items()
    }


def dtype_of(model: Any) -> FloatType:
    """The float type of a model that was written; Keras says float32 of any functional model."""
    kinds: list[Any] = [variable.dtype for variable in model.variables] + [tensor.dtype for tensor in model.inputs]
    return next((kind for kind in kinds if "float" in kind), "float32")


def layers(model: Any) -> Iterator[Any]:
    """All layers of a model, those of nested models too."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from layers(layer)
