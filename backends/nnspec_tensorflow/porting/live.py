"""Live Keras models as ports: what they take, their graph, and the model itself as the subject of verification."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from nnspec.errors import PortError, SpecError
from nnspec.graph import free_name
from nnspec.layers.masking import PaddingMask
from nnspec.logic import AsType
from nnspec.model import Model
from nnspec.porting.assembly import Assembled, Value, label
from nnspec.porting.formats import Reading
from nnspec.porting.port import OptimizerState, Port
from nnspec_tensorflow.porting import (
    conversions,  # noqa: F401 - registers them
    optimizer_state,
)
from nnspec_tensorflow.porting.calling import open_mode
from nnspec_tensorflow.porting.computing import NOTED
from nnspec_tensorflow.porting.frame import Frame, Graph, conversion, own_graph
from nnspec_tensorflow.porting.program import Program, Slot
from nnspec_tensorflow.porting.subject import KerasSubject
from nnspec_tensorflow.porting.trace import Trace
from nnspec_tensorflow.porting.tracked import View
from nnspec_tensorflow.porting.trainables import Trainables
from nnspec_tensorflow.startup import keras

flatten, map_structure = keras.tree.flatten, keras.tree.map_structure
_AUTOMATIC = r"(input_layer|keras_tensor|input)(_\d+)?"


@dataclass(frozen=True)
class Taken:
    """What a model is called on.

    Attributes:
        args: positional arguments, with Keras tensors for inputs.
        kwargs: likewise.
        names: of the inputs, in the order in which they stand there.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    names: tuple[str, ...]

    @property
    def tensors(self) -> list[Any]:
        """The inputs."""
        return [x for x in flatten((self.args, self.kwargs)) if isinstance(x, keras.KerasTensor)]


@dataclass(frozen=True)
class Traced:
    """A model as a graph with its variables, and as a program that Keras runs."""

    assembled: Assembled
    program: Program
    paths: dict[Slot, str]
    notes: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    views: dict[str, View] = field(default_factory=dict)


def port(model: Any, how: Reading) -> Port:
    """A live Keras model or layer as a port.

    Raises:
        PortError: something in it that nnspec cannot express, named by its layer; or what it takes is not known.
    """
    if how.method not in (None, "call", "__call__"):
        raise PortError(f"{model.name}: a Keras model is read by its call, not by {how.method}")
    taken = what_it_takes(model, how)
    try:
        traced = trace(model, taken)
    except PortError as error:
        free = [name for name, x in zip(taken.names, taken.tensors, strict=True) if None in x.shape[1:]]
        if not free:
            raise
        raise PortError(
            f"{error}. Axes of {', '.join(free)} are of any length, which may be why: an example of each (inputs=, "
            "--inputs) gives them one"
        ) from error
    assembled = traced.assembled
    subject = KerasSubject(
        model,
        partial(_whole, model, taken),
        traced.program,
        traced.paths,
        assembled.model,
        assembled.variables,
        lambda: trace(model, taken).assembled.variables,
        traced.views,
        traced.apart,
    )
    notes = [*_notes(model), *traced.notes]
    optimizer = _optimizer(model, subject, assembled, notes) if how.optimizer else None
    found = tuple(dict.fromkeys(notes))
    return Port(assembled.model, assembled.variables, assembled.origin, subject, optimizer, found)


def _optimizer(model: Any, subject: KerasSubject, assembled: Assembled, notes: list[str]) -> OptimizerState | None:
    """The optimizer that a model was compiled with, and its state; what cannot be said is noted."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        return None
    params = assembled.model.params()
    try:
        names = [name for name, param in params.items() if param.kind == "parameter"]
        trainables = Trainables.read(model.trainable_variables, subject.sources(), names)
        return optimizer_state.read(optimizer, trainables, params, assembled.variables)
    except PortError as error:
        notes.append(f"The optimizer was left out: {error}.")
        return None


def _whole(model: Any, taken: Taken, *tensors: Any) -> Any:
    """The outputs of a model as a whole."""
    given = dict(zip(map(id, taken.tensors), tensors, strict=True))
    args, kwargs = (map_structure(lambda x: given.get(id(x), x), part) for part in (taken.args, taken.kwargs))
    training = {"training": False} if "training" in inspect.signature(model.call).parameters else {}
    return model(*args, **kwargs, **training)


def trace(model: Any, taken: Taken, whole: frozenset[str] = frozenset()) -> Traced:
    """Trace a model, which is left as it is.

    Args:
        model: the Keras model.
        taken: its inputs.
        whole: those that are whole numbers, whatever Keras takes them for.
    """
    made = Trace()
    with _untouched(model):
        frame = Frame(layer=None if own_graph(model) else model)
        counts: dict[str, int] = {}
        names = [free_name(label(name), counts) for name in taken.names]
        slots = {
            id(x): made.input(name, x, frame, whole=name in whole) for name, x in zip(names, taken.tensors, strict=True)
        }
        frame = replace(frame, reference=made.values[next(iter(slots.values()))])
        if conversion(model):
            with open_mode(model, None) as mode:
                results = flatten(model(*taken.args, **taken.kwargs, **mode))
            outputs = made.follow(results, replace(frame, layer=None))
        else:
            args, kwargs = (
                map_structure(lambda x: slots.get(id(x), x), part) for part in (list(taken.args), taken.kwargs)
            )
            outputs = made.body(model, args, kwargs, replace(frame, slots={}))
        values: list[Value] = []
        for value in (made.output(slot, str(model.name)) for slot in outputs):
            values.append(made.again(value) if value in values else value)
    made.program.outputs = outputs
    name = None if re.fullmatch(rf"{Frame.word(model)}(_\d+)?", model.name) else label(model.name)
    try:
        found = frozenset() if whole else _whole_inputs(made.assembly.finish(values, nested=False).model)
        if found:
            return trace(model, taken, found)
        assembled = made.assembly.finish(values, name=name)
        assembled.model.infer()
    except SpecError as error:
        raise PortError(f"{model.name}: {error}") from error
    paths = {slot: assembled.paths[value] for slot, value in made.values.items() if value in assembled.paths}
    views = {assembled.paths[v]: view for v, view in made.views.items() if v in assembled.paths}
    return Traced(assembled, made.program, paths, tuple(made.notes), tuple(made.apart), views)


def what_it_takes(model: Any, how: Reading) -> Taken:
    """The inputs of a model: those of its own graph, those that examples were given of, or those that built it.

    Raises:
        PortError: none of these is known.
    """
    graph = own_graph(model)
    if graph is not None:
        names = _names(graph.structure) if isinstance(graph.structure, dict) else None
        given = names or [
            x._keras_history.operation.name if hasattr(x, "_keras_history") else x.name for x in graph.inputs
        ]
        named = tuple("input" if re.fullmatch(_AUTOMATIC, n) else n for n in given)
        return Taken((_with_lengths(graph, named, how.inputs or {}),), {}, named)
    parameters = [
        name
        for name, parameter in inspect.signature(model.call).parameters.items()
        if name not in ("training", "mask") and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    if how.inputs:
        examples = {name: np.asarray(x) for name, x in how.inputs.items()}
        tensors = {
            name: keras.KerasTensor((None, *x.shape[1:]), _dtype(x), name=None if name.isdigit() else label(name))
            for name, x in examples.items()
        }
        return _placed(tensors, parameters)
    shapes = model._build_shapes_dict
    if not shapes or not all(shape is not None for shape in shapes.values()):
        raise PortError(
            f"{model.name}: it is not known what the model takes: call it on an example, or give examples as inputs"
        )

    def tensor(shape: Any) -> Any:
        return keras.KerasTensor((None, *shape[1:]), model.compute_dtype)

    made = keras.tree.map_shape_structure(tensor, dict(shapes))
    if len(made) == 1:
        (first,) = made.values()
        names = _names(first) if not isinstance(first, keras.KerasTensor) else [parameters[0]]
        return Taken((first,), {}, tuple("input" if name in ("inputs", "x") else name for name in names))
    arguments = {name.removesuffix("_shape"): value for name, value in made.items()}
    first = arguments.pop(parameters[0])
    return Taken((first,), arguments, (*_names(first, parameters[0]), *_names(arguments)))


def _with_lengths(graph: Graph, names: tuple[str, ...], examples: Mapping[str, Any]) -> Any:
    """The inputs of a graph; axes of any length get those that examples have.

    Raises:
        PortError: an example is of no input, or does not fit it.
    """
    found = list(graph.inputs)
    for key, example in examples.items():
        place = int(key) if key.isdigit() else names.index(key) if key in names else len(names)
        if place >= len(names):
            raise PortError(f"there is no input {key!r}; the model takes {', '.join(names)}")
        declared, shape = found[place].shape[1:], np.shape(example)[1:]
        if len(declared) != len(shape) or any(n not in (None, m) for n, m in zip(declared, shape, strict=True)):
            raise PortError(f"{names[place]}: takes {list(declared)} for each example, and is given {list(shape)}")
        if None in declared:
            found[place] = keras.KerasTensor((None, *shape), found[place].dtype, name=found[place].name)
    return keras.tree.pack_sequence_as(graph.structure, found)


def _placed(tensors: Mapping[str, Any], parameters: list[str]) -> Taken:
    """Examples as arguments: by place, by the names of arguments, or as a dictionary."""
    if all(name.isdigit() for name in tensors):
        ordered = [tensors[str(i)] for i in range(len(tensors)) if str(i) in tensors]
        if len(ordered) != len(tensors):
            raise PortError(f"inputs by place are numbered from 0, got {', '.join(tensors)}")
        args = tuple(ordered) if len(ordered) <= len(parameters) else (ordered,)
        names = ["input" if name in ("inputs", "x") else name for name in parameters[: len(args)]]
        return Taken(args, {}, tuple(names if len(args) == len(ordered) else ["input"] * len(ordered)))
    if set(tensors) <= set(parameters) and parameters[0] in tensors:
        ordered_names = [name for name in parameters if name in tensors]
        rest = {name: tensors[name] for name in sorted(ordered_names[1:])}
        return Taken((tensors[parameters[0]],), rest, (parameters[0], *rest))
    return Taken((dict(sorted(tensors.items())),), {}, tuple(sorted(tensors)))


def _names(structure: Any, base: str = "input") -> list[str]:
    """A name for each tensor of a structure: its key, or its place."""
    if isinstance(structure, keras.KerasTensor):
        return [base]
    if isinstance(structure, Mapping):
        return [name for key in sorted(structure) for name in _names(structure[key], str(key))]
    return [name for part in structure for name in _names(part, base)]


def _dtype(x: Any) -> str:
    if x.dtype.kind == "b":
        return "bool"
    return "int32" if x.dtype.kind in "iu" else "float32"


def _whole_inputs(model: Model) -> frozenset[str]:
    """The inputs that Keras takes as floats, and that are only rounded to whole numbers, as ids are."""
    uses: dict[str, list[Any]] = {name: [] for name in model.inputs}
    for node in model.nodes:
        for name in uses.keys() & set(node.inputs):
            uses[name].append(node.layer)
    return frozenset(
        name
        for name, layers in uses.items()
        if model.inputs[name].dtype == "float"
        and name not in model.outputs
        and AsType("int32") in layers
        and all(layer == AsType("int32") or isinstance(layer, PaddingMask) for layer in layers)
    )


@contextmanager
def _untouched(model: Any) -> Iterator[None]:
    """Afterwards the layers of a model have forgotten the calls within."""
    layers = model._flatten_layers()
    before = [(nodes, len(nodes)) for layer in layers for nodes in (layer._inbound_nodes, layer._outbound_nodes)]
    noted = [(vars(layer), {name: vars(layer)[name] for name in NOTED if name in vars(layer)}) for layer in layers]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Layer .* was passed an input with a mask")  # as when it was made
            yield
    finally:
        for nodes, count in before:
            del nodes[count:]
        for attributes, own in noted:
            attributes.update(own)


def _notes(model: Any) -> Iterator[str]:
    mixed = {layer.compute_dtype for layer in model._flatten_layers() if layer.compute_dtype != layer.variable_dtype}
    if mixed:
        yield f"Keras computes parts of it in {', '.join(sorted(mixed))}; a port computes in one dtype of its own."
