"""Model: a graph of named nodes. Sequential is its short form; nested models are nodes, shared layers shared nodes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from nnspec.errors import ShapeError, SpecError, did_you_mean
from nnspec.graph import (
    Input as Input,
    Node as Node,
    Tensor as Tensor,
    call_layer as call_layer,
    checked,
    collect,
    free_name,
    has_state,
    symbol as symbol,
)
from nnspec.layers.base import DType, Layer, Param, Shape
from nnspec.models import BUILDERS, load
from nnspec.notation import only, read_graph, read_input, write_graph
from nnspec.spec import Spec, build, parse, shown, spec
from nnspec.vocabulary import node_name

# Of how many combinations of shapes a model remembers what it inferred: a reference that is asked for differences, or a
# server, asks for the same ones again and again.
_KEPT = 8


@dataclasses.dataclass(frozen=True)
class Inferred:
    """What shape inference found for one node: shapes include the batch axis."""

    inputs: tuple[Shape, ...]
    output: Shape
    dtype: DType
    params: dict[str, Param]


@spec
class Model(Layer):
    """A network: a graph of named nodes from named inputs to named outputs.

    ``inputs`` maps names to :class:`Input`, ``nodes`` stand in an order in which every node follows its inputs, and
    ``outputs`` names the nodes (or inputs) whose values the model gives. The functional form collects them:
    ``Model(inputs=x, outputs=y)`` with symbolic tensors. A model is a layer too and can be a node of another.

    In a file either ``input`` and ``layers`` (a chain), or::

        inputs: {x: [10]}
        nodes:
          hidden: {layer: {Dense: 10}, inputs: x}
          sum: {layer: add, inputs: [hidden, x]}
          again: {shares: hidden, inputs: sum}
        outputs: again

    or a builder of ``nnspec.models`` with its arguments: ``{resnet: {depth: 20, stem: cifar}}``.

    A recurrent layer in both directions is ``Bidirectional: {layer: {LSTM: 8}, merge: sum}``: a model of two layers
    that go forwards and backwards, merged by "concat", "sum", "mul" or "ave" (:func:`nnspec.Bidirectional`).
    """

    kind: ClassVar[str] = "layer"
    arity: ClassVar[int | None] = None
    inputs: Any
    nodes: Any = ()
    outputs: Any = ()

    def __post_init__(self) -> None:
        if isinstance(self.inputs, Tensor) or (
            isinstance(self.inputs, list | tuple) and any(isinstance(t, Tensor) for t in self.inputs)
        ):
            inputs, nodes, outputs = collect(self.inputs, self.outputs)
        else:
            inputs, nodes, outputs = checked(self.inputs, self.nodes, self.outputs)
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "outputs", outputs)

    def takes(self) -> int:
        return len(self.inputs)

    def __hash__(self) -> int:
        return hash((tuple(self.inputs.items()), self.nodes, self.outputs, self.name))

    # -- reading and writing ------------------------------------------------------------------------------------------

    @classmethod
    def from_file(cls, fields: Any) -> Model:
        """The model a spec file describes.

        Raises:
            SpecError: with the path below ``model``.
        """
        if isinstance(fields, list | tuple):
            return Sequential(fields)
        if isinstance(fields, str) and fields in BUILDERS:
            fields = {fields: None}
        if not isinstance(fields, Mapping):
            hint = did_you_mean(fields, BUILDERS) if isinstance(fields, str) else ""
            raise SpecError(f"expected a mapping with 'layers' or 'nodes', got {shown(fields)}{hint}")
        builder = next((name for name in fields if name in BUILDERS), None)
        if builder is not None:
            only(fields, (builder, "name"))
            made: Model = build(load(builder), fields[builder], builder)
            return dataclasses.replace(made, name=fields.get("name"))
        if "layers" in fields:
            only(fields, ("input", "layers", "name"))
            layers = fields["layers"]
            if not isinstance(layers, list | tuple):
                raise SpecError(f"expected a list of layers, got {shown(layers)}", ("layers",))
            return Sequential(layers, fields.get("input"), name=fields.get("name"))
        if "layer" in fields and not isinstance(fields["layer"], list | tuple):  # a list is meant as layers
            from nnspec.bidirectional import Bidirectional

            only(fields, ("layer", "merge", "backward", "name"))
            return Bidirectional(**fields)
        return cls(*read_graph(fields), name=fields.get("name"))

    def to_file(self) -> dict[str, Any]:
        """The short form: ``input`` and ``layers`` for a chain, else ``inputs``, ``nodes`` and ``outputs``."""
        named = {} if self.name is None else {"name": self.name}
        return {**write_graph(self.inputs, self.nodes, self.outputs), **named}

    # -- inference ----------------------------------------------------------------------------------------------------

    def infer(self, *shapes: Shape, dtypes: Sequence[DType] | None = None) -> Mapping[str, Inferred]:
        """Shapes, dtypes and variables of every node.

        Args:
            shapes: the inputs' shapes, batch axis included; without them the declared ones.
            dtypes: the inputs' dtypes, where another model gives them.

        Raises:
            ShapeError: naming the node and the shapes.
        """
        asked = (tuple(map(tuple, shapes)), None if dtypes is None else tuple(dtypes))
        known: dict[Any, Mapping[str, Inferred]] = self.__dict__.setdefault("_inferred", {})
        found = known.get(asked)
        if found is None:
            found = self._infer(*asked)
            if len(known) >= _KEPT:  # all of them at once, which does not disturb other threads
                known.clear()
            known[asked] = found
        return found

    def _infer(self, shapes: tuple[Shape, ...], dtypes: Sequence[DType] | None) -> Mapping[str, Inferred]:
        bound = self._bind(shapes, dtypes)
        outputs: dict[str, Shape] = {name: shape for name, (shape, _) in bound.items()}
        kinds: dict[str, DType] = {name: dtype for name, (_, dtype) in bound.items()}
        found: dict[str, Inferred] = {}
        for node in self.nodes:
            given = tuple(outputs[name] for name in node.inputs)
            given_dtypes = [kinds[name] for name in node.inputs]
            try:
                if isinstance(node.layer, Model):
                    inner = node.layer.infer(*given, dtypes=given_dtypes)
                    params = node.layer._params(inner)
                    output, dtype = node.layer._result(inner, given, given_dtypes)
                else:
                    dtype = node.layer.output_dtype(*given_dtypes)
                    output = node.layer.output_shape(*given)
                    params = node.layer.params(*given)
            except ShapeError as error:
                raise error.under(node.name) from None
            if node.shares is not None:
                mine = {k: p.shape for k, p in params.items()}
                theirs = {k: p.shape for k, p in found[node.shares].params.items()}
            if node.shares is not None and mine != theirs:
                raise ShapeError(
                    f"shares the layer of {node.shares!r}, but needs variables {mine}, not {theirs}", (node.name,)
                )
            found[node.name] = Inferred(given, output, dtype, params)
            outputs[node.name], kinds[node.name] = output, dtype
        return found

    def _bind(self, shapes: tuple[Shape, ...], dtypes: Sequence[DType] | None) -> dict[str, tuple[Shape, DType]]:
        """The shape and dtype of each input: the declared ones, filled in from what is given."""
        if shapes and len(shapes) != len(self.inputs):
            raise ShapeError(f"the model takes {len(self.inputs)} inputs ({', '.join(self.inputs)}), got {len(shapes)}")
        bound: dict[str, tuple[Shape, DType]] = {}
        for i, (name, declared) in enumerate(self.inputs.items()):
            given = shapes[i] if shapes else None
            if given is None:
                if declared.shape is None:
                    raise ShapeError("the input's shape is not known: declare it or give data", (name,))
                given = (None, *declared.shape)
            elif declared.shape is not None:
                fits = len(given) == len(declared.shape) + 1 and all(
                    d is None or d == g for d, g in zip(declared.shape, given[1:], strict=True)
                )
                if not fits:
                    raise ShapeError(f"the input has shape {list(declared.shape)}, got {list(given[1:])}", (name,))
            if dtypes is not None and dtypes[i] != declared.dtype:
                raise ShapeError(f"the input has dtype {declared.dtype}, got {dtypes[i]}", (name,))
            bound[name] = (given, declared.dtype)
        return bound

    def _params(self, inner: Mapping[str, Inferred]) -> dict[str, Param]:
        return {
            f"{node.name}/{name}": param
            for node in self.nodes
            if node.shares is None
            for name, param in inner[node.name].params.items()
        }

    def _result(
        self, inner: Mapping[str, Inferred], shapes: tuple[Shape, ...], dtypes: Sequence[DType]
    ) -> tuple[Shape, DType]:
        if len(self.outputs) != 1:
            raise ShapeError(
                f"a nested model has one output, this one has {len(self.outputs)}: {', '.join(self.outputs)}"
            )
        name = self.outputs[0]
        if name in inner:
            return inner[name].output, inner[name].dtype
        i = list(self.inputs).index(name)
        return shapes[i], dtypes[i]

    def params(self, *shapes: Shape) -> dict[str, Param]:
        """All variables by canonical name (``dense_1/kernel``), in the order of the nodes."""
        return self._params(self.infer(*shapes))

    def flops(self, *shapes: tuple[int, ...]) -> int:
        inner = self.infer(*shapes)
        return sum(node.layer.flops(*inner[node.name].inputs) for node in self.nodes)

    def output_shape(self, *shapes: Shape) -> Shape:
        inner = self.infer(*shapes)
        bound = self._bind(shapes, None)
        return self._result(inner, tuple(s for s, _ in bound.values()), [d for _, d in bound.values()])[0]

    def output_shapes(self, *shapes: Shape) -> dict[str, Shape]:
        """The shape of each output by its node's name."""
        inner = self.infer(*shapes)
        bound = self._bind(shapes, None)
        return {name: inner[name].output if name in inner else bound[name][0] for name in self.outputs}

    def with_inputs(self, *shapes: Sequence[int | None]) -> Model:
        """The same model with its inputs' shapes (without the batch axis) filled in."""
        bound = self._bind(tuple((None, *s) for s in shapes), None)
        inputs = {name: dataclasses.replace(self.inputs[name], shape=shape[1:]) for name, (shape, _) in bound.items()}
        return dataclasses.replace(self, inputs=inputs)

    @property
    def convolves(self) -> bool:
        return any(node.layer.convolves for node in self.nodes)

    @property
    def has_derivative(self) -> bool:
        """Whether it has one with respect to all inputs and parameters: no layer of it refuses."""
        return all(node.layer.differentiable for _, node in self.walk())

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Node]]:
        """All nodes with their paths (``encoder/dense``), nested models' own nodes after the model's node."""
        for node in self.nodes:
            yield prefix + node.name, node
            if isinstance(node.layer, Model) and node.shares is None:
                yield from node.layer.walk(f"{prefix}{node.name}/")


def Sequential(  # noqa: N802 - it reads as a class, as in Keras and PyTorch, and makes one
    layers: Sequence[Any], input: Any = None, *, name: str | None = None
) -> Model:
    """A chain of layers: the short form of :class:`Model`.

    Args:
        layers: layer specs or their short forms (``"gelu"``, ``{"Dense": 10}``).
        input: the input's shape without the batch axis; may be left out and is then taken from the data.
        name: the name of the model as a node of another.
    """
    if not layers:
        raise SpecError("a Sequential needs at least one layer", ("layers",))
    given = read_input(input, ("input",))
    nodes: list[Node] = []
    previous, counts = "input", {"input": 1}
    owners: dict[int, str] = {}
    for i, written in enumerate(layers):
        try:
            layer = parse("layer", written)
        except SpecError as error:
            raise error.under("layers", i) from None
        if id(written) in owners:
            shares = owners[id(written)]
            label = free_name(shares, counts)
        else:
            if layer.name is not None and layer.name in counts:
                raise SpecError(f"the name {layer.name!r} is taken", ("layers", i, "name"))
            label, shares = layer.name or free_name(node_name(type(layer)), counts), None
            counts.setdefault(label, 1)
            if isinstance(written, Spec) and has_state(layer):
                owners[id(written)] = label
        nodes.append(Node(label, dataclasses.replace(layer, name=None), (previous,), shares))
        previous = label
    return Model({"input": given}, tuple(nodes), (previous,), name=name)
