"""Which classes a model's source has: one for all blocks of a kind, with what differs among them as arguments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nnspec.errors import PortError
from nnspec.graph import Node
from nnspec.model import Inferred, Model
from nnspec.porting.blocks import Block, find_blocks, structure
from nnspec_jax.porting.export.naming import attribute, class_name, free, stem, unnumbered
from nnspec_jax.porting.export.needed import with_needed
from nnspec_jax.porting.export.written import REQUIRED, Argument, Made, Place, Raw, Written, written

# The parameters of a class by what they are in each of its blocks: kinds and values.
Vectors = dict[tuple[tuple[str, Any], ...], "Parameter"]


@dataclass(frozen=True)
class Parameter:
    """A parameter of a class's constructor."""

    name: str
    hint: str


@dataclass(eq=False)
class Part:
    """A line of a class: what makes an attribute, and what calls it.

    Attributes:
        attribute: its name; "" where there is none.
        made: the constructor call; the arguments that are the class's own parameters are in ``given``.
        given: the arguments that are parameters of the class, by name.
        call: see :class:`Written`.
        inputs: which values it takes: "input" or "part", and the place.
        owner: of a part that uses another's module: that one's place.
        kind: the class it is of, where it is a block.
        heavy: see :class:`Written`.
        label: the name of its value.
    """

    attribute: str
    made: Made | None
    given: dict[str, str]
    call: str
    inputs: tuple[tuple[str, int], ...]
    owner: int | None = None
    kind: Class | None = None
    heavy: bool = False
    label: str = ""

    @property
    def named(self) -> bool:
        """Whether it is a block that the model itself tells from others, by its nesting or its names."""
        block = None if self.kind is None else self.kind.blocks[0]
        return block is not None and (block.node is not None or bool(block.prefix))


@dataclass(eq=False)
class Class:
    """A class of the file.

    Attributes:
        name: its name.
        blocks: all that are of this class; the first gives it its names.
        parameters: of its constructor.
        parts: its lines.
        outputs: which values it gives.
        arguments: the values of the parameters, for each block.
    """

    name: str
    blocks: list[Block]
    parameters: list[Parameter] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    outputs: tuple[tuple[str, int], ...] = ()
    arguments: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether it has modules within."""
        return any(part.made is not None for part in self.parts)

    def made(self, block: Block) -> Made:
        """The constructor call for a block."""
        values = self.arguments[id(block)]
        arguments = tuple(Argument(p.name, values[p.name], positional=i < 2) for i, p in enumerate(self.parameters))
        return Made(self.name, arguments, rngs=self.holds)


class Classes:
    """The classes of a model.

    Attributes:
        root: the whole model as a block.
        order: the classes, each after those that it uses; the model's own is the last.
        nodes: what is written for each node, by path.
    """

    def __init__(self, model: Model, name: str) -> None:
        self.model = model
        self.nodes: dict[str, Written] = {}
        self._inferred: dict[str, Inferred] = {}
        self._write(model, "", model.infer(), _dtypes(model))
        # Classes and functions that stand in the file beside the model's own.
        self._helpers = frozenset(with_needed(helper for line in self.nodes.values() for helper in line.snippets))
        name = f"{name}Model" if name in self._helpers else name
        self.root = find_blocks(model, self._alike)
        kinds: dict[Hashable, list[Block]] = defaultdict(list)
        self._kind: dict[int, Hashable] = {}
        for block in self.root.blocks():
            if block.node is not None and block.node.shares is not None:
                continue
            kind: Hashable = (structure(block, self._alike), None)
            kinds[kind].append(block)
            self._kind[id(block)] = kind
        self._classes: dict[Hashable, Class] = {}
        self.order: list[Class] = []
        taken = {name}
        # Of several classes with one name the plainest keeps it.
        for kind, blocks in sorted(kinds.items(), key=lambda item: (_height(item[1][0]), len(item[1][0].parts))):
            made = Class("", blocks)
            self._fill(made)
            made.name = self._name(made, taken)
            taken.add(made.name)
            self._classes[kind] = made
            self.order.append(made)
        self.top = Class(name, [self.root])
        self._fill(self.top)
        self.order.append(self.top)

    # -- what is written for nodes ------------------------------------------------------------------------------------

    def _write(self, model: Model, path: str, inferred: Mapping[str, Inferred], dtypes: dict[str, Any]) -> None:
        variants = {node.shares for node in model.nodes if node.shares and node.layer != _owner(model, node).layer}
        for node in model.nodes:
            found = inferred[node.name]
            self._inferred[path + node.name] = found
            given = tuple(dtypes[name] for name in node.inputs)
            dtypes[node.name] = found.dtype
            if isinstance(node.layer, Model):
                inner = node.layer.infer(*found.inputs, dtypes=given)
                if node.shares is None:
                    names = dict(zip(node.layer.inputs, given, strict=True))
                    self._write(node.layer, f"{path}{node.name}/", inner, names)
                continue
            shared = node.name in variants or node.shares in variants
            place = Place(path + node.name, found.inputs, found.output, given, shared)
            self.nodes[path + node.name] = written(node.layer, place)

    def _alike(self, path: str, node: Node) -> Hashable:
        line = self.nodes[path]
        arguments: Hashable = None
        if line.made is not None:
            arguments = tuple(_kind_of(a.name, a.value, a.positional) for a in line.made.arguments)
        layouts = tuple((name, layout.path) for name, layout in line.layouts.items())
        kind = None if line.made is None else line.made.kind
        return kind, arguments, line.call, layouts, line.snippets

    # -- classes ------------------------------------------------------------------------------------------------------

    def class_of(self, block: Block) -> Class:
        """The class of a block."""
        return self._classes[self._kind[id(block)]]

    def _name(self, made: Class, taken: set[str]) -> str:
        """What a class is called; of several with one name the later ones are named after what the first lacks."""
        stems = {stem(block.name) for block in made.blocks}
        first = made.blocks[0]
        if first.node is None and not first.prefix:
            layers = [class_name(part.layer.__class__.__name__) for part in first.parts if isinstance(part, Node)]
            base = "".join(dict.fromkeys(layers[:3]))
        else:
            base = class_name(stems.pop() if len(stems) == 1 else _in_common(stems))
        base = f"{base}Block" if base in self._helpers else base
        if base not in taken:
            return free(base, taken)
        others = {part.attribute for other in self.order if other.name == base for part in other.parts}
        own = [part.attribute for part in made.parts if part.attribute and part.kind is None]
        more = [name for name in own if name not in others]
        if others and more and (named := f"{base}With{class_name(more[0])}") not in taken:
            return named
        number = 2
        while f"{base}{number}" in taken:
            number += 1
        return f"{base}{number}"

    def _fill(self, made: Class) -> None:
        """The class's lines, from those of all its blocks."""
        first = made.blocks[0]
        used: list[str] = []
        at: dict[str, tuple[str, int]] = {name: ("input", i) for i, name in enumerate(first.takes)}
        places: dict[str, int] = {}
        vectors: Vectors = {}
        for i, part in enumerate(first.parts):
            siblings = [block.parts[i] for block in made.blocks]
            line = self._line(made, part, siblings, vectors, used)
            names = part.given if isinstance(part, Block) else part.inputs
            line.inputs = tuple(at[name] for name in names)
            node = part.node if isinstance(part, Block) else part
            if node is not None and node.shares is not None:
                line.owner, line.made = places[node.shares], None
            if line.made is not None:
                named = bool(first.prefix) or first.node is not None or len(made.blocks) == 1
                label = first.local(part)
                line.attribute = attribute(label if named else unnumbered(label), used)
                used.append(line.attribute)
            line.label = attribute(first.local(part))
            made.parts.append(line)
            at[part.outputs[0] if isinstance(part, Block) and part.node is None else part.name] = ("part", i)
            places[part.name] = i
        made.outputs = tuple(at[name] for name in first.outputs)
        made.parameters = list(vectors.values())
        for n, block in enumerate(made.blocks):
            made.arguments[id(block)] = {p.name: vector[n][1] for vector, p in vectors.items()}

    def _line(
        self,
        made: Class,
        part: Node | Block,
        siblings: Sequence[Node | Block],
        vectors: Vectors,
        used: list[str],
    ) -> Part:
        if isinstance(part, Block):
            if part.node is not None and part.node.shares is not None:
                return Part("", None, {}, _block_call(part), ())
            kind = self.class_of(part)
            calls = [kind.made(sibling) for sibling in siblings if isinstance(sibling, Block)]
            constructor, given = _common(calls, vectors, part.name)
            return Part("", constructor, given, _block_call(part), (), kind=kind, heavy=True)
        lines = [self.nodes[block.path + sibling.name] for block, sibling in zip(made.blocks, siblings, strict=True)]
        line = lines[0]
        if line.made is None:
            return Part("", None, {}, line.call, (), heavy=line.heavy)
        constructor, given = _common([one.made for one in lines if one.made is not None], vectors, part.name)
        return Part("", constructor, given, line.call, (), heavy=line.heavy)


def _dtypes(model: Model) -> dict[str, Any]:
    return {name: declared.dtype for name, declared in model.inputs.items()}


def _owner(model: Model, node: Node) -> Node:
    return next(other for other in model.nodes if other.name == node.shares)


def _kind_of(name: str, value: Any, positional: bool) -> Hashable:
    """What of an argument must be the same for one class: numbers may differ."""
    if isinstance(value, Raw):
        return name, value.text, positional
    if value is None or (isinstance(value, str) and name != "padding"):
        return name, value, positional
    return name, type(value).__name__, positional


def _in_common(stems: set[str]) -> str:
    """What several words end with; blocks where they have no word in common."""
    words = [stem.split("_") for stem in sorted(stems)]
    common: list[str] = []
    while all(words) and len({parts[-1] for parts in words}) == 1:
        common.insert(0, words[0][-1])
        words = [parts[:-1] for parts in words]
    return "_".join(common) or "block"


def _height(block: Block) -> int:
    return 1 + max((_height(part) for part in block.parts if isinstance(part, Block)), default=0)


def _block_call(block: Block) -> str:
    return f"{{self}}({', '.join(f'{{{i}}}' for i in range(len(block.given)))})"


def _common(calls: Sequence[Made], vectors: Vectors, label: str) -> tuple[Made, dict[str, str]]:
    """The constructor call for all blocks: what differs among them is given by parameters."""
    given: dict[str, str] = {}
    arguments = []
    for i, argument in enumerate(calls[0].arguments):
        values = tuple(call.arguments[i].value for call in calls)
        keyed = tuple((type(value).__name__, value) for value in values)
        if len(set(keyed)) == 1:
            defaults = {repr(call.arguments[i].default) for call in calls}
            arguments.append(argument if len(defaults) == 1 else replace(argument, default=REQUIRED))
            continue
        if keyed not in vectors:
            names = [parameter.name for parameter in vectors.values()]
            vectors[keyed] = Parameter(_parameter(argument.name, label, names), _hint(values))
        given[argument.name] = vectors[keyed].name
        arguments.append(replace(argument, default=REQUIRED))
    return replace(calls[0], arguments=tuple(arguments)), given


def _parameter(name: str, label: str, taken: list[str]) -> str:
    usual = {"out_features": "features", "num_features": "features"}.get(name, name)
    for candidate in (usual, name, f"{attribute(label)}_{usual}"):
        if candidate not in taken:
            return candidate
    return free(f"{attribute(label)}_{usual}", taken)


def _hint(values: tuple[Any, ...]) -> str:
    kinds = {type(value) for value in values}
    if kinds == {tuple}:
        return "tuple[int, ...]"
    names = sorted({kind.__name__ for kind in kinds})
    return " | ".join("tuple[int, ...]" if name == "tuple" else name for name in names)


def check(model: Model) -> None:
    """A model whose inputs have shapes.

    Raises:
        PortError: one has none.
    """
    for name, declared in model.inputs.items():
        if declared.shape is None:
            raise PortError(f"the input {name!r} has no shape, which source needs: give it with model.with_inputs(...)")
