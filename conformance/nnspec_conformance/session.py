"""A run of the suite from the command line: from what was asked for to the reports."""

from __future__ import annotations

import os
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

from nnspec import backends
from nnspec.backends import DTYPES, FloatType
from nnspec.errors import BackendError, FileError, NNSpecError, did_you_mean
from nnspec_conformance import deviations, facts as kept
from nnspec_conformance.expression import parse
from nnspec_conformance.facts import Facts
from nnspec_conformance.outcome import Outcome, settle
from nnspec_conformance.progress import Ticker, shown, telling
from nnspec_conformance.run import DEFAULT_DTYPES, Bench, Plan, Run
from nnspec_conformance.selection import Extent
from nnspec_conformance.summary import lines

if TYPE_CHECKING:
    from nnspec_conformance.suite import Item


@dataclass(frozen=True)
class Reports:
    """The files that a run leaves."""

    html: Path | None = None
    json: Path | None = None
    markdown: Path | None = None

    def check(self) -> None:
        """Refuse what cannot be written before minutes are spent on it.

        Raises:
            FileError: the folder does not exist or cannot be written to, or the path is a folder.
        """
        for path in (self.html, self.json, self.markdown):
            if path is None:
                continue
            folder = path.parent
            if path.is_dir():
                raise FileError(f"{path} is a folder; a report is a file")
            if not folder.is_dir():
                raise FileError(f"cannot write {path}: there is no folder {folder}")
            if not os.access(folder, os.W_OK):
                raise FileError(f"cannot write {path}: no permission to write in {folder}")

    def write(self, facts: Facts) -> None:
        """Write those that were asked for."""
        if self.json is not None:
            kept.write(facts, self.json)
        if self.markdown is not None:
            from nnspec_conformance.report import markdown

            markdown.write(facts, self.markdown)
        if self.html is not None:
            from nnspec_conformance.report import html

            html.write(facts, self.html)


def plan(
    names: Iterable[str] = (),
    dtypes: Iterable[FloatType] = (),
    *,
    extent: Extent = "standard",
    expression: str | None = None,
    device: str | None = None,
) -> Plan:
    """What is tested, with what is not given filled in: all installed backends, and float64 and float32.

    Raises:
        BackendError: an unknown backend, one that is not installed, no such device, or no backend at all.
        NNSpecError: the expression is none, or a deviation is declared that fits no test.
    """
    chosen = tuple(names) or tuple(backends.installed())
    for name in chosen:
        missing = name not in backends.registered() or backends.missing_packages(name)
        if missing or device is not None:
            found = backends.backend(name)
            if device is not None and device not in found.devices():
                raise BackendError(f"the {name} backend has no device {device!r}: {', '.join(found.devices())}")
    if not chosen:
        backends.backend()
    if expression is not None:
        parse(expression)
    wrong = [problem for name in chosen for problem in deviations.problems(name)]
    if wrong:
        raise NNSpecError("\n".join(wrong))
    usual: tuple[FloatType, ...] = ("float64",) if extent == "quick" else DEFAULT_DTYPES
    return Plan(chosen, tuple(dtypes) or usual, extent, expression, device)


def names(given: Sequence[str] | None) -> tuple[str, ...]:
    """Names that were given with commas or one by one, each once."""
    return tuple(dict.fromkeys(part.strip() for text in given or () for part in text.split(",") if part.strip()))


def dtypes(given: Sequence[str] | None) -> tuple[FloatType, ...]:
    """The dtypes of such names.

    Raises:
        NNSpecError: one that the suite does not know.
    """
    found = names(given)
    for dtype in found:
        if dtype not in DTYPES:
            raise NNSpecError(f"--dtype {dtype}: the suite knows {', '.join(DTYPES)}{did_you_mean(dtype, DTYPES)}")
    return found  # type: ignore[return-value]


def list_tests(plan: Plan) -> None:
    """The ids of all tests of a plan, on standard output."""
    for item in _some(plan):
        print(item.id)


def suite(plan: Plan, jobs: int) -> Facts:
    """Run the listed cases."""
    items = _some(plan)
    run = Run(plan, items, jobs)
    return facts(plan, shown(run.outcomes(), _expected(items)), run)


def record(plan: Plan, directory: Path) -> Facts:
    """Run the suite on one backend, and keep its answers for others."""
    from nnspec_conformance import record as records

    items, bench = records.recordable(_some(plan)), Bench(plan.device)
    outcomes = shown(records.write(directory, items, bench), _expected(items))
    return facts(plan, outcomes, bench)


def against(plan: Plan, dtypes: Sequence[FloatType], directory: Path) -> Facts:
    """Check backends against answers recorded elsewhere, in all dtypes of the record unless some are given."""
    from nnspec_conformance import record as records

    found = records.read(directory)
    matches = (lambda name: True) if plan.expression is None else parse(plan.expression)
    items = [item for name in plan.backends for item in records.items(found, name, dtypes, matches)]
    if not items:
        raise NNSpecError(f"no recorded test matches -k {plan.expression!r}")
    bench = Bench(plan.device)
    return facts(plan, shown(records.check(items, bench), _expected(items)), bench)


def replay(plan: Plan, path: Path) -> Facts:
    """Run the checks of a case file."""
    from nnspec_conformance import replay as replaying

    items, bench = replaying.tests(path, plan.backends, plan.dtypes), Bench(plan.device)
    return facts(plan, shown((settle(item, bench) for item in items), _expected(items)), bench)


def fuzz(plan: Plan, minutes: float, seed: int | None, failures: Path) -> Facts:
    """Draw cases at random until the time is over."""
    from nnspec_conformance import fuzz as search

    with Ticker() as tell:
        outcomes = search.run(
            minutes, plan.backends, plan.dtypes, seed=seed, failures=failures, device=plan.device, on_progress=tell
        )
        return facts(plan, telling(outcomes, tell))


def finish(facts: Facts, reports: Reports) -> None:
    """Print the summary and write the reports."""
    print("\n".join(lines(facts)))
    reports.write(facts)


def _expected(items: Iterable[Item]) -> Counter[tuple[str, str]]:
    return Counter((item.dtype, item.family) for item in items)


def _some(plan: Plan) -> list[Item]:
    items = plan.items()
    if not items:
        raise NNSpecError(f"no test matches -k {plan.expression!r} (--list prints the tests' names)")
    return items


def facts(
    plan: Plan, outcomes: Iterable[Outcome], counted: Run | Bench | None = None, *, started: float | None = None
) -> Facts:
    """The facts of a run, gathered while it runs.

    Args:
        counted: what counts compilations while the outcomes come.
        started: when it began, as a time; now unless given.
    """
    start = time() if started is None else started
    gathered = tuple(outcomes)
    return Facts(
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        started=datetime.fromtimestamp(start, UTC).isoformat(timespec="seconds"),
        seconds=time() - start,
        places=tuple(kept.place(backends.backend(name), plan.device) for name in plan.backends),
        outcomes=gathered,
        compilations={} if counted is None else dict(counted.compilations),
        cases=_cases({outcome.case for outcome in gathered}),
        selection=_selection(plan),
    )


def _selection(plan: Plan) -> dict[str, Any]:
    return {"dtypes": list(plan.dtypes), "extent": plan.extent, "expression": plan.expression, "device": plan.device}


def _cases(names: set[str]) -> dict[str, Any]:
    """Those of the listed cases as case files hold them."""
    from nnspec_conformance import casefile, suite

    return {case.name: casefile.dump(case) for _, case in suite.cases() if case.name in names}
