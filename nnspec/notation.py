"""How models are written in files: a chain of layers, or a graph of nodes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from nnspec.errors import SpecError, did_you_mean
from nnspec.graph import Input, Node, free_name, in_order, node_names
from nnspec.layers.base import Layer
from nnspec.models import BUILDERS
from nnspec.spec import changed_fields, dump, parse, shown
from nnspec.vocabulary import node_name

_EITHER = "a node has either a layer of its own or the name of the node it shares with"


def read_graph(fields: Mapping[str, Any]) -> tuple[dict[str, Input], tuple[Node, ...], tuple[str, ...]]:
    """Inputs, nodes and outputs of a graph as a file writes it."""
    only(fields, ("inputs", "input", "nodes", "outputs", "output", "name"), "layers", *BUILDERS)
    if "nodes" not in fields:
        raise SpecError("expected 'layers' (a chain) or 'nodes' (a graph)")
    given = _either(fields, "inputs", "input")
    if "input" in fields:
        given = {"input": given}
    if not isinstance(given, Mapping) or not given:
        raise SpecError("a graph names its inputs: inputs: {x: [10]}", ("inputs",))
    inputs = {name: read_input(value, ("inputs", str(name))) for name, value in given.items()}
    written = fields["nodes"]
    if not isinstance(written, Mapping):
        raise SpecError("expected a mapping of node names to {layer: ..., inputs: ...}", ("nodes",))
    for name in written:
        if name in inputs:
            raise SpecError(f"the name {name!r} is taken by an input", ("nodes", str(name)))
    return inputs, _read_nodes(written), node_names(_either(fields, "outputs", "output"), ("outputs",))


def write_graph(inputs: Mapping[str, Input], nodes: tuple[Node, ...], outputs: tuple[str, ...]) -> dict[str, Any]:
    """A graph as a file writes it: a chain by its layers where it is one that Sequential names the same."""
    chain = _as_chain(inputs, nodes, outputs)
    if chain is not None:
        given = inputs["input"]
        return {**({} if given == Input() else {"input": _write_input(given)}), "layers": chain}
    written: dict[str, Any] = {}
    layers = {node.name: node.layer for node in nodes}
    for node in nodes:
        sources = node.inputs[0] if len(node.inputs) == 1 else list(node.inputs)
        again = node.shares is not None and node.layer == layers[node.shares]
        layer = {} if again else {"layer": dump(node.layer)}
        shares = {} if node.shares is None else {"shares": node.shares}
        written[node.name] = {**layer, **shares, "inputs": sources}
    return {
        "inputs": {name: _write_input(value) for name, value in inputs.items()},
        "nodes": written,
        "outputs": outputs[0] if len(outputs) == 1 else list(outputs),
    }


def _as_chain(inputs: Mapping[str, Input], nodes: tuple[Node, ...], outputs: tuple[str, ...]) -> list[Any] | None:
    """The layers' short forms if this is what ``Sequential`` makes of them, else None."""
    if list(inputs) != ["input"] or not nodes or outputs != (nodes[-1].name,):
        return None
    written: list[Any] = []
    previous, counts = "input", {"input": 1}
    for node in nodes:
        if node.inputs != (previous,) or node.shares is not None:
            return None
        layer = node.layer
        free = free_name(node_name(type(layer)), counts)
        if node.name != free:
            del counts[free]  # a reader will find it free, too
            layer = dataclasses.replace(layer, name=node.name)
            counts.setdefault(node.name, 1)
        written.append(dump(layer))
        previous = node.name
    return written


def only(fields: Mapping[str, Any], known: tuple[str, ...], *more: str, what: str = "a model") -> None:
    """Refuse fields that are not ``known``; ``more`` are names that may have been meant."""
    for name in fields:
        if name not in known:
            hint = did_you_mean(name, (*known, *more))
            raise SpecError(f"{what} has no field {name!r}{hint} (fields: {', '.join(known)})", key=name)


def read_input(value: Any, path: tuple[str | int, ...]) -> Input:
    try:
        if isinstance(value, Input):
            return value
        if isinstance(value, Mapping):
            fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}
            return Input(**fields)
        if value is None:
            return Input()
        if isinstance(value, int) and not isinstance(value, bool):
            return Input((value,))
        if isinstance(value, list | tuple):
            return Input(tuple(value))
    except SpecError as error:
        raise error.under(*path) from None
    raise SpecError(f"expected a shape such as [64], got {shown(value)}", path)


def _write_input(value: Input) -> Any:
    if value.dtype == "float":
        return None if value.shape is None else list(value.shape)
    return changed_fields(value)


def _read_nodes(written: Mapping[str, Any]) -> tuple[Node, ...]:
    """Nodes as a file lists them; order in a file is free, so they are sorted by their inputs."""
    nodes: dict[str, Node] = {}
    layers: dict[str, Layer] = {}
    others: dict[str, Layer] = {}  # that share the variables of one of those
    for name, fields in written.items():
        path: tuple[str, ...] = ("nodes", str(name))
        if not isinstance(fields, Mapping):
            raise SpecError(f"expected {{layer: ..., inputs: ...}}, got {shown(fields)}", path)
        try:
            only(fields, ("layer", "inputs", "input", "shares"), what="a node")
        except SpecError as error:
            raise error.under(*path) from None
        if "layer" not in fields and "shares" not in fields:
            raise SpecError(_EITHER, path)
        if "layer" in fields:
            try:
                layer = parse("layer", fields["layer"])
            except SpecError as error:
                raise error.under(*path, "layer") from None
            if layer.name is not None:
                raise SpecError("the node's name is given already", (*path, "layer", "name"))
            (others if "shares" in fields else layers)[name] = layer
        inputs = node_names(_either(fields, "inputs", "input"), (*path, "inputs"))
        nodes[name] = Node(name, layers.get(name, Layer()), inputs, fields.get("shares"))
    for name, node in nodes.items():
        if name in others and not (node.shares in layers and others[name].shares_with(layers[node.shares])):
            raise SpecError(_EITHER, ("nodes", name))
        if node.shares is not None:
            if node.shares not in layers:
                hint = did_you_mean(node.shares, layers)
                raise SpecError(
                    f"there is no node {node.shares!r} with a layer to share{hint}", ("nodes", name, "shares")
                )
            nodes[name] = dataclasses.replace(node, layer=others.get(name, layers[node.shares]))
    return in_order(nodes)


def _either(fields: Mapping[str, Any], several: str, one: str) -> Any:
    """The value of a field that may be written in the plural or the singular."""
    if several in fields and one in fields:
        raise SpecError(f"give {several!r} or {one!r}, not both", key=one)
    return fields.get(several, fields.get(one))
