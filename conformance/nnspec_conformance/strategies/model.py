"""Small networks: branches, operations, shared layers, models within models, several inputs and outputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from nnspec.errors import SpecError
from nnspec.graph import free_name, has_state
from nnspec.layers.base import Layer, Shape
from nnspec.layers.shape import Flatten
from nnspec.model import Input, Model, Node
from nnspec.ops import Concat
from nnspec.vocabulary import node_name
from nnspec_conformance.case import Case
from nnspec_conformance.strategies.layers import attempt, fitting, moderate, takes
from nnspec_conformance.strategies.operations import shapes

DEPTH = 2


@dataclass
class _Graph:
    """A graph that grows: the shapes of all values by name, and which of them nothing uses yet."""

    values: dict[str, Shape]
    nodes: list[Node] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, layer: Layer, *sources: str, shares: str | None = None) -> str:
        name = free_name(shares or node_name(type(layer)), self.counts)
        self.nodes.append(Node(name, layer, sources, shares))
        self.values[name] = layer.output_shape(*(self.values[source] for source in sources))
        return name

    @property
    def ends(self) -> list[str]:
        used = {name for node in self.nodes for name in node.inputs}
        return [node.name for node in self.nodes if node.name not in used]


@st.composite
def models(
    draw: st.DrawFn,
    given: tuple[Shape, ...] | None = None,
    *,
    nodes: int = 6,
    depth: int = 0,
    one_output: bool = False,
) -> Model:
    """Models with up to so many nodes on inputs of these shapes (batch axis included), or of any."""
    if given is None:
        drawn = draw(st.lists(shapes(min_axes=1), min_size=1, max_size=2))
        given = tuple((None, *shape) for shape in drawn)
    names = ["input"] if len(given) == 1 else [f"x{i + 1}" for i in range(len(given))]
    graph = _Graph(dict(zip(names, given, strict=True)), counts=dict.fromkeys(names, 1))
    for _ in range(draw(st.integers(1, nodes))):
        draw(_node(graph, depth))
    if not graph.nodes:  # what was drawn did not fit
        graph.add(Flatten(), names[0])
    if one_output and len(graph.ends) > 1:
        ends = [graph.add(Flatten(), name) for name in graph.ends]
        graph.add(Concat(), *ends)
    outputs = graph.ends
    if not one_output and draw(st.integers(0, 5)) == 5:  # a value within, or an input, is an output too
        outputs = list(dict.fromkeys([*outputs, draw(st.sampled_from(list(graph.values)))]))
    inputs = {name: Input(tuple(shape[1:])) for name, shape in zip(names, given, strict=True)}
    return Model(inputs, tuple(graph.nodes), tuple(outputs))


@st.composite
def _node(draw: st.DrawFn, graph: _Graph, depth: int) -> None:
    """One more node: a layer on one value, an operation on several, a layer used again, or a model."""
    recent = list(reversed(graph.values))
    way = draw(st.sampled_from(["layer", "layer", "layer", "operation", "again", "model"]))
    source = draw(st.sampled_from(recent))
    shape = graph.values[source]
    if way == "operation":
        sources, found = [source, draw(st.sampled_from(recent))], []
        if draw(st.integers(0, 3)) == 3:
            sources.append(draw(st.sampled_from(recent)))
        inputs = [graph.values[name] for name in sources]
        found = [cls for cls in fitting("operation", *inputs) if _joins(cls, inputs)]
        if found:
            layer = draw(attempt(draw(st.sampled_from(found)), *inputs))
            if layer is not None:
                graph.add(layer, *sources)
            return
    if way == "again":
        pairs = [(node, name) for node in graph.nodes for name in recent if _again(graph, node, name)]
        if pairs:
            node, name = draw(st.sampled_from(pairs))
            graph.add(node.layer, name, shares=node.owner)
            return
    if way == "model" and depth < DEPTH:
        inner = draw(models((shape,), nodes=3, depth=depth + 1, one_output=True))
        if takes(inner, shape):
            graph.add(inner, source)
            return
    layer = draw(attempt(draw(st.sampled_from(fitting("layer", shape))), shape))
    if layer is not None:
        graph.add(layer, source)


def _joins(cls: type[Any], inputs: list[Shape]) -> bool:
    """Whether an operation with its defaults takes these inputs, and stays small."""
    try:
        output: Shape = cls().output_shape(*inputs)
    except SpecError:  # a shape that does not fit, or a field that has no default
        return False
    return moderate(output)


def _again(graph: _Graph, node: Node, source: str) -> bool:
    """Whether a node's layer can be used on another value, with the variables that it has."""
    if len(node.inputs) != 1 or not has_state(node.layer):
        return False
    before, now = graph.values[node.inputs[0]], graph.values[source]
    if not takes(node.layer, now):
        return False
    return bool(node.layer.params(now) == node.layer.params(before))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Networks as cases."""
    scale = draw(st.sampled_from([1.0, 0.3, 2.0]))
    return Case(draw(models()), scale=scale)
