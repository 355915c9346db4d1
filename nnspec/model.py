"""Model: a graph of named nodes. Sequential is its short form; nested models are nodes, shared layers shared nodes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from nnspec.errors import ShapeError, SpecError, did_you_mean
from nnspec.layers.base import NAME, DType, Layer, Param, Shape
from nnspec.spec import Spec, changed_fields, dump, parse, spec
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

    ``shares`` names an earlier node whose layer, hence whose variables, this node uses again.
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
    """A symbolic tensor: what ``layer(x)`` gives, from which ``Model(inputs=..., outputs=...)`` collects the graph."""

    layer: Layer | Input
    inputs: tuple[Tensor, ...] = ()
    name: str | None = None

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


def call_layer(layer: Layer, *inputs: Tensor) -> Tensor:
    """The symbolic result of a layer (or a nested model) on symbolic inputs."""
    for value in inputs:
        if not isinstance(value, Tensor):
            raise SpecError(
                f"{type(layer).__name__} is a spec: call it on symbolic tensors (nnspec.symbol), not on "
                f"{type(value).__name__}; to compute, build the model with nnspec.backend(...).build(model)"
            )
    return Tensor(layer, inputs, layer.name)


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
            inputs, nodes, outputs = _collect(self.inputs, self.outputs)
        else:
            inputs, nodes, outputs = _checked(self.inputs, self.nodes, self.outputs)
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "outputs", outputs)

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
        if not isinstance(fields, Mapping):
            raise SpecError(f"expected a mapping with 'layers' or 'nodes', got {fields!r}")
        if "layers" in fields:
            _only(fields, ("input", "layers", "name"))
            layers = fields["layers"]
            if not isinstance(layers, list | tuple):
                raise SpecError(f"expected a list of layers, got {layers!r}", ("layers",))
            return Sequential(layers, _input(fields.get("input"), ("input",)), name=fields.get("name"))
        _only(fields, ("inputs", "input", "nodes", "outputs", "output", "name"), "layers")
        if "nodes" not in fields:
            raise SpecError("expected 'layers' (a chain) or 'nodes' (a graph)")
        given = fields.get("inputs", {"input": fields["input"]} if "input" in fields else None)
        if not isinstance(given, Mapping) or not given:
            raise SpecError("a graph names its inputs: inputs: {x: [10]}", ("inputs",))
        inputs = {name: _input(value, ("inputs", str(name))) for name, value in given.items()}
        written = fields["nodes"]
        if not isinstance(written, Mapping):
            raise SpecError("expected a mapping of node names to {layer: ..., inputs: ...}", ("nodes",))
        for name in written:
            if name in inputs:
                raise SpecError(f"the name {name!r} is taken by an input", ("nodes", str(name)))
        outputs = _names(fields.get("outputs", fields.get("output")), ("outputs",))
        return cls(inputs, _nodes_from_file(written), outputs, name=fields.get("name"))

    def to_file(self) -> dict[str, Any]:
        """The short form: ``input`` and ``layers`` for a chain, else ``inputs``, ``nodes`` and ``outputs``."""
        named = {} if self.name is None else {"name": self.name}
        chain = self._as_chain()
        if chain is not None:
            given = self.inputs["input"]
            written = {} if given == Input() else {"input": _input_to_file(given)}
            return {**written, "layers": chain, **named}
        nodes: dict[str, Any] = {}
        for node in self.nodes:
            inputs = node.inputs[0] if len(node.inputs) == 1 else list(node.inputs)
            layer = {"shares": node.shares} if node.shares else {"layer": dump(node.layer)}
            nodes[node.name] = {**layer, "inputs": inputs}
        outputs = self.outputs[0] if len(self.outputs) == 1 else list(self.outputs)
        inputs = {name: _input_to_file(value) for name, value in self.inputs.items()}
        return {"inputs": inputs, "nodes": nodes, "outputs": outputs, **named}

    def _as_chain(self) -> list[Any] | None:
        """The layers' short forms if this is what Sequential makes, else None."""
        if list(self.inputs) != ["input"] or not self.nodes or self.outputs != (self.nodes[-1].name,):
            return None
        written: list[Any] = []
        previous, counts = "input", {"input": 1}
        for node in self.nodes:
            if node.inputs != (previous,) or node.shares is not None:
                return None
            layer = node.layer
            if node.name != _free_name(node_name(type(layer)), counts):
                layer = dataclasses.replace(layer, name=node.name)
                counts.setdefault(node.name, 1)
            written.append(dump(layer))
            previous = node.name
        return written

    # -- inference ----------------------------------------------------------------------------------------------------

    def infer(self, *shapes: Shape, dtypes: Sequence[DType] | None = None) -> dict[str, Inferred]:
        """Shapes, dtypes and variables of every node.

        Args:
            shapes: the inputs' shapes, batch axis included; without them the declared ones.
            dtypes: the inputs' dtypes, where another model gives them.

        Raises:
            ShapeError: naming the node and the shapes.
        """
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
            if node.shares is not None and params != found[node.shares].params:
                mine = {k: p.shape for k, p in params.items()}
                theirs = {k: p.shape for k, p in found[node.shares].params.items()}
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

    def _params(self, inner: dict[str, Inferred]) -> dict[str, Param]:
        return {
            f"{node.name}/{name}": param
            for node in self.nodes
            if node.shares is None
            for name, param in inner[node.name].params.items()
        }

    def _result(
        self, inner: dict[str, Inferred], shapes: tuple[Shape, ...], dtypes: Sequence[DType]
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
    given = input if isinstance(input, Input) else _input(input, ("input",))
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
            label = _free_name(shares, counts)
        else:
            if layer.name is not None and layer.name in counts:
                raise SpecError(f"the name {layer.name!r} is taken", ("layers", i, "name"))
            label, shares = layer.name or _free_name(node_name(type(layer)), counts), None
            counts.setdefault(label, 1)
            if isinstance(written, Spec) and _has_state(layer):
                owners[id(written)] = label
        nodes.append(Node(label, dataclasses.replace(layer, name=None), (previous,), shares))
        previous = label
    return Model({"input": given}, tuple(nodes), (previous,), name=name)


def _has_state(layer: Layer) -> bool:
    """Whether using the layer twice differs from two equal layers: it has variables or random streams."""
    return isinstance(layer, Model) or type(layer).params is not Layer.params or bool(layer.random)


def _free_name(base: str, counts: dict[str, int]) -> str:
    """``dense``, then ``dense_1``, ``dense_2``, …, passing over names that are taken."""
    name, n = base, 0
    while name in counts:
        n += 1
        name = f"{base}_{n}"
    counts[name] = 1
    return name


def _only(fields: Mapping[str, Any], known: tuple[str, ...], *more: str) -> None:
    for name in fields:
        if name not in known:
            hint = did_you_mean(name, (*known, *more))
            raise SpecError(f"a model has no field {name!r}{hint} (fields: {', '.join(known)})", key=name)


def _input(value: Any, path: tuple[str | int, ...]) -> Input:
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
    raise SpecError(f"expected a shape such as [64], got {value!r}", path)


def _input_to_file(value: Input) -> Any:
    if value.dtype == "float":
        return None if value.shape is None else list(value.shape)
    return changed_fields(value)


def _names(value: Any, path: tuple[str | int, ...]) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names or not all(isinstance(n, str) for n in names):
        raise SpecError(f"expected the name of a node, or a list of names, got {value!r}", path)
    return tuple(names)


def _nodes_from_file(written: Mapping[str, Any]) -> tuple[Node, ...]:
    """Nodes as a file lists them; order in a file is free, so they are sorted by their inputs."""
    nodes: dict[str, Node] = {}
    layers: dict[str, Layer] = {}
    for name, fields in written.items():
        path: tuple[str, ...] = ("nodes", str(name))
        if not isinstance(fields, Mapping):
            raise SpecError(f"expected {{layer: ..., inputs: ...}}, got {fields!r}", path)
        try:
            _only(fields, ("layer", "inputs", "input", "shares"))
        except SpecError as error:
            raise error.under(*path) from None
        if ("layer" in fields) == ("shares" in fields):
            raise SpecError("a node has either a layer of its own or the name of the node it shares with", path)
        if "layer" in fields:
            try:
                layer = parse("layer", fields["layer"])
            except SpecError as error:
                raise error.under(*path, "layer") from None
            if layer.name is not None:
                raise SpecError("the node's name is given already", (*path, "layer", "name"))
            layers[name] = layer
        inputs = _names(fields.get("inputs", fields.get("input")), (*path, "inputs"))
        nodes[name] = Node(name, layers.get(name, Layer()), inputs, fields.get("shares"))
    for name, node in nodes.items():
        if node.shares is not None:
            if node.shares not in layers:
                hint = did_you_mean(node.shares, layers)
                raise SpecError(
                    f"there is no node {node.shares!r} with a layer to share{hint}", ("nodes", name, "shares")
                )
            nodes[name] = dataclasses.replace(node, layer=layers[node.shares])
    return _sorted(nodes)


def _sorted(nodes: Mapping[str, Node]) -> tuple[Node, ...]:
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


def _checked(inputs: Any, nodes: Any, outputs: Any) -> tuple[dict[str, Input], tuple[Node, ...], tuple[str, ...]]:
    """Inputs, nodes and outputs of a graph given by names, verified."""
    import re

    if not isinstance(inputs, Mapping) or not all(isinstance(i, Input) for i in inputs.values()):
        raise SpecError("expected a mapping of names to Input, or symbolic tensors", ("inputs",))
    taken = dict.fromkeys(inputs, "input")
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
        arity = len(node.layer.inputs) if isinstance(node.layer, Model) else node.layer.arity
        if arity is not None and len(node.inputs) != arity:
            kind = type(node.layer).__name__
            raise SpecError(
                f"{kind} takes {arity} input{'s' * (arity != 1)}, got {len(node.inputs)}", (*path, "inputs")
            )
        if node.shares is not None and taken.get(node.shares) != "node":
            raise SpecError(f"shares the layer of {node.shares!r}, which is not an earlier node", path)
    names = _names(outputs, ("outputs",))
    for i, name in enumerate(names):
        if name not in taken:
            raise SpecError(f"{name!r} is not a node or an input{did_you_mean(name, taken)}", ("outputs", i))
    return dict(inputs), tuple(nodes), names


def _collect(
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
        name = tensor.name or _free_name("input", counts)
        if name in declared:
            raise SpecError(f"the name {name!r} is taken", ("inputs", i))
        counts[name] = 1
        names[id(tensor)] = name
        declared[name] = tensor.layer
    nodes: list[Node] = []
    owners: dict[int, str] = {}
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
        shares = owners.get(id(layer))
        if shares is None and tensor.name is not None:
            label = tensor.name
            if any(n.name == label for n in nodes):
                raise SpecError(f"the name {label!r} is taken by another node", ("nodes", label))
        else:
            label = _free_name(shares or node_name(type(layer)), counts)
        if _has_state(layer):
            owners.setdefault(id(layer), label)
        names[id(tensor)] = label
        sources = tuple(names[id(t)] for t in tensor.inputs)
        nodes.append(Node(label, dataclasses.replace(layer, name=None), sources, shares))
    return _checked(declared, tuple(nodes), tuple(names[id(t)] for t in wanted))
