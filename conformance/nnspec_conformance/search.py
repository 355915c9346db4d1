"""The process that searches: draws cases with Hypothesis, asks the backends, and shrinks what fails.

Compiling takes most of the time, so cases come in bundles, and the networks of a bundle are evaluated in one model.
What fails is asked again alone, and shrunk by Hypothesis to the smallest case that still fails the same check.
"""

from __future__ import annotations

import dataclasses
import gc
import os
import signal
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, seed as seeded, settings, strategies as st
from hypothesis.errors import Flaky

from nnspec.backends import FloatType, backend
from nnspec_conformance import casefile, fitting, soundness, strategies, truth
from nnspec_conformance.case import Case
from nnspec_conformance.checks import loss, metric, optimizer
from nnspec_conformance.deviations import declared
from nnspec_conformance.metering import Metered
from nnspec_conformance.outcome import Outcome, settle
from nnspec_conformance.subject import Subject, side_by_side
from nnspec_conformance.suite import Check, Item

# A bundle is three lists of up to so many cases, some 15 together; shrinking empties two of the lists.
LENGTH = 12
# Seconds that shrinking one failure may take.
SHRINKING = 60.0
# A process ends after so many seconds or bytes, and a new one goes on: TensorFlow never frees what XLA has compiled.
LIFETIME = 300.0
MEMORY = 4_000_000_000


@dataclass(frozen=True)
class Question:
    """What a failure is a failure of. A case that fails a known question and holds its classes shows nothing new."""

    backend: str
    dtype: FloatType
    check: str
    classes: frozenset[str] = frozenset()

    def holds(self, other: Question) -> bool:
        """Whether this failure explains another one."""
        mine, theirs = (self.backend, self.dtype, self.check), (other.backend, other.dtype, other.check)
        return mine == theirs and self.classes <= other.classes


@dataclass(frozen=True)
class Order:
    """What a process is to do: plain data."""

    backends: tuple[str, ...]
    dtypes: tuple[FloatType, ...]
    seed: int
    seconds: float
    device: str | None = None
    known: tuple[Question, ...] = ()


class Found(Exception):
    """Tells Hypothesis that an example fails, so that it is shrunk."""


@dataclass
class Search:
    """The search in this process. ``tell`` is given messages, each a name and what belongs to it:

    ``at`` (case, check, backend, dtype) before each test, ``outcome`` for each that is no failure, ``aside`` for a case
    that is not sound, ``found`` (case, outcome) for a failure as it was drawn, ``failure`` (case, outcome) for the
    shrunk one, ``end``, and ``broken`` (traceback) for a mistake of the search itself.
    """

    order: Order
    tell: Callable[..., None]
    known: list[Question] = field(default_factory=list)
    _backends: dict[str, Any] = field(default_factory=dict)
    _end: float = 0.0
    # What is being shrunk, until when, and what is known of the cases that were tried on the way.
    _hunted: Question | None = None
    _until: float = 0.0
    _tried: dict[str, tuple[Any, Outcome] | None] = field(default_factory=dict)
    _smallest: tuple[Any, Outcome] | None = None

    def run(self) -> None:
        """Search until the time is over or the process has grown too large."""
        self.known += self.order.known
        self._end = monotonic() + self.order.seconds
        replaced = monotonic() + LIFETIME
        round_ = 0
        while monotonic() < min(self._end, replaced) and _memory() < MEMORY:
            self._start(until=min(self._end, replaced))
            bundles = st.tuples(*[st.lists(strategies.cases(), max_size=LENGTH)] * 3)
            with suppress(Found, Flaky):
                self._hypothesis(round_)(given(bundles)(self._example))()
            if self._hunted is not None and self._smallest is not None:
                case, outcome = self._smallest
                self.known.append(_question(outcome))
                self.tell("failure", casefile.dump(case), outcome)
            round_ += 1
        self.tell("end")

    def _start(self, until: float) -> None:
        """Nothing is shrunk; what was tried for the last failure says nothing about the next one."""
        self._hunted, self._smallest, self._until = None, None, until
        self._tried.clear()

    def _hypothesis(self, round_: int) -> Callable[[Any], Any]:
        def configured(test: Any) -> Any:
            chosen = settings(
                max_examples=50,
                database=None,
                deadline=None,
                phases=(Phase.generate, Phase.shrink),
                report_multiple_bugs=False,
                print_blob=False,
                suppress_health_check=list(HealthCheck),
                verbosity=Verbosity.quiet,
            )
            return seeded(self.order.seed * 1000 + round_)(chosen(test))

        return configured

    def _example(self, bundle: tuple[list[Any], ...]) -> None:
        cases = list({case.name: case for part in bundle for case in part}.values())
        if self._hunted is not None:
            failed = self._still_fails(cases)
        else:
            failed = bool(cases) and monotonic() < self._until and self._fails_anew(cases)
        if failed:
            raise Found  # in one place only: Hypothesis tells failures apart by where they are raised

    def _fails_anew(self, drawn: list[Any]) -> bool:
        """All checks of a bundle in one dtype on every backend, until something fails that is not known."""
        ready = {case.name: case for each in drawn if (case := self._prepared(each)) is not None}
        label = "|".join(ready)
        dtype = self.order.dtypes[sum(label.encode()) % len(self.order.dtypes)]
        for name in self.order.backends:
            for case, outcome in self._outcomes(list(ready.values()), name, dtype, label):
                if self._is_new(outcome):
                    self.tell("found", casefile.dump(case), outcome)
                    self._hunt(case, outcome, drawn)
                    _forget()
                    return True
        _forget()
        return False

    def _prepared(self, drawn: Any) -> Any | None:
        case = soundness.prepared(drawn)
        if case is None:
            self.tell("aside", drawn.name)
        return case

    def _outcomes(self, cases: list[Any], name: str, dtype: FloatType, label: str) -> Iterable[tuple[Any, Outcome]]:
        subject = self._subject(name, dtype, cases)
        for case in cases:
            # A check that is asked of one network of a bundle costs as much as one that is asked of all.
            for check in fitting.some_checks(case, dtype, label if isinstance(case, Case) else case.name):
                outcome = self._settle(case, check, name, dtype, subject)
                if outcome.good:
                    self.tell("outcome", outcome)
                yield case, outcome

    def _settle(self, case: Any, check: Check, name: str, dtype: FloatType, subject: Subject) -> Outcome:
        self.tell("at", casefile.dump(case), check.name, name, dtype)
        item = Item((name,), dtype, check, fitting.family(case), case)
        return settle(item, lambda *_: subject)

    def _subject(self, name: str, dtype: FloatType, cases: list[Any]) -> Subject:
        if name not in self._backends:
            self._backends[name] = Metered(backend(name), self.order.device)
        return Subject(self._backends[name], dtype, side_by_side(case for case in cases if isinstance(case, Case)))

    def _is_new(self, outcome: Outcome) -> bool:
        if outcome.good or _is_declared(outcome):
            return False
        question = _question(outcome)
        return not any(known.holds(question) for known in self.known)

    def _hunt(self, case: Any, outcome: Outcome, bundle: list[Any]) -> None:
        """From now on, shrink this failure: by cases that fail the same check alone."""
        self._hunted, self._smallest = _question(outcome, classes=False), (case, outcome)
        # The others of the bundle passed or were not asked: Hypothesis is told that they do not fail.
        self._tried = dict.fromkeys((each.name for each in bundle), None)
        self._until = min(monotonic() + SHRINKING, self._end)
        alone = self._fails(case)
        if alone is None:
            self._until = 0.0
            message = f"{outcome.message}\n(only when it is evaluated beside other cases)"
            self._smallest = (case, dataclasses.replace(outcome, message=message))
        key = next(each.name for each in bundle if soundness.named(case).name == each.name)
        self._tried[key] = self._smallest

    def _still_fails(self, cases: list[Any]) -> bool:
        """Whether a case of the bundle fails what failed; nothing else is asked."""
        failing = [held for case in cases if (held := self._try(case)) is not None]
        if failing:
            self._smallest = failing[0]
        return bool(failing)

    def _try(self, drawn: Any) -> tuple[Any, Outcome] | None:
        """The case with its failure, if it fails as the hunted one does; remembered, since Hypothesis asks again."""
        key = drawn.name
        if key not in self._tried:
            self._tried[key] = None
            if monotonic() < self._until and (case := soundness.prepared(drawn)) is not None:
                self._tried[key] = self._fails(case)
        return self._tried[key]

    def _fails(self, case: Any) -> tuple[Any, Outcome] | None:
        hunted = self._hunted
        assert hunted is not None
        for check in fitting.checks(case, hunted.dtype):
            if check.name == hunted.check:
                subject = self._subject(hunted.backend, hunted.dtype, [case])
                outcome = self._settle(case, check, hunted.backend, hunted.dtype, subject)
                _forget()
                if self._is_new(outcome):
                    return case, outcome
        return None


def _question(outcome: Outcome, *, classes: bool = True) -> Question:
    held = frozenset(outcome.classes if classes else ())
    return Question(outcome.backend, outcome.dtype, outcome.check, held)  # type: ignore[arg-type]


def _is_declared(outcome: Outcome) -> bool:
    """Whether a listed case of one of its classes is declared to fail so."""
    return any(
        deviation.check == outcome.check
        and outcome.dtype in deviation.dtypes
        and deviation.case.partition("-")[0] in outcome.classes
        for deviation in declared(outcome.backend)
    )


def _forget() -> None:
    """Put away what was computed for a bundle."""
    for module in (truth, loss, metric, optimizer):
        module.forget()
    gc.collect()


def _memory() -> int:
    """Bytes of this process that are in memory, where the system says so."""
    with suppress(OSError), open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def work(order: Order, link: Connection) -> None:
    """The process: searches, and sends what it is told to tell. Ctrl-C is the parent's concern."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(BrokenPipeError, EOFError):
        try:
            Search(order, lambda *message: link.send(message)).run()
        except Exception:
            link.send(("broken", traceback.format_exc()))
