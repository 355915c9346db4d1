"""Graphs of named nodes: symbolic tensors, the graph between them, and what every graph must fulfil."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from nnspec.errors import SpecError, did_you_mean
from nnspec.layers.base import NAME, DType, Layer
from nnspec.spec import Spec, shown, spec
from nnspec.vocabulary import node_name


@spec
class Input(Spec):
    """One input of a model: its shape without the batch axis, and its dtype ("float" is the net's own).

    A shape of ``None`` is filled in from the data or by the model around; an axis of ``None`` (``null`` in a file)
    takes any length.
    """

    shape: tuple[int | None, ...] | None = None
    dtype: DType = "float"

    def __post_init__(self) -> None:
        if self.shape is not None:
            for i, size in enumerate(self.shape):
                if size is not None and size < 1:
                    raise SpecError(f"sizes are positive or null, got {size}", ("shape", i))


@dataclasses.dataclass(frozen=True)
class Node:
    """One node: a layer (or a nested model) applied to other nodes' outputs.

    ``shares`` names an earlier node whose layer, hence whose variables, this node uses again; the layer may be another
    one that has the same variables, if it says so (an Unembedding of an Embedding).
    """

    name: str
    layer: Layer
    inputs: tuple[str, ...]
    shares: str | None = None

    @property
    def owner(self) -> str:
        """The name under which the node's variables are kept."""
        return self.shares or self.name


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
    """A symbolic tensor: what ``layer(x)`` gives, from which ``Model(inputs=..., outputs=...)`` collects the graph.

    ``variables`` is the layer whose variables are used, where it is another one.
    """

    layer: Layer | Input
    inputs: tuple[Tensor, ...] = ()
    name: str | None = None
    variables: Layer | None = None

    def __add__(self, other: Tensor) -> Tensor:
        return _operation("Add", self, other)

    def __sub__(self, other: Tensor) -> Tensor:
        return _operation("Subtract", self, other)

    def __mul__(self, other: Tensor) -> Tensor:
        return _operation("Multiply", self, other)

    def __truediv__(self, other: Tensor) -> Tensor:
        return _operation("Divide", self, other)


def _operation(name: str, *tensors: Tensor) -> Tensor:
    from nnspec import ops

    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise SpecError(f"{name.lower()} joins symbolic tensors, got {type(tensor).__name__}")
    return call_layer(getattr(ops, name)(), *tensors)


def symbol(shape: Sequence[int | None] | None = None, name: str | None = None, dtype: DType = "float") -> Tensor:
    """A symbolic input of that shape (without the batch axis), to start a graph from."""
    return Tensor(Input(None if shape is None else tuple(shape), dtype), (), name)


def call_layer(layer: Layer, *inputs: Tensor, variables: Layer | None = None) -> Tensor:
    """The symbolic result of a layer (or a nested model) on symbolic inputs, with its variables or another layer's."""
    for value in inputs:
        if not isinstance(value, Tensor):
            raise SpecError(
                f"{type(layer).__name__} is a spec: call it on symbolic tensors (nnspec.symbol), not on "
                f"{type(value).__name__}; to compute, build the model with nnspec.backend(...).build(model)"
            )
    return Tensor(layer, inputs, layer.name, variables)


def has_state(layer: Layer) -> bool:
    """Whether using the layer twice differs from two equal layers: it has variables or random streams."""
    return type(layer).params is not Layer.params or bool(layer.random)


def free_name(base: str, counts: dict[str, int]) -> str:
    """``dense``, then ``dense_1``, ``dense_2``, …, passing over names that are taken."""
    name, n = base, 0
    while name in counts:
        n += 1
        name = f"{base}_{n}"
    counts[name] = 1
    return name


def node_names(value: Any, path: tuple[str | int, ...]) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names or not all(isinstance(n, str) for n in names):
        raise SpecError(f"expected the name of a node, or a list of names, got {shown(value)}", path)
    return tuple(names)


def in_order(nodes: Mapping[str, Node]) -> tuple[Node, ...]:
    """Nodes in an order in which each follows its inputs (the given order where it does)."""
    ordered: dict[str, Node] = {}
    for start in nodes:
        stack: list[tuple[str, bool]] = [(start, False)]
        open_: list[str] = []
        while stack:
            name, ready = stack.pop()
            if ready:
                open_.pop()
                ordered.setdefault(name, nodes[name])
                continue
            if name in ordered:
                continue
            if name in open_:
                cycle = " -> ".join([*open_[open_.index(name) :], name])
                raise SpecError(f"the graph has a cycle: {cycle}", ("nodes", name))
            open_.append(name)
            stack.append((name, True))
            before = (*nodes[name].inputs, *((nodes[name].shares,) if nodes[name].shares else ()))
            stack.extend((n, False) for n in reversed(before) if n in nodes and n not in ordered)
    return tuple(ordered.values())


def checked(inputs: Any, nodes: Any, outputs: Any) -> tuple[dict[str, Input], tuple[Node, ...], tuple[str, ...]]:
    """Inputs, nodes and outputs of a graph given by names, verified."""
    if not isinstance(inputs, Mapping) or not all(isinstance(i, Input) for i in inputs.values()):
        raise SpecError("expected a mapping of names to Input, or symbolic tensors", ("inputs",))
    taken = dict.fromkeys(inputs, "input")
    layers: dict[str, Layer] = {}
    for node in nodes:
        if not isinstance(node, Node):
            raise SpecError(f"expected Node, got {type(node).__name__}", ("nodes",))
    for name in (*inputs, *(n.name for n in nodes)):
        if not isinstance(name, str) or not re.fullmatch(NAME, name):
            raise SpecError(
                f"{name!r} cannot name a node: letters, digits and '_', not starting with a digit", ("nodes",)
            )
    for node in nodes:
        path = ("nodes", node.name)
        if node.name in taken:
            raise SpecError(f"the name {node.name!r} is taken by another {taken[node.name]}", path)
        taken[node.name] = "node"
        every = [*inputs, *(n.name for n in nodes)]
        for i, name in enumerate(node.inputs):
            if name not in taken or name == node.name:
                known = [n for n in every if n != node.name]
                reason = "comes after it" if name in known else f"is not a node or an input{did_you_mean(name, known)}"
                raise SpecError(f"its input {name!r} {reason}", (*path, "inputs", i))
        arity = node.layer.takes()
        if arity is not None and len(node.inputs) != arity:
            kind = type(node.layer).__name__
            raise SpecError(
                f"{kind} takes {arity} input{'s' * (arity != 1)}, got {len(node.inputs)}", (*path, "inputs")
            )
        if node.shares is not None and node.shares not in layers:
            raise SpecError(f"shares the layer of {node.shares!r}, which is not an earlier node", path)
        if node.shares is not None and not node.layer.shares_with(layers[node.shares]):
            raise SpecError(f"shares the layer of {node.shares!r}, but has another one", path)
        layers[node.name] = node.layer
    names = node_names(outputs, ("outputs",))
    for i, name in enumerate(names):
        if name not in taken:
            raise SpecError(f"{name!r} is not a node or an input{did_you_mean(name, taken)}", ("outputs", i))
    needed = set(names)
    for node in reversed(nodes):
        if node.name not in needed:
            raise SpecError("leads to no output: name it in the outputs, or leave it out", ("nodes", node.name))
        needed.update(node.inputs)
    return dict(inputs), tuple(nodes), names


def collect(
    inputs: Tensor | Sequence[Tensor], outputs: Any
) -> tuple[dict[str, Input], tuple[Node, ...], tuple[str, ...]]:
    """The graph between symbolic inputs and outputs, by walking back from the outputs."""
    given = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    wanted = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    for tensor in (*given, *wanted):
        if not isinstance(tensor, Tensor):
            raise SpecError(f"expected symbolic tensors, got {type(tensor).__name__}", ("outputs",))
    order: list[Tensor] = []
    seen: set[int] = set()
    stack: list[tuple[Tensor, bool]] = [(t, False) for t in reversed(wanted)]
    while stack:
        tensor, ready = stack.pop()
        if ready:
            order.append(tensor)
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            stack.append((tensor, True))
            stack.extend((t, False) for t in reversed(tensor.inputs))
    names: dict[int, str] = {}
    counts: dict[str, int] = {}
    declared: dict[str, Input] = {}
    reserved = {t.name for t in order if t.name is not None}
    for i, tensor in enumerate(given):
        if not isinstance(tensor.layer, Input):
            raise SpecError("inputs come from nnspec.symbol(shape)", ("inputs", i))
        name = tensor.name or free_name("input", counts)
        if name in declared:
            raise SpecError(f"the name {name!r} is taken", ("inputs", i))
        counts[name] = 1
        names[id(tensor)] = name
        declared[name] = tensor.layer
    nodes: list[Node] = []
    owners: dict[int, tuple[str, type[Layer]]] = {}
    for name in reserved:
        counts.setdefault(name, 1)
    for tensor in order:
        if id(tensor) in names:
            continue
        layer = tensor.layer
        if isinstance(layer, Input):
            raise SpecError(
                f"an output depends on the input {tensor.name or '(unnamed)'!r}, which is not listed", ("inputs",)
            )
        kept = id(layer if tensor.variables is None else tensor.variables)
        shares, owner = owners.get(kept, (None, None))
        if shares is None and tensor.name is not None:
            label = tensor.name
            if any(n.name == label for n in nodes):
                raise SpecError(f"the name {label!r} is taken by another node", ("nodes", label))
        else:
            again = shares if owner is type(layer) else None
            label = free_name(again or node_name(type(layer)), counts)
        if has_state(layer):
            owners.setdefault(kept, (label, type(layer)))
        names[id(tensor)] = label
        sources = tuple(names[id(t)] for t in tensor.inputs)
        nodes.append(Node(label, dataclasses.replace(layer, name=None), sources, shares))
    return checked(declared, tuple(nodes), tuple(names[id(t)] for t in wanted))
