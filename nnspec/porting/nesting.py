"""Modules of a flat graph as nested models, wherever a nested model can say the same.

The calls of one invocation of a module become a nested model where one value alone of theirs is used outside, and their
variables by no call outside. (All calls lead to an output, hence those of the module to that value: no path can leave
the module and come back.) Invocations of one module that are built alike become nodes that share. Everything else stays
flat, named after the modules around it.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nnspec.errors import ShapeError
from nnspec.graph import Input, Node, free_name
from nnspec.layers.base import DType, Layer
from nnspec.model import Model

if TYPE_CHECKING:
    from nnspec.porting.assembly import Call

# A module of fewer calls is no model of its own.
_LEAST = 2
# Value -> name: what a level of the graph calls the values that its nodes take and give.
Names = dict[int, str]


@dataclass
class Level:
    """The nodes of a model.

    Attributes:
        nodes: in an order in which each follows its inputs.
        names: of values at this level: of its inputs, its calls, and the one value of each nested model.
        owners: of variables, in the order of the nodes: what tells whether two models are one.
    """

    nodes: tuple[Node, ...]
    names: Names
    owners: tuple[Hashable, ...] = ()


@dataclass(eq=False)
class _Item:
    """A call, or the calls of a module that may become a nested model.

    Attributes:
        members: the calls, in order.
        names: of the modules around it that are not nested, since the level's own; for a module its own last.
    """

    members: list[int]
    names: tuple[str, ...]
    nested: bool = False


@dataclass
class _Place:
    """How far a call's scope is used up: by nested models around it (``depth``), and as parts of its name."""

    depth: int
    names: tuple[str, ...] = ()


@dataclass
class Nesting:
    """Makes models of calls.

    Attributes:
        calls: all that lead to outputs, in the order in which they happened.
        given: the dtypes of the model's inputs.
        nested: whether there are nested models at all.
        paths: of each call, once all levels are made.
        kept: of each call the path under which its variables are kept.
    """

    calls: Mapping[int, Call]
    given: Mapping[int, DType]
    nested: bool = True
    paths: dict[int, str] = field(default_factory=dict)
    kept: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._users: dict[int, list[int]] = {}
        self._dtypes: dict[int, DType] = dict(self.given)
        for i, call in self.calls.items():
            for value in call.inputs:
                self._users.setdefault(value.index, []).append(i)
            try:
                self._dtypes[i] = dtype_of(call.layer, [self._dtypes[value.index] for value in call.inputs])
            except ShapeError as error:
                raise error.under(*call.scope, call.name) from None

    def level(
        self,
        members: Sequence[int],
        outputs: set[int],
        names: Names,
        counts: dict[str, int],
        *,
        depth: int = 0,
        prefix: str = "",
        owner: str = "",
    ) -> Level:
        """The nodes for some calls.

        Args:
            members: the calls, in order.
            outputs: the values that are used outside.
            names: of the values that come from outside.
            counts: names that are taken.
            depth: how many modules of each scope are around all of them.
            prefix: the path of the model that they make, ended by "/".
            owner: likewise the path under which its variables are kept.
        """
        known = dict(names)
        nodes: list[Node] = []
        owners: list[Hashable] = []
        keepers: dict[Hashable, str] = {}
        models: dict[tuple[Hashable, ...], list[tuple[Model, str]]] = {}
        for item in self._ordered(self._items(members, outputs, depth)):
            if not item.nested:
                (i,) = item.members
                call = self.calls[i]
                name = free_name(_label((*item.names, call.name)), counts)
                shares = None if call.owner is None else keepers.get(call.owner)
                if call.owner is not None:
                    keepers.setdefault(call.owner, name)
                    owners.append(call.owner)
                nodes.append(Node(name, call.layer, tuple(known[v.index] for v in call.inputs), shares))
                self.paths[i], self.kept[i] = prefix + name, owner + (shares or name)
                known[i] = name
                continue
            name = free_name(_label(item.names), counts)
            (result,) = self._used_outside(item.members, outputs)
            model, entering, held = self._model(item, result, depth + len(item.names), prefix + name, owner + name)
            shares = next((first for other, first in models.get(held, ()) if held and other == model), None)
            if shares is None:
                assert not (held and held in models), "calls that share variables became two models"
                models.setdefault(held, []).append((model, name))
            else:
                self._model(item, result, depth + len(item.names), prefix + name, owner + shares)
            nodes.append(Node(name, model, tuple(known[i] for i in entering), shares))
            owners += held
            known[result] = name
        return Level(tuple(nodes), known, tuple(owners))

    def _model(
        self, item: _Item, result: int, depth: int, path: str, owner: str
    ) -> tuple[Model, list[int], tuple[Hashable, ...]]:
        """The nested model of a module, the values that it takes, and the owners of its variables."""
        within = set(item.members)
        entering = list(
            dict.fromkeys(v.index for i in item.members for v in self.calls[i].inputs if v.index not in within)
        )
        counts: dict[str, int] = {}
        names = {i: free_name("input", counts) for i in entering}
        inputs = {name: Input(None, self._dtypes[i]) for i, name in names.items()}
        made = self.level(item.members, {result}, names, counts, depth=depth, prefix=f"{path}/", owner=f"{owner}/")
        return Model(inputs, made.nodes, (made.names[result],)), entering, made.owners

    # -- which modules can be models ----------------------------------------------------------------------------------

    def _items(self, members: Sequence[int], outputs: set[int], depth: int) -> list[_Item]:
        """The calls of a level, those of modules that can be nested models together."""
        places = {i: _Place(depth) for i in members}
        accepted: list[list[int]] = []
        waiting = set(members) if self.nested else set()
        while waiting:
            groups = self._groups(sorted(waiting), places)
            good = self._possible(groups, members, outputs)
            accepted += good
            waiting.difference_update(i for group in good for i in group)
            for i in sorted(waiting):
                call, place = self.calls[i], places[i]
                if place.depth < len(call.scope):
                    places[i] = _Place(place.depth + 1, (*place.names, call.scope[place.depth]))
                else:
                    waiting.discard(i)
        inside = {i for group in accepted for i in group}
        items = [_Item(group, (*places[group[0]].names, self._module(group[0], places)), True) for group in accepted]
        if not self.nested:
            places = {i: _Place(depth, self.calls[i].scope[depth:]) for i in members}
        return items + [_Item([i], places[i].names) for i in members if i not in inside]

    def _module(self, i: int, places: Mapping[int, _Place]) -> str:
        return self.calls[i].scope[places[i].depth]

    def _groups(self, members: Sequence[int], places: Mapping[int, _Place]) -> list[list[int]]:
        """The calls of each invocation of each module that is the next around them."""
        found: dict[Hashable, list[int]] = {}
        for i in members:
            call, place = self.calls[i], places[i]
            if place.depth < len(call.scope):
                here = call.invocations[: place.depth + 1]
                found.setdefault((place.names, call.scope[place.depth], here), []).append(i)
        return list(found.values())

    def _possible(self, groups: list[list[int]], members: Sequence[int], outputs: set[int]) -> list[list[int]]:
        """The groups that can be nested models."""
        candidates: list[list[int]] = []
        for group in groups:
            parts = [group] if self._fits(group, outputs) else self._invocations(group)
            candidates += [part for part in parts if self._fits(part, outputs)]
        return self._with_own_variables(candidates, members, outputs)

    def _fits(self, group: Sequence[int], outputs: set[int]) -> bool:
        """Whether it has one value that is used outside, and takes any: a model has inputs."""
        within = set(group)
        takes = any(value.index not in within for i in group for value in self.calls[i].inputs)
        return len(group) >= _LEAST and takes and len(self._used_outside(group, outputs)) == 1

    def _invocations(self, group: Sequence[int]) -> list[list[int]]:
        """The calls of a module taken apart by invocations: what happens again belongs to the next one."""
        seen: dict[Hashable, int] = {}
        found: dict[int, list[int]] = {}
        for i in group:
            call = self.calls[i]
            what = (call.scope, call.name, call.owner, call.layer)
            seen[what] = seen.get(what, -1) + 1
            found.setdefault(seen[what], []).append(i)
        return list(found.values())

    def _used_outside(self, group: Iterable[int], outputs: set[int]) -> list[int]:
        within = set(group)
        return [i for i in sorted(within) if i in outputs or any(user not in within for user in self._users.get(i, ()))]

    def _with_own_variables(
        self, groups: list[list[int]], members: Sequence[int], outputs: set[int]
    ) -> list[list[int]]:
        """Without groups that share variables with calls that are in no group, or in one that is built otherwise."""
        while True:
            where: dict[Hashable, set[int]] = {}
            for number, group in enumerate(groups):
                for i in group:
                    where.setdefault(self.calls[i].owner, set()).add(number)
            inside = {i for group in groups for i in group}
            loose = {self.calls[i].owner for i in members if i not in inside}
            wrong: set[int] = set()
            for owner, numbers in where.items():
                if owner is None:
                    continue
                if owner in loose or len({self._shape(groups[number], outputs) for number in numbers}) > 1:
                    wrong |= numbers
            if not wrong:
                return groups
            groups = [group for number, group in enumerate(groups) if number not in wrong]

    def _shape(self, group: Sequence[int], outputs: set[int]) -> Hashable:
        """What two invocations of one module have in common: layers, owners, how they are connected, the result."""
        places = {i: at for at, i in enumerate(group)}
        entering: dict[int, int] = {}
        made = []
        for i in group:
            call = self.calls[i]
            inputs = tuple(
                (True, places[v.index]) if v.index in places else (False, entering.setdefault(v.index, len(entering)))
                for v in call.inputs
            )
            made.append((call.layer, call.owner, inputs, call.name, call.scope))
        results = tuple(places[i] for i in self._used_outside(group, outputs))
        return tuple(made), tuple(self._dtypes[i] for i in entering), results

    def _ordered(self, items: list[_Item]) -> list[_Item]:
        """Items in an order in which each follows its inputs, else as they happened."""
        of = {i: item for item in items for i in item.members}
        waits = {id(item): set[int]() for item in items}
        after: dict[int, list[_Item]] = {}
        for item in items:
            for i in item.members:
                for value in self.calls[i].inputs:
                    source = of.get(value.index)
                    if source is not None and source is not item and id(source) not in waits[id(item)]:
                        waits[id(item)].add(id(source))
                        after.setdefault(id(source), []).append(item)
        ready = [(item.members[0], item) for item in items if not waits[id(item)]]
        heapq.heapify(ready)
        found: list[_Item] = []
        while ready:
            _, item = heapq.heappop(ready)
            found.append(item)
            for other in after.get(id(item), ()):
                waits[id(other)].discard(id(item))
                if not waits[id(other)]:
                    heapq.heappush(ready, (other.members[0], other))
        assert len(found) == len(items), "the graph has a cycle"
        return found


def dtype_of(layer: Layer, dtypes: Sequence[DType]) -> DType:
    """The dtype of a layer's output; of a model that of its only one."""
    if not isinstance(layer, Model):
        return layer.output_dtype(*dtypes)
    known: dict[str, DType] = dict(zip(layer.inputs, dtypes, strict=True))
    for node in layer.nodes:
        known[node.name] = dtype_of(node.layer, [known[name] for name in node.inputs])
    return known[layer.outputs[0]]


def _label(words: Sequence[str]) -> str:
    from nnspec.porting.assembly import label

    return label("_".join(words))
