"""The backend under test in one dtype: its nets, and what they gave, computed once for all checks.

Compiling costs most of the suite's time. So the cases of a family are put side by side into one model, whose parts
share nothing, and each call of it answers for all of them. Where such a call fails, every case is called by itself, so
that only the guilty ones fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from nnspec.backends import Backend, FloatType, Gradients, Net
from nnspec_conformance.case import BATCHES, Case, Point, joined
from nnspec_conformance.draws import Array

# What a net is asked, each by a function that is compiled for it.
Question = Literal["forward", "gradients", "masks", "nodes"]
# Where a case is evaluated: a function from the case and the dtype, equal to itself for equal questions.
Place = Callable[[Case, str], Point]


@dataclass(frozen=True)
class Draw:
    """The place of random inputs."""

    draw: int = 0
    batch: int = BATCHES[0]

    def __call__(self, case: Case, dtype: str) -> Point:
        return case.point(dtype, self.draw, self.batch)


@dataclass(frozen=True, eq=False)
class Forward:
    """What a forward pass gave: outputs, and all variables before and after it."""

    outputs: dict[str, Array]
    before: dict[str, Array]
    after: dict[str, Array]


def random_state(point: Point) -> dict[str, Array]:
    """The variables that say where the random streams stand."""
    seed = np.array([point.seed & 0xFFFFFFFF, point.seed >> 32], np.uint32)
    return {"random/seed": seed, "random/step": np.array(point.step, np.uint32)}


class Subject:
    """One backend in one dtype.

    Args:
        backend: the backend under test.
        dtype: the dtype its nets compute in.
        groups: the cases that may be evaluated in one model, for each question. A case that is not asked one of them
            should not stand there: it is compiled for nothing.
    """

    def __init__(
        self, backend: Backend, dtype: FloatType, groups: Mapping[Question, Iterable[list[Case]]] | None = None
    ) -> None:
        self.backend = backend
        self.dtype: FloatType = dtype
        self._groups: dict[tuple[Question, Case], tuple[Case, ...]] = {}
        for question, parts in (groups or {}).items():
            for group in parts:
                for members in _alike([case for case in group if not self.lacks(case.classes)]):
                    self._groups.update({(question, member): members for member in members})
        self._nets: dict[tuple[Case, ...], Net] = {}
        self._made: dict[Any, Any] = {}

    def lacks(self, classes: Iterable[type[Any]]) -> list[str]:
        """Names of those classes that the backend does not realize."""
        return sorted(cls.__name__ for cls in classes if self.backend.lacks(cls))

    def forward(self, case: Case, place: Place, *, training: bool = False, compiled: bool = True) -> Forward:
        """A forward pass of the case at a place, from the variables of that place."""

        def call(net: Net, points: list[Point]) -> Forward:
            before = net.variables()
            outputs = net.forward(_union(p.inputs for p in points), training=training, compiled=compiled)
            return Forward(outputs, before, net.variables())

        return self._shared("forward", case, place, call, training, compiled)  # type: ignore[no-any-return]

    def gradients(self, case: Case, place: Place, *, training: bool = False, compiled: bool = True) -> dict[str, Array]:
        """Gradients of Σ outputs · cotangents at a place, by input and parameter, checked to leave all state alone."""

        def call(net: Net, points: list[Point]) -> tuple[Gradients, bool]:
            before = net.variables()
            inputs, cotangents = _union(p.inputs for p in points), _union(p.cotangents for p in points)
            found = net.gradients(inputs, cotangents, training=training, compiled=compiled)
            return found, unchanged(before, net.variables())

        found, kept = self._shared("gradients", case, place, call, training, compiled)
        assert kept, "Net.gradients changed the net's state"
        mine = [*case.model.inputs, *case.parameters]
        return {name: value for name, value in {**found.inputs, **found.parameters}.items() if name in mine}

    def nodes(self, case: Case, place: Place, *, training: bool) -> dict[str, Array]:
        """The value of every node at a place."""

        def call(net: Net, points: list[Point]) -> dict[str, Array]:
            return net.nodes(_union(p.inputs for p in points), training=training)

        return self._shared("nodes", case, place, call, training)  # type: ignore[no-any-return]

    def masks(self, case: Case, place: Place) -> dict[str, Array]:
        """The masks that training would use at a place."""

        def call(net: Net, points: list[Point]) -> dict[str, Array]:
            return net.masks(_union(p.inputs for p in points))

        return self._shared("masks", case, place, call)  # type: ignore[no-any-return]

    def fresh(self, case: Case, variables: dict[str, Array] | None = None, seed: int = 0) -> Net:
        """A net of this case alone."""
        return self.backend.build(case.model, variables, dtype=self.dtype, seed=seed)

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What ``make`` gives, computed once per key."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def _shared(
        self,
        question: Question,
        case: Case,
        place: Place,
        call: Callable[[Net, list[Point]], Any],
        training: bool = False,
        compiled: bool = True,
    ) -> Any:
        members = self._groups.get((question, case), (case,)) if compiled else (case,)
        key = (members, place, question, training, compiled)
        if key not in self._made:
            try:
                self._made[key] = call(*self._placed(members, place))
            except Exception:
                if len(members) == 1:
                    raise
                for asked in [asked for asked in self._groups if asked[1] in members]:
                    del self._groups[asked]
                return self._shared(question, case, place, call, training, compiled)
        return self._made[key]

    def _placed(self, members: tuple[Case, ...], place: Place) -> tuple[Net, list[Point]]:
        """The net of these cases with the variables of the place."""
        points = [place(case, self.dtype) for case in members]
        variables = {**_union(p.variables for p in points), **random_state(points[0])}
        if members not in self._nets:
            self._nets[members] = self.backend.build(joined(list(members)), variables, dtype=self.dtype)
        net = self._nets[members]
        net.assign(variables)
        return net, points


def side_by_side(cases: Iterable[Case]) -> dict[Question, list[list[Case]]]:
    """One group of cases, for whatever they are asked."""
    group = list(cases)
    return {question: [group] for question in get_args(Question)}


def _alike(cases: list[Case]) -> list[tuple[Case, ...]]:
    """The cases in groups that can answer the same questions (without floats there are no gradients)."""
    by_kind: dict[tuple[bool, bool], list[Case]] = {}
    for case in cases:
        by_kind.setdefault((case.differentiable, len(case.modes) > 1), []).append(case)
    return [tuple(group) for group in by_kind.values()]


def _union(parts: Iterable[dict[str, Array]]) -> dict[str, Array]:
    return {name: value for part in parts for name, value in part.items()}


def unchanged(before: dict[str, Array], after: dict[str, Array]) -> bool:
    """Whether all variables are the same bit for bit."""
    return before.keys() == after.keys() and all(np.array_equal(before[n], after[n]) for n in before)
