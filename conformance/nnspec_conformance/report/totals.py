"""Sums of a run that every report shows: by place and family, and how near the results came."""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from nnspec_conformance.deviations import Deviation
from nnspec_conformance.facts import Facts
from nnspec_conformance.outcome import Outcome

# Upper ends of the bins for errors in ULP; what is beyond the last (or infinite) has a bin of its own.
ULP_BINS = (0.0, 0.5, 1.0, 2.0, 4.0, 16.0, 64.0, 1e3, 1e6)
ULP_LABELS = ("0", "≤ ½", "≤ 1", "≤ 2", "≤ 4", "≤ 16", "≤ 64", "≤ 10³", "≤ 10⁶", "> 10⁶")
# The same for the share of its limit that an error takes.
SHARE_BINS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
SHARE_LABELS = ("0", "≤ 1 %", "≤ 5 %", "≤ 10 %", "≤ 20 %", "≤ 40 %", "≤ 60 %", "≤ 80 %", "≤ 100 %", "> limit")

# What else lets a run pass.
_REST = {"deviation": "deviating as declared", "not implemented": "not implemented"}

Place = tuple[str, str]


@dataclass(frozen=True)
class Total:
    """Some tests, counted."""

    outcomes: tuple[Outcome, ...]

    @cached_property
    def counts(self) -> Counter[str]:
        """Tests by status."""
        return Counter(outcome.status for outcome in self.outcomes)

    @property
    def tests(self) -> int:
        return len(self.outcomes)

    @property
    def bad(self) -> int:
        """Tests that do not let the suite pass."""
        return sum(not outcome.good for outcome in self.outcomes)

    @cached_property
    def compared(self) -> tuple[Outcome, ...]:
        """The tests that compared something."""
        return tuple(outcome for outcome in self.outcomes if outcome.compared)

    @property
    def median(self) -> float:
        """The median of the tests' largest errors in ULP."""
        return statistics.median(outcome.ulp for outcome in self.compared) if self.compared else 0.0

    @property
    def ulp(self) -> float:
        """The largest error in ULP."""
        return max((outcome.ulp for outcome in self.compared), default=0.0)

    @property
    def nearness(self) -> float:
        """The largest share of its limit that an error takes."""
        return max((outcome.nearness for outcome in self.compared), default=0.0)

    @property
    def equal(self) -> float:
        """The mean share of elements that are equal bit for bit."""
        return statistics.fmean(outcome.equal for outcome in self.compared) if self.compared else 0.0

    @cached_property
    def histogram(self) -> tuple[int, ...]:
        """Tests by their largest error in ULP, in the bins of ``ULP_LABELS``."""
        found = Counter(bin_of(outcome.ulp, ULP_BINS) for outcome in self.compared)
        return tuple(found[index] for index in range(len(ULP_LABELS)))


def bin_of(value: float, ends: tuple[float, ...]) -> int:
    """The index of the bin that a value falls into; NaN falls into the last."""
    return len(ends) if math.isnan(value) else bisect_left(ends, value)


def place_of(outcome: Outcome) -> Place:
    return outcome.backend, outcome.dtype


def places(facts: Facts) -> list[Place]:
    """Backends with their dtypes, as a run names them: those of one backend together, pairs of backends last."""
    found = dict.fromkeys(place_of(outcome) for outcome in facts.outcomes)
    names = list(dict.fromkeys(name for name, _ in found))
    dtypes = list(dict.fromkeys(dtype for _, dtype in found))
    return sorted(found, key=lambda place: ("~" in place[0], names.index(place[0]), dtypes.index(place[1])))


def grouped(outcomes: Iterable[Outcome], key: Callable[[Outcome], object]) -> dict[object, Total]:
    """Totals of the tests that have the same key, in the order in which keys appear."""
    found: dict[object, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(key(outcome), []).append(outcome)
    return {name: Total(tuple(group)) for name, group in found.items()}


def declared(facts: Facts) -> list[tuple[Deviation, Total]]:
    """The deviations that tests met, with these tests."""
    found = grouped((outcome for outcome in facts.outcomes if outcome.deviation), lambda outcome: outcome.deviation)
    return [(deviation, total) for deviation, total in found.items() if isinstance(deviation, Deviation)]


def verdict(facts: Facts) -> str:
    """What came out, in a sentence."""
    whole = Total(facts.outcomes)
    count = f"{whole.tests:,} test{'' if whole.tests == 1 else 's'}"
    if not facts.passed:
        return f"{whole.bad:,} of {count} fail{'s' if whole.bad == 1 else ''}"
    rest = [f"{found:,} {what}" for status, what in _REST.items() if (found := whole.counts[status])]
    passed = whole.counts["passed"]
    if not rest:
        return f"{count} pass{'es' if passed == 1 else ''}"
    return ", ".join([f"{passed:,} of {count} pass{'es' if passed == 1 else ''}", *rest])


def duration(seconds: float) -> str:
    """Seconds as a reader says them."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
