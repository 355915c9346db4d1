"""Graphs from what a tracer sees: calls of layers, in order, each inside the modules that made it."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from nnspec.backends import Array
from nnspec.graph import Input, free_name
from nnspec.layers.base import DType, Layer
from nnspec.model import Model


@dataclass(frozen=True)
class Value:
    """A value in a graph that is being assembled: an input, or what a call gave."""

    index: int


@dataclass(frozen=True)
class Call:
    """One call of a layer.

    Attributes:
        layer: the layer of the spec.
        inputs: what it was called on.
        name: what to name its node after: the layer's name in the original.
        scope: the names of the modules around it, the outermost first.
        owner: what identifies its variables: calls of equal owners share them.
        variables: by the layer's own names (``kernel``), in the canonical layout.
        origin: what the original calls it.
        invocations: for each module of the scope what tells one call of it from another, where that is known.
    """

    layer: Layer
    inputs: tuple[Value, ...]
    name: str
    scope: tuple[str, ...] = ()
    owner: Hashable | None = None
    variables: Mapping[str, Array] = field(default_factory=dict)
    origin: str = ""
    invocations: tuple[Hashable, ...] = ()


@dataclass(frozen=True)
class Assembled:
    """A graph with its variables.

    Attributes:
        model: the graph.
        variables: by canonical name.
        paths: the node path of each value that has one; of an output the name that it has among the model's outputs.
        origin: node path -> what the original calls it.
        owners: what identifies variables -> the node path under which they are kept.
    """

    model: Model
    variables: dict[str, Array]
    paths: dict[Value, str]
    origin: dict[str, str]
    owners: dict[Hashable, str] = field(default_factory=dict)


def label(name: str) -> str:
    """A name that a node can have: ``block1-conv/2`` becomes ``block1_conv_2``."""
    word = re.sub(r"\W", "_", name, flags=re.ASCII)
    return word if re.match(r"[A-Za-z_]", word) else f"_{word}"


class Assembly:
    """Collects inputs and calls in the order in which they happen, and makes a :class:`Model` of them.

    Calls that lead to no output are left out with their variables. A module whose calls belong together in the graph
    becomes a nested model (:mod:`nnspec.porting.nesting`); those of others are named after it.
    """

    def __init__(self) -> None:
        self._values: list[tuple[str, Input] | Call] = []

    def input(self, name: str, shape: Sequence[int | None] | None, dtype: DType = "float") -> Value:
        """An input: its shape without the batch axis."""
        self._values.append((name, Input(None if shape is None else tuple(shape), dtype)))
        return Value(len(self._values) - 1)

    def call(
        self,
        layer: Layer,
        *inputs: Value,
        name: str | None = None,
        scope: Sequence[str] = (),
        owner: Hashable | None = None,
        variables: Mapping[str, Array] | None = None,
        origin: str = "",
        invocations: Sequence[Hashable] = (),
    ) -> Value:
        """A call of a layer. Without a name its node is named after the layer's class.

        ``invocations`` tells for each module of the scope one call of it from another: a number, say.
        """
        from nnspec.vocabulary import node_name

        word = name or node_name(type(layer))
        call = Call(layer, inputs, word, tuple(scope), owner, variables or {}, origin, tuple(invocations))
        self._values.append(call)
        return Value(len(self._values) - 1)

    def made(self, value: Value) -> Call | None:
        """The call that gave a value, None of an input: what a conversion looks back at to find a known form."""
        entry = self._values[value.index]
        return entry if isinstance(entry, Call) else None

    def users(self, outputs: Sequence[Value]) -> dict[Value, list[Value]]:
        """What takes each value, of all that leads to these outputs; once for each place where it is taken."""
        needed = self._needed(outputs)
        users: dict[Value, list[Value]] = {Value(i): [] for i in sorted(needed)}
        for i in sorted(needed):
            entry = self._values[i]
            for given in entry.inputs if isinstance(entry, Call) else ():
                users[Value(given.index)].append(Value(i))
        return users

    def put(self, value: Value, call: Call) -> None:
        """Another call, of what was there before it, in the place of the one that gives a value."""
        assert all(x.index < value.index for x in call.inputs), "a layer takes what is there before it"
        self._values[value.index] = call

    def replace(self, value: Value, layer: Layer, *inputs: Value) -> None:
        """Another layer, without variables, in the place of the one that gives a value, on what was there before it.

        A variable that turns out to be used in several ways cannot belong to the first layer that used it.
        """
        old = self._values[value.index]
        assert isinstance(old, Call), "an input is given by no layer"
        assert all(x.index < value.index for x in inputs), "a layer takes what is there before it"
        self._values[value.index] = Call(
            layer, inputs, old.name, old.scope, origin=old.origin, invocations=old.invocations
        )

    def finish(self, outputs: Sequence[Value], *, name: str | None = None, nested: bool = True) -> Assembled:
        """The graph that leads to these outputs.

        Args:
            outputs: its outputs.
            name: the model's.
            nested: whether modules become nested models where they can; else all nodes stand side by side.
        """
        from nnspec.porting.nesting import Nesting

        needed = self._needed(outputs)
        counts: dict[str, int] = {}
        paths: dict[int, str] = {}
        inputs: dict[str, Input] = {}
        for i, word, given in self._inputs():
            paths[i] = free_name(label(word), counts)
            inputs[paths[i]] = given
        calls = {i: entry for i, entry in enumerate(self._values) if isinstance(entry, Call) and i in needed}
        made = Nesting(calls, {i: given.dtype for i, _, given in self._inputs()}, nested)
        level = made.level(list(calls), {v.index for v in outputs}, paths, counts)
        variables: dict[str, Array] = {}
        owners: dict[Hashable, str] = {}
        for i, entry in calls.items():
            kept = made.kept[i]
            if entry.owner is not None:
                owners.setdefault(entry.owner, kept)
            if kept == made.paths[i]:
                variables.update({f"{kept}/{key}": array for key, array in entry.variables.items()})
        # What an output is within a nested model goes by the model's own name, as it does among the outputs.
        every = {**paths, **made.paths, **{v.index: level.names[v.index] for v in outputs}}
        model = Model(inputs, level.nodes, tuple(level.names[v.index] for v in outputs), name=name)
        origin = {made.paths[i]: entry.origin for i, entry in calls.items()}
        return Assembled(model, variables, {Value(i): path for i, path in every.items()}, origin, owners)

    def _inputs(self) -> list[tuple[int, str, Input]]:
        return [(i, *entry) for i, entry in enumerate(self._values) if isinstance(entry, tuple)]

    def _needed(self, outputs: Sequence[Value]) -> set[int]:
        needed = {value.index for value in outputs}
        for i in range(len(self._values) - 1, -1, -1):
            entry = self._values[i]
            if i in needed and isinstance(entry, Call):
                needed.update(value.index for value in entry.inputs)
        return needed
