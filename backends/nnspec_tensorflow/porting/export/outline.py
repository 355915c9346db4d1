"""What is to be written of a Keras model: the calls of each node, and which of its blocks are alike."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

from nnspec.graph import Node, free_name
from nnspec.model import Model
from nnspec.porting.blocks import Block, find_blocks, structure
from nnspec_tensorflow.porting.export.graph import Native
from nnspec_tensorflow.porting.export.written import Call, Reference, Slot, calls

# Names that source has anyway.
TAKEN = (*keyword.kwlist, "keras", "layers", "ops", "np", "name", "build", "load", "Path", "CONSTANTS", "x", "inputs")


@dataclass(eq=False)
class Function:
    """What is written once for blocks that are alike.

    Attributes:
        name: its name.
        block: the one of them that it is written after.
        nested: whether it gives a model; else it is called on values and gives one.
        parameters: the names that stand for slots of this block, by the slots' ids.
        sites: for each block, the arguments it is called with, by parameter.
    """

    name: str
    block: Block
    nested: bool
    parameters: dict[int, str] = field(default_factory=dict)
    sites: dict[int, tuple[Slot, ...]] = field(default_factory=dict)


class Outline:
    """What there is in one model.

    Args:
        spec: the graph.
        made: it in Keras.
    """

    def __init__(self, spec: Model, made: Native) -> None:
        self.spec, self.made = spec, made
        self.constants: dict[str, Any] = {}
        self._calls: dict[str, list[Call]] = {}  # by the path of a node
        self._keys: dict[str, dict[str, int]] = {}  # of the values of a model, by its path
        self._natives: dict[str, Native] = {}
        self._inputs: dict[str, list[tuple[Slot, Slot]]] = {}  # the shapes and dtypes of a model's inputs, by its path
        self._times: Counter[tuple[str, str]] = Counter()  # how often a layer is called
        self._uses: Counter[int] = Counter()  # how often a value is used, by its key
        self._functions: list[Function] = []
        self._of: dict[int, Function] = {}  # by the id of a block
        self._kept: list[list[Slot]] = []
        self._names: dict[str, int] = dict.fromkeys(TAKEN, 1)
        self._collect(spec, made, "")
        self.root = find_blocks(spec, self._alike)
        self._group()

    # -- what there is ------------------------------------------------------------------------------------------------

    def _collect(self, spec: Model, made: Native, path: str) -> None:
        operations = {operation.name: operation for operation in made.model.operations}
        symbols = {tensor._keras_history.operation.name: tensor for tensor in made.model.inputs}
        symbols |= {name: value.of(operations) for name, value in made.values.items()}
        self._keys[path], self._natives[path] = {name: id(tensor) for name, tensor in symbols.items()}, made
        self._inputs[path] = [
            (Slot("shape", tuple(tensor.shape[1:]), named=False), Slot("dtype", tensor.dtype))
            for tensor in made.model.inputs
        ]
        seen: set[int] = set()
        there = {id(symbols[name]) for name in spec.inputs}
        for node in spec.nodes:
            parts = made.parts.get(node.name)
            ends = [symbols[node.name]] if parts is None else [part.of(operations) for part in parts]
            found: list[Call] = []
            for end in ends:
                found += calls(end, there, seen)
                there.update(key for call in found for key in (call.keys if parts else (id(end),)))
            self._calls[path + node.name] = found
            self._uses.update(key for call in found for key in references(call.given))
            self._times.update((path, call.layer) for call in found if call.layer is not None)
            if isinstance(node.layer, Model) and node.shares is None:
                self._collect(node.layer, made.nested[node.name], f"{path}{node.name}/")

    def _alike(self, path: str, node: Node) -> Hashable:
        return tuple((call.kind, _shape(call.made), _shape(call.given)) for call in self._calls.get(path, ()))

    def _slots(self, part: Node | Block, path: str) -> Iterator[Slot]:
        """The literals of a part, in order."""
        if isinstance(part, Node):
            for call in self._calls[path + part.name]:
                yield from _flat(call.made)
                yield from _flat(call.given)
        elif part.node is not None and part.node.shares is not None:
            return  # the model is there already
        elif id(part) in self._of:
            yield from self._of[id(part)].sites[id(part)]
        else:
            for inner in part.parts:
                yield from self._slots(inner, part.path)
            if part.node is not None:
                for pair in self._inputs[part.path]:
                    yield from pair

    # -- what repeats -------------------------------------------------------------------------------------------------

    def _group(self) -> None:
        groups: dict[Hashable, list[Block]] = {}
        for block in self.root.blocks():
            nested = block.node is not None
            if block.path not in self._keys:
                continue  # within a model that shares another's layers
            key = (nested, structure(block, self._alike), tuple(map(block.local, block.parts)))
            groups.setdefault(key, []).append(block)
        for members in groups.values():  # the innermost first, since its first block comes first
            first = members[0]
            nested = first.node is not None
            if not nested and (len(members) < 2 or not first.prefix or self._natives[first.path].parts):
                continue
            slots = [list(self._slots(block, block.path)) for block in members]
            names = [[_local(slot, block) for slot in own] for block, own in zip(members, slots, strict=True)]
            if len({len(own) for own in slots}) == 1:
                self._add(first, nested, members, slots, names)
            elif nested:
                for block, own, local in zip(members, slots, names, strict=True):
                    self._add(block, nested, [block], [own], [local])

    def _add(
        self, first: Block, nested: bool, blocks: list[Block], slots: list[list[Slot]], values: list[list[Any]]
    ) -> None:
        word = re.sub(r"_+", "_", re.sub(r"\d+", "", first.name)).strip("_")
        ending = "model" if nested else "block"
        word = word if word.endswith(ending) else f"{word}_{ending}".strip("_")
        function = Function(free_name(word, self._names), first, nested)
        parameters: dict[Hashable, str] = {}
        names: dict[str, int] = dict.fromkeys(TAKEN, 1)
        columns: list[int] = []
        for i in range(len(slots[0])):
            column = tuple(repr(own[i]) for own in values)
            if len(set(column)) == 1:
                continue
            if column not in parameters:
                parameters[column] = free_name(slots[0][i].name or "value", names)
                columns.append(i)
            function.parameters[id(slots[0][i])] = parameters[column]
        self._kept += slots  # their ids are keys
        for block, own in zip(blocks, slots, strict=True):
            name = Slot("name", block.name, named=False)
            more = (Slot(parameter, own[i].value) for parameter, i in zip(parameters.values(), columns, strict=True))
            function.sites[id(block)] = (name, *more)
            self._of[id(block)] = function
        self._functions.append(function)


def _local(slot: Slot, block: Block) -> Any:
    return slot.value.removeprefix(block.prefix) if slot.name == "name" and block.prefix else slot.value


def _shape(values: Any) -> Hashable:
    """What is written, without the literals and the values it refers to."""
    if isinstance(values, Slot):
        return values.name, values.named
    if isinstance(values, list | tuple):
        return tuple(_shape(each) for each in values)
    return type(values).__name__ if isinstance(values, Reference) else values


def _flat(values: Any) -> Iterator[Slot]:
    if isinstance(values, Slot):
        yield values
    elif isinstance(values, list | tuple):
        for each in values:
            yield from _flat(each)


def references(values: Any) -> Iterator[int]:
    if isinstance(values, Reference):
        yield values.key
    elif isinstance(values, list | tuple):
        for each in values:
            yield from references(each)
