"""Loops of a fixed number of steps in a graph, written out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from nnspec.errors import PortError
from nnspec.ops import Stack
from nnspec.porting.assembly import Value
from nnspec_jax.porting.control import MOST, Place, named, names_of, of_scan, steps_of
from nnspec_jax.porting.convert import PRIMITIVES, Layout
from nnspec_jax.porting.items import Constant, Item, Made, Own, row


class Loops:
    """What a graph does with scan and while."""

    def _scan(
        self: Any, pair: tuple[Any, Any], items: list[Item], asked: list[bool], place: Place, scope: tuple[str, ...]
    ) -> list[Item]:
        one, two = (equation.params for equation in pair)
        if one["length"] != two["length"]:
            raise PortError(f"{named(scope)}scan ({self._line()}) goes through the batch: write it for whole batches")
        if one["length"] > MOST:
            raise PortError(f"{named(scope)}scan ({self._line()}) has {one['length']} steps; {MOST} can be written out")
        number, count = of_scan(one)
        fixed, carry, sliced = items[:number], items[number:][:count], items[number + count :]
        jaxprs = (one["jaxpr"].jaxpr, two["jaxpr"].jaxpr)
        constants = (one["jaxpr"].consts, two["jaxpr"].consts)
        order = range(one["length"])
        found: dict[int, list[Item]] = {}
        for k in reversed(order) if one["reverse"] else order:
            now = [self._row(item, k, scope) for item in sliced]
            with self._numbered(jaxprs[0], sliced, k):
                made = self.run(
                    jaxprs,
                    constants,
                    [*fixed, *carry, *now],
                    needed=[True] * count + asked[count:],
                    place=(*place, k),
                    scope=scope,
                )
            carry, found[k] = made[:count], made[count:]
        stacked = [
            self._stacked([found[k][j] for k in order], scope) if wanted else Constant(None, None)
            for j, wanted in enumerate(asked[count:])
        ]
        return [*carry, *stacked]

    def _row(self: Any, item: Item, k: int, scope: tuple[str, ...]) -> Item:
        if isinstance(item, Constant):
            return Constant(item.one[k], item.two[k])
        if isinstance(item, Own):
            return row(item, k)
        layout, seen = self.layouts.get(item.value, Layout()), self.seen(item.value)
        if layout.axis == 0 or seen is None:
            raise PortError(f"{named(scope)}scan goes through the batch: write it for whole batches")
        context = self._context(names_of(scope, self._numbers), "", f"{'.'.join(scope)} (scan)")
        starts = (k, *[0] * (len(seen) - 1))
        params: dict[str, Any] = {"start_indices": starts, "limit_indices": (k + 1, *seen[1:]), "strides": None}
        part = PRIMITIVES["slice"](context, params, item.value)
        made = PRIMITIVES["squeeze"](context, {"dimensions": (0,)}, part)
        assert isinstance(made, Value)
        return Made(made)

    def _stacked(self: Any, items: list[Item], scope: tuple[str, ...]) -> Item:
        if all(isinstance(item, Constant) for item in items):
            parts = [item for item in items if isinstance(item, Constant)]
            return Constant(np.stack([x.one for x in parts]), np.stack([x.two for x in parts]))
        values = [self.value(item) for item in items]
        layouts = {self.layouts.get(value, Layout()) for value in values}
        if layouts not in ({Layout()}, {Layout(None)}):
            raise PortError(f"{named(scope)}scan stacks arrays whose first axis is not the batch")
        (layout,) = layouts
        context = self._context(names_of(scope, self._numbers), "", f"{'.'.join(scope)} (scan)")
        made = context.call(Stack(axis=1), *values)
        self.layouts[made] = Layout(None) if layout.axis is None else Layout(1)
        return Made(made)

    def _while(
        self: Any, pair: tuple[Any, Any], items: list[Item], asked: list[bool], place: Place, scope: tuple[str, ...]
    ) -> list[Item]:
        params = [equation.params for equation in pair]
        conditions, bodies = ([p[key] for p in params] for key in ("cond_jaxpr", "body_jaxpr"))
        n, m = params[0]["cond_nconsts"], params[0]["body_nconsts"]
        state = items[n + m :]
        for k in range(MOST + 1):
            (going,) = self.run(
                (conditions[0].jaxpr, conditions[1].jaxpr),
                (conditions[0].consts, conditions[1].consts),
                [*items[:n], *state],
                place=(*place, k),
                scope=scope,
            )
            if not isinstance(going, Constant):
                break
            if not steps_of(going):
                return state
            state = self.run(
                (bodies[0].jaxpr, bodies[1].jaxpr),
                (bodies[0].consts, bodies[1].consts),
                [*items[n : n + m], *state],
                place=(*place, k),
                scope=scope,
            )
        raise PortError(
            f"{named(scope)}a loop ({self._line()}) whose number of steps depends on its inputs, or is above {MOST}, "
            "has no counterpart in nnspec"
        )

    @contextmanager
    def _numbered(self: Any, jaxpr: Any, sliced: Sequence[Item], k: int) -> Iterator[None]:
        """Have modules in a step that has parameters of its own bear the step's number in their names."""
        paths = [item.path for item in sliced if isinstance(item, Own) and item.trainable]
        stem = _common(paths) if paths else ()
        if not stem:
            yield
            return
        before = dict(self._numbers)
        self._numbers[stem] = k
        try:
            yield
        finally:
            self._numbers = before


def _common(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The place of what holds all of these parameters."""
    stem = paths[0][:-1]
    for path in paths[1:]:
        while path[: len(stem)] != stem:
            stem = stem[:-1]
    return stem
