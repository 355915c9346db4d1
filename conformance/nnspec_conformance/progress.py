"""Live progress of a run of the suite: a bar on a terminal, a line per family elsewhere. Failures are shown at once."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from nnspec_conformance.outcome import Outcome

if TYPE_CHECKING:
    from rich.status import Status

# What a failing test shows while the run goes on; the whole stands in the reports.
_LINES = 4


class Progress(Protocol):
    """What a run tells while it works."""

    def __call__(self, outcome: Outcome) -> None: ...
    def stop(self) -> None: ...


def shown(outcomes: Iterable[Outcome], expected: Mapping[tuple[str, str], int] | None = None) -> Iterator[Outcome]:
    """The outcomes, with the progress on standard error.

    Args:
        expected: how many are coming, by dtype and family, where that is known.
    """
    progress: Progress = Bar(expected or {}) if sys.stderr.isatty() else Lines(expected or {})
    try:
        for outcome in outcomes:
            progress(outcome)
            yield outcome
    finally:
        progress.stop()


def failure(outcome: Outcome) -> str:
    """A failing test in a few lines."""
    lines = outcome.message.splitlines()[:_LINES]
    return "\n".join([f"{outcome.status.upper()} {outcome.id}", *(f"  {line.strip()}" for line in lines)])


class Lines:
    """For logs and pipes: a line for each dtype and family when its last test has ended, and each failure."""

    def __init__(self, expected: Mapping[tuple[str, str], int]) -> None:
        self.expected, self.done = expected, 0
        self._counts: dict[tuple[str, str], Counter[str]] = {}

    def __call__(self, outcome: Outcome) -> None:
        place = (outcome.dtype, outcome.family)
        counts = self._counts.setdefault(place, Counter())
        counts[outcome.status] += 1
        self.done += 1
        if not outcome.good:
            print(failure(outcome), file=sys.stderr, flush=True)
        if counts.total() == self.expected.get(place):
            self._say(place)

    def _say(self, place: tuple[str, str]) -> None:
        counts = ", ".join(f"{count} {status}" for status, count in self._counts.pop(place).items())
        share = f"[{self.done}/{sum(self.expected.values())}]" if self.expected else f"[{self.done}]"
        print(f"{share:>13} {place[0]} {place[1]}: {counts}", file=sys.stderr, flush=True)

    def stop(self) -> None:
        for place in list(self._counts):
            self._say(place)


class Bar:
    """For terminals: a bar over all tests, with the family at work and what has failed so far."""

    def __init__(self, expected: Mapping[tuple[str, str], int]) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress as RichProgress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._console = Console(stderr=True)
        self._bar = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[failed]}", markup=False),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._failed = 0
        self._task = self._bar.add_task("starting", total=sum(expected.values()) or None, failed="")
        self._bar.start()

    def __call__(self, outcome: Outcome) -> None:
        if not outcome.good:
            self._failed += 1
            self._console.print(failure(outcome), markup=False, highlight=False, soft_wrap=True)
        self._bar.update(
            self._task,
            advance=1,
            description=f"{outcome.dtype} {outcome.family}",
            failed=f"{self._failed} failed" if self._failed else "",
        )

    def stop(self) -> None:
        self._bar.stop()


class Ticker:
    """For work without a known end: one line that is kept up to date on a terminal, and a line now and then elsewhere.

    Attributes:
        every: seconds between two lines in logs.
    """

    every = 30.0

    def __init__(self) -> None:
        self._status: Status | None = None
        self._last = monotonic()

    def __enter__(self) -> Ticker:
        if sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True).status("starting")
            self._status.start()
        return self

    def __exit__(self, *raised: object) -> None:
        if self._status is not None:
            self._status.stop()

    def __call__(self, state: object) -> None:
        """Say how far the work is, if it is time."""
        if self._status is not None:
            from rich.markup import escape

            self._status.update(escape(str(state)))
        elif monotonic() - self._last >= self.every:
            self._last = monotonic()
            print(state, file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._status is not None:
            self._status.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)


def telling(outcomes: Iterable[Outcome], ticker: Ticker) -> Iterator[Outcome]:
    """The outcomes; those that fail are said at once."""
    for outcome in outcomes:
        if not outcome.good:
            ticker.say(failure(outcome))
        yield outcome
