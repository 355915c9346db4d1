"""The end of a run in plain text: by backend, dtype and family, how many tests passed and how near they came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from nnspec_conformance.facts import Facts
from nnspec_conformance.outcome import Outcome, Status
from nnspec_conformance.report.totals import Total

_COUNTED: tuple[tuple[str, tuple[Status, ...]], ...] = (
    ("passed", ("passed",)),
    ("failed", ("failed", "error", "stale")),
    ("deviating", ("deviation",)),
    ("lacking", ("not implemented",)),
)
_HEAD = ("backend", "dtype", "family", *(name for name, _ in _COUNTED), "nearest", "median ULP", "bit-equal")


def lines(facts: Facts) -> list[str]:
    """The table, the versions above it and the totals below."""
    return [*map(str, facts.places), "", *table(facts.outcomes), "", *totals(facts)]


def table(outcomes: Iterable[Outcome]) -> list[str]:
    """A row per backend, dtype and family.

    *Nearest* is the largest share of its limit that an error takes, *median ULP* the middle of the largest errors.
    """
    groups: dict[tuple[str, str, str], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault((outcome.backend, outcome.dtype, outcome.family), []).append(outcome)
    rows = [_HEAD, *(_row(place, group) for place, group in sorted(groups.items()))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return [
        "  ".join(
            cell.ljust(width) if at < 3 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _row(place: tuple[str, str, str], outcomes: list[Outcome]) -> tuple[str, ...]:
    found = Total(tuple(outcomes))
    numbers = [str(sum(found.counts[status] for status in statuses) or "-") for _, statuses in _COUNTED]
    if not found.compared:
        return (*place, *numbers, "-", "-", "-")
    return (*place, *numbers, f"{found.nearness:.1%}", f"{found.median:.3g}", f"{found.equal:.0%}")


def totals(facts: Facts) -> list[str]:
    """One line for all tests, one for what was compiled."""
    counts = Counter(outcome.status for outcome in facts.outcomes)
    shown = ", ".join(f"{count} {status}" for status, count in sorted(counts.items(), key=lambda pair: -pair[1]))
    found = [f"{len(facts.outcomes)} tests in {_duration(facts.seconds)}: {shown or 'none'}"]
    if facts.compilations:
        made = ", ".join(f"{count} on {name}" for name, count in sorted(facts.compilations.items()))
        found.append(f"{sum(facts.compilations.values())} compilations: {made}")
    return found


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
