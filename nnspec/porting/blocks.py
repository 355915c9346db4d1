"""Repeated blocks of a model, so that source has one class for each: nested models, and runs of nodes in flat graphs.

Models that come from other frameworks are often flat, while their names say what belongs together
(``conv2_block1_1_conv``, ``layers_0_attention``); where names say nothing, chains of nodes that occur again and again
are found by their structure.
"""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

from nnspec.graph import Node
from nnspec.model import Model

# What makes two nodes the same but for sizes: their path, and the node itself, to something that is compared.
Alike = Callable[[str, Node], Hashable]
# How many nodes a run may have that is found by structure alone, and how often it has to occur.
LONGEST, OFTEN = 16, 3


@dataclasses.dataclass(frozen=True, eq=False)
class Block:
    """A part of a model: a nested model, or nodes of a flat graph that occur again, taken together.

    Attributes:
        name: what it is called in the model around: the node's name, or what its nodes' names have in common.
        path: what stands before the names of its own nodes in their paths.
        given: the values that it takes, as the model around calls them.
        takes: the same values, as its own nodes call them.
        parts: its nodes and blocks, each after what it takes.
        outputs: the values that it gives; one but for a whole model.
        node: the node that it is, for a nested model.
        prefix: what of the names of its parts says nothing but that they belong to it.
    """

    name: str
    path: str
    given: tuple[str, ...]
    takes: tuple[str, ...]
    parts: tuple[Node | Block, ...]
    outputs: tuple[str, ...]
    node: Node | None = None
    prefix: str = ""

    def local(self, part: Node | Block) -> str:
        """The part's name within the block."""
        return part.name.removeprefix(self.prefix) or part.name

    def blocks(self) -> Iterator[Block]:
        """All blocks within, the innermost first, in the order of their parts."""
        for part in self.parts:
            if isinstance(part, Block):
                yield from part.blocks()
                yield part


def result(part: Node | Block) -> str:
    """The name of the value that a part gives, in the model around it."""
    if isinstance(part, Block) and part.node is None:
        return part.outputs[0]
    return part.name


def inputs_of(part: Node | Block) -> tuple[str, ...]:
    """The names of the values that a part takes, in the model around it."""
    return part.given if isinstance(part, Block) else part.inputs


def find_blocks(model: Model, alike: Alike) -> Block:
    """A model as a block whose parts are blocks, where there are some.

    The result depends on the model alone, and is the same each time.

    Args:
        model: the graph.
        alike: gives equal things for nodes that may be the same line of source, with other numbers.
    """
    finder = _Finder(alike)
    root = finder.whole(model, "", "", tuple(model.inputs), None)
    if any(isinstance(part, Block) for part in root.parts):
        return root
    parts = list(root.parts)
    runs = finder.by_structure(parts, "", model.outputs)
    return dataclasses.replace(root, parts=tuple(_taken_together(parts, runs, "")))


def structure(block: Block, alike: Alike) -> Hashable:
    """What blocks have in common that may be one class: equal for those that are the same up to names and sizes."""
    return _structure(block.parts, block.takes, block.outputs, block.path, alike)


def _structure(
    parts: Sequence[Node | Block], takes: Sequence[str], outputs: Sequence[str], path: str, alike: Alike
) -> Hashable:
    at: dict[str, Hashable] = {name: ("input", i) for i, name in enumerate(takes)}
    places: dict[str, int] = {}
    found: list[Hashable] = []
    for i, part in enumerate(parts):
        node = part.node if isinstance(part, Block) else part
        kind = structure(part, alike) if isinstance(part, Block) else alike(path + part.name, part)
        shares = None if node is None or node.shares is None else places.get(node.shares, node.shares)
        found.append((kind, tuple(at[name] for name in inputs_of(part)), shares))
        at[result(part)] = ("part", i)
        places[part.name] = i
    return tuple(found), tuple(at[name] for name in outputs), len(takes)


@dataclasses.dataclass(frozen=True)
class _Run:
    """Parts from ``start`` to before ``stop`` that may be a block."""

    start: int
    stop: int
    prefix: str
    takes: tuple[str, ...]
    output: str


class _Finder:
    def __init__(self, alike: Alike) -> None:
        self.alike = alike

    def whole(self, model: Model, name: str, path: str, given: tuple[str, ...], node: Node | None) -> Block:
        parts: list[Node | Block] = []
        for inner in _depth_first(model):
            if isinstance(inner.layer, Model):
                parts.append(self.whole(inner.layer, inner.name, f"{path}{inner.name}/", inner.inputs, inner))
            else:
                parts.append(inner)
        own = tuple(self.grouped(parts, path, model.outputs))
        return Block(name, path, given, tuple(model.inputs), own, model.outputs, node)

    def grouped(self, parts: list[Node | Block], path: str, outputs: tuple[str, ...]) -> list[Node | Block]:
        """The parts with runs of them taken together whose names say that they belong together."""
        return _taken_together(parts, self._repeated(list(_named(parts)), parts, path, outputs, often=2), path)

    def _repeated(
        self,
        candidates: list[tuple[int, int, str]],
        parts: list[Node | Block],
        path: str,
        outputs: tuple[str, ...],
        often: int,
        connected: bool = False,
    ) -> list[_Run]:
        """Of the runs that occur often those that save most, none within another."""
        users = _users(parts, outputs)
        kinds: dict[Hashable, list[_Run]] = defaultdict(list)
        for start, stop, prefix in candidates:
            run = _closed(parts, start, stop, prefix, users, connected=connected)
            if run is not None:
                kind = _structure(parts[start:stop], run.takes, (run.output,), path, self.alike)
                kinds[kind].append(run)
        chosen: list[_Run] = []
        taken: set[int] = set()

        def apart(runs: list[_Run]) -> list[_Run]:
            """Those that overlap neither what is chosen nor each other."""
            kept: list[_Run] = []
            end = -1
            for run in sorted(runs, key=lambda run: run.start):
                if run.start >= end and taken.isdisjoint(range(run.start, run.stop)):
                    kept.append(run)
                    end = run.stop
            return kept

        while kinds:
            free = {kind: apart(runs) for kind, runs in kinds.items()}
            free = {kind: runs for kind, runs in free.items() if len(runs) >= often}
            if not free:
                break
            best = max(free, key=lambda kind: (_saved(free[kind]), -free[kind][0].start))
            chosen += free[best]
            taken.update(i for run in free[best] for i in range(run.start, run.stop))
            kinds = {kind: runs for kind, runs in kinds.items() if kind in free and kind != best}
        return sorted(chosen, key=lambda run: run.start)

    def by_structure(self, parts: list[Node | Block], path: str, outputs: tuple[str, ...]) -> list[_Run]:
        """Runs of nodes that are connected and occur again, whatever they are called."""
        longest = min(LONGEST, len(parts) // OFTEN)
        candidates = [
            (start, start + length, "") for length in range(2, longest + 1) for start in range(len(parts) - length + 1)
        ]
        return self._repeated(candidates, parts, path, outputs, OFTEN, connected=True)


def _saved(runs: list[_Run]) -> int:
    """How many lines a class for these runs saves."""
    return (len(runs) - 1) * (runs[0].stop - runs[0].start - 1)


def _depth_first(model: Model) -> list[Node]:
    """The nodes so that what belongs to a branch stands together."""
    nodes = {node.name: node for node in model.nodes}
    ordered: dict[str, Node] = {}
    stack = [(name, False) for name in reversed(model.outputs) if name in nodes]
    while stack:
        name, ready = stack.pop()
        if name in ordered:
            continue
        node = nodes[name]
        if ready:
            ordered[name] = node
            continue
        before = (*((node.shares,) if node.shares else ()), *node.inputs)
        stack.append((name, True))
        stack.extend((n, False) for n in reversed(before) if n in nodes and n not in ordered)
    return list(ordered.values())


def _named(parts: Sequence[Node | Block]) -> Iterator[tuple[int, int, str]]:
    """Runs of parts whose names begin with the same words, the last of which has a number: ``conv2_block1_``."""
    words = [part.name.split("_") for part in parts]
    longest = max(map(len, words), default=0)
    for count in range(1, longest):
        start = 0
        while start < len(parts):
            prefix = words[start][:count]
            stop = start
            while stop < len(parts) and len(words[stop]) > count and words[stop][:count] == prefix:
                stop += 1
            if stop - start > 1 and re.search(r"\d[a-z]?$", prefix[-1]):
                yield start, stop, "_".join(prefix) + "_"
            start = max(stop, start + 1)


def _users(parts: Sequence[Node | Block], outputs: Sequence[str]) -> Mapping[str, list[int]]:
    """Which parts use each value, by place; −1 stands for the model around."""
    users: dict[str, list[int]] = defaultdict(list)
    for name in outputs:
        users[name].append(-1)
    for i, part in enumerate(parts):
        for name in inputs_of(part):
            users[name].append(i)
        node = part.node if isinstance(part, Block) else part
        if node is not None and node.shares is not None:
            users[f"layer of {node.shares}"].append(i)
    return users


def _closed(
    parts: Sequence[Node | Block],
    start: int,
    stop: int,
    prefix: str,
    users: Mapping[str, list[int]],
    *,
    connected: bool,
) -> _Run | None:
    """The run, if it gives one value to what is around it and shares no variables with it."""
    within = {result(part) for part in parts[start:stop]}
    takes: dict[str, None] = {}
    for i, part in enumerate(parts[start:stop]):
        given = inputs_of(part)
        if connected and i and within.isdisjoint(given):
            return None
        takes.update(dict.fromkeys(name for name in given if name not in within))
        sharing = users.get(f"layer of {part.name}", [])
        if any(not start <= user < stop for user in sharing):
            return None
        node = part.node if isinstance(part, Block) else part
        if node is not None and node.shares is not None and node.shares not in {p.name for p in parts[start:stop]}:
            return None
    outward = [name for name in within if any(not start <= user < stop for user in users.get(name, []))]
    if len(outward) != 1 or not takes:
        return None
    return _Run(start, stop, prefix, tuple(takes), outward[0])


def _taken_together(parts: list[Node | Block], runs: Sequence[_Run], path: str) -> list[Node | Block]:
    made: list[Node | Block] = []
    at = 0
    for run in runs:
        made += parts[at : run.start]
        own = tuple(parts[run.start : run.stop])
        name = re.sub(r"_+$", "", run.prefix) or own[0].name
        made.append(Block(name, path, run.takes, run.takes, own, (run.output,), None, run.prefix))
        at = run.stop
    return made + parts[at:]
