"""Runs tests of the suite, here or in several processes, and gives what became of each as it is known."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from nnspec.backends import FloatType, backend
from nnspec_conformance import suite
from nnspec_conformance.expression import parse
from nnspec_conformance.metering import Metered
from nnspec_conformance.outcome import Outcome, settle
from nnspec_conformance.selection import Extent
from nnspec_conformance.subject import Subject
from nnspec_conformance.suite import Check, Item

DEFAULT_DTYPES: tuple[FloatType, ...] = ("float64", "float32")


@dataclass(frozen=True)
class Plan:
    """Which tests, and where. Plain data, so that another process can make the same list of it.

    Attributes:
        expression: which of them, as ``-k``; all without one.
        device: where nets are built; each backend's first device without one.
    """

    backends: tuple[str, ...]
    dtypes: tuple[FloatType, ...]
    extent: Extent = "standard"
    expression: str | None = None
    device: str | None = None

    def items(self) -> list[Item]:
        """The tests, those of a family together. An expression that is a test's whole id, in quotes, means that one."""
        found = suite.items(list(self.backends), list(self.dtypes), self.extent)
        if self.expression is None:
            return found
        named = [item for item in found if self.expression in (f"'{item.id}'", f'"{item.id}"')]
        if named:
            return named
        matches = parse(self.expression)
        return [item for item in found if matches(item.id)]


@dataclass
class Bench:
    """The backends under test in this process: one subject per backend and dtype, until they are put away.

    Attributes:
        device: where nets are built.
        items: the tests that will be asked for, so that no cases but theirs are compiled beside them; any without it.
    """

    device: str | None = None
    items: Sequence[Item] | None = None
    _meters: dict[str, Metered] = field(default_factory=dict)
    _subjects: dict[tuple[str, str], Subject] = field(default_factory=dict)
    _unit: tuple[str, str] | None = None

    def __call__(self, name: str, dtype: FloatType) -> Subject:
        """The subject of a backend and dtype."""
        if (name, dtype) not in self._subjects:
            meter = self._meters.setdefault(name, Metered(backend(name), self.device))
            self._subjects[name, dtype] = suite.subject(meter, dtype, self._asked(name, dtype))  # type: ignore[arg-type]
        return self._subjects[name, dtype]

    def _asked(self, name: str, dtype: FloatType) -> list[tuple[Check, Any]] | None:
        if self.items is None:
            return None
        return [(item.check, item.case) for item in self.items if item.dtype == dtype and name in item.backends]

    def settle(self, item: Item) -> Outcome:
        """Run a test. What was compiled for another family or dtype is put away first."""
        if self._unit != unit(item):
            self.close()
        self._unit = unit(item)
        return settle(item, self)

    def close(self) -> None:
        """Put away nets and results: what comes next shares none of them."""
        if self._subjects:
            self._subjects.clear()
            gc.collect()

    @property
    def compilations(self) -> dict[str, int]:
        """Functions that each backend was asked to compile so far."""
        return {name: meter.compilations for name, meter in self._meters.items()}


@dataclass
class Run:
    """Tests on their way. Iterate over :meth:`outcomes` once; ``compilations`` is complete afterwards.

    More tests than one process lives for (``processes.LIFETIME``) leave this process alone, with one job, too.
    """

    plan: Plan
    items: Sequence[Item]
    jobs: int = 1
    compilations: dict[str, int] = field(default_factory=dict)

    def outcomes(self) -> Iterator[Outcome]:
        """What became of each test, in the order in which they end."""
        from nnspec_conformance import processes

        if self.jobs > 1 or len(self.items) > processes.LIFETIME:
            with contextlib.closing(processes.outcomes(self.plan, self.items, self.jobs, self.compilations)) as found:
                yield from found
            return
        bench = Bench(self.plan.device, self.items)
        for item in self.items:
            yield bench.settle(item)
        bench.close()
        self.compilations.update(bench.compilations)


def unit(item: Item) -> tuple[str, str]:
    """What a test's dtype and family are: tests that are alike in both share what is compiled, and others nothing."""
    return item.dtype, item.family


def units(items: Sequence[Item]) -> list[list[Item]]:
    """The tests of each unit."""
    return [list(group) for _, group in groupby(items, key=unit)]
