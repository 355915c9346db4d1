"""Where a trace stands: within which layers, with which names, and what is known there of tensors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from nnspec.layers.base import Shape
from nnspec.porting.assembly import Assembly, Value
from nnspec_tensorflow.porting.convert import convert
from nnspec_tensorflow.porting.program import Slot
from nnspec_tensorflow.porting.symbols import Weight
from nnspec_tensorflow.porting.tracked import per_example
from nnspec_tensorflow.startup import keras

# Numbers of calls of layers that were descended into.
_COUNT = count()
# What a class may say of its own without being another layer than the one it is made from.
_HARMLESS = frozenset(
    {
        *("__init__", "__new__", "__module__", "__doc__", "__qualname__", "__annotations__", "__dict__", "__weakref__"),
        *("__abstractmethods__", "_abc_impl", "__static_attributes__", "__firstlineno__"),
        *("build", "compute_output_shape", "compute_output_spec", "get_config", "from_config", "get_build_config"),
        *("build_from_config", "save_own_variables", "load_own_variables"),
        *("train_step", "test_step", "predict_step", "compute_loss", "compute_metrics"),
    }
)


@dataclass(frozen=True)
class Frame:
    """One body of calls: a model's own graph, or what the ``call`` of a layer recorded.

    Attributes:
        scope: the names of the layers around it, for nodes.
        invocations: for each of them what tells this call of it from others.
        path: what errors call the place.
        prefix: what the names of operations within begin with, where they are parts of one.
        layer: whose attributes name the layers within, where their own names are Keras's.
        training: the mode, where the model fixes it.
        of_graph: whether it is the graph of a functional model, which Keras runs in the mode that it is called with:
            the one that was recorded when it was made may be a default.
        reference: a value with the batch axis.
        slots: tensors by their ids.
        recorded: whether calls become steps of the program.
        steps: what collects nodes, where they are applied to each step of a sequence.
        shapes: there, those of values at one step.
    """

    scope: tuple[str, ...] = ()
    invocations: tuple[int, ...] = ()
    path: tuple[str, ...] = ()
    prefix: str = ""
    layer: Any = None
    training: bool | None = None
    of_graph: bool = False
    reference: Value | None = None
    slots: dict[int, Slot] = field(default_factory=dict)
    recorded: bool = True
    steps: Assembly | None = None
    shapes: dict[Value, Shape] | None = None

    @property
    def place(self) -> str:
        """What errors call it."""
        return "/".join(self.path) or "the model"

    def within(self, layer: Any, training: bool | None, reference: Value | None) -> Frame:
        """The frame of a layer that is descended into."""
        name = self.name(layer)
        own = None if own_graph(layer) is not None else layer
        return replace(
            self,
            scope=(*self.scope, name),
            invocations=(*self.invocations, next(_COUNT)),
            prefix="",
            path=(*self.path, name),
            layer=own,
            training=training,
            of_graph=False,
            reference=reference,
            slots={},
        )

    def name(self, operation: Any) -> str:
        """What an operation's node is named after: the layer, or the attribute that holds it; else its class."""
        own = self._name(operation)
        return f"{self.prefix}_{own}" if self.prefix else own

    def _name(self, operation: Any) -> str:
        if not isinstance(operation, keras.Layer):
            return self.word(operation)
        named_by_keras = re.fullmatch(rf"{self.word(operation)}(_\d+)?", operation.name)
        if self.layer is None or not named_by_keras:
            return str(operation.name)
        return _attributes(self.layer).get(id(operation), operation.name)

    def origin(self, operation: Any) -> str:
        """``encoder/dense (Dense)``."""
        return f"{'/'.join((*self.path, self._name(operation)))} ({type(operation).__name__})"

    @staticmethod
    def word(operation: Any) -> str:
        """An operation's class in lower case: ``batch_normalization``."""
        name = re.sub(r"\W+", "", type(operation).__name__)
        name = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
        return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _attributes(layer: Any) -> dict[int, str]:
    """The names by which a layer holds others, in lists and dicts too (``blocks_0``)."""
    found: dict[int, str] = {}

    def note(name: str, value: Any) -> None:
        if isinstance(value, keras.Layer):
            found.setdefault(id(value), name.lstrip("_") or name)
        elif name.startswith("_"):  # what Keras and TensorFlow keep for themselves
            return
        elif isinstance(value, list | tuple):
            for i, part in enumerate(value):
                note(f"{name}_{i}", part)
        elif isinstance(value, Mapping):
            for key, part in value.items():
                note(f"{name}_{key}", part)

    for name, value in vars(layer).items():
        note(name, value)
    return found


def calls_before(tensors: Sequence[Any], frame: Frame) -> Iterator[Any]:
    """The calls that lead to tensors, as Keras's nodes, each after those that it needs; known tensors need none.

    What a call makes known is to be known before the next one is asked for.
    """
    seen: set[int] = set()
    stack: list[tuple[Any, bool]] = [(tensor, False) for tensor in reversed(tensors)]
    while stack:
        item, ready = stack.pop()
        if ready:
            yield item
            continue
        history = getattr(item, "_keras_history", None)
        if id(item) in frame.slots or isinstance(item, Weight) or history is None or history.operation is None:
            continue
        node = history.operation._inbound_nodes[history.node_index]
        if node.is_input or id(node) in seen:
            continue
        seen.add(id(node))
        stack.append((node, True))
        stack.extend((tensor, False) for tensor in reversed(node.arguments.keras_tensors))


def conversion(operation: Any) -> Callable[..., Any] | None:
    """The function that converts an operation; None if it has none, or its class is another one by what it overrides.

    A layer of the user's own that is made from Keras's ``Dense`` and has a ``call`` of its own is no Dense.
    """
    registered = next((cls for cls in type(operation).__mro__ if cls in convert.registry and cls is not object), None)
    if registered is None:
        return None
    for cls in type(operation).__mro__:
        if cls is registered:
            return convert.dispatch(registered)
        if any(name not in _HARMLESS and hasattr(registered, name) for name in vars(cls)):
            return None
    return None


@dataclass(frozen=True)
class Graph:
    """The graph that a functional or sequential model is."""

    inputs: list[Any]
    outputs: list[Any]
    structure: Any

    def takes(self, given: Any, tensors: Sequence[Any]) -> bool:
        """Whether it holds for these inputs as it is: for others, of another shape say, it has to be run anew."""
        plain = keras.tree.lists_to_tuples
        try:
            keras.tree.assert_same_structure(plain(given), plain(self.structure))
        except ValueError:
            if len(tensors) != 1 or len(self.inputs) != 1 or not isinstance(given, Slot):
                return False
        pairs = zip(self.inputs, tensors, strict=True)
        return all(
            x is not None and (per_example(own.shape), own.dtype) == (per_example(x.shape), x.dtype) for own, x in pairs
        )


def own_graph(layer: Any) -> Graph | None:
    """The graph of a functional or sequential model whose ``call`` is Keras's own."""
    if isinstance(layer, keras.Sequential):
        if type(layer).call is not keras.Sequential.call or layer._functional is None:
            return None
        layer = layer._functional
    if not (isinstance(layer, keras.Function) and isinstance(layer, keras.Model)):
        return None
    defined = next(cls for cls in type(layer).__mro__ if "call" in vars(cls))
    if not defined.__module__.startswith("keras."):
        return None
    return Graph(list(layer.inputs), list(layer.outputs), layer.input)
