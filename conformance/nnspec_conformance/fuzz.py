"""Draws cases at random for as long as one likes: what ``nnspec conformance --fuzz MINUTES`` does.

The work is done by one process after another (:mod:`nnspec_conformance.search`), so that memory stays bounded and a
backend that takes its process with it is one more failure. What fails is shrunk and left as a case file, which
``nnspec conformance --replay FILE`` runs again.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import multiprocessing
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from nnspec.backends import FloatType
from nnspec.errors import NNSpecError
from nnspec.files import make_directory
from nnspec_conformance import casefile, fitting
from nnspec_conformance.outcome import Outcome

if TYPE_CHECKING:
    from nnspec_conformance.search import Question

# Seconds that a process has after the end for what it is at: a compilation, or the last step of shrinking.
GRACE = 60.0


@dataclass
class Progress:
    """How far the search has come.

    Attributes:
        seed: what repeats it.
        tests: checks that were asked and passed.
        cases: names of the cases drawn so far.
        aside: cases that were set aside because no implementation can be judged on them.
        failures: case files written.
        shrinking: the case that is being shrunk, if one is.
    """

    seed: int
    minutes: float
    started: float = field(default_factory=monotonic)
    tests: int = 0
    cases: set[str] = field(default_factory=set)
    aside: int = 0
    failures: list[Path] = field(default_factory=list)
    shrinking: str = ""

    @property
    def seconds(self) -> float:
        """Since the start."""
        return monotonic() - self.started

    @property
    def left(self) -> float:
        """Seconds to the end."""
        return self.minutes * 60 - self.seconds

    def __str__(self) -> str:
        counts = f"{len(self.cases):,} cases, {self.tests:,} tests, {self.aside} set aside, {len(self.failures)} failed"
        return f"seed {self.seed}: {counts}" + (f"; shrinking {self.shrinking}" if self.shrinking else "")


def run(
    minutes: float,
    backends: Sequence[str],
    dtypes: Sequence[FloatType],
    *,
    seed: int | None = None,
    failures: Path = Path(),
    device: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Iterator[Outcome]:
    """What became of each test of cases drawn at random, until the time is over or Ctrl-C is pressed.

    A failure is yielded once, shrunk, after its case file was written; the message names the file and the command that
    runs it again. Further cases that fail the same check and hold the same classes are not reported again.

    Args:
        seed: repeats the search; another one each time unless given.
        failures: the directory for case files, made where it does not exist.
        device: where nets are built.
        on_progress: called whenever something is known.

    Raises:
        NNSpecError: Hypothesis is not installed.
        FileError: a case file cannot be written.
    """
    if importlib.util.find_spec("hypothesis") is None:
        raise NNSpecError("drawing cases needs Hypothesis, which is not installed: pip install 'nnspec[fuzz]'")
    make_directory(failures)
    progress = Progress(secrets.randbits(32) if seed is None else seed, minutes)
    session = _Session(tuple(backends), tuple(dtypes), failures, device, progress, on_progress or (lambda _: None))
    return session.outcomes()


@dataclass
class _Session:
    backends: tuple[str, ...]
    dtypes: tuple[FloatType, ...]
    failures: Path
    device: str | None
    progress: Progress
    on_progress: Callable[[Progress], None]
    known: list[Question] = field(default_factory=list)
    _mistakes: set[str] = field(default_factory=set)
    # What the process was last at, and the failure that it shrinks.
    _at: tuple[Any, ...] | None = None
    _found: tuple[Any, Outcome] | None = None

    def outcomes(self) -> Iterator[Outcome]:
        """Process after process until the end. Ctrl-C ends the search and keeps what was found."""
        turn = 0
        try:
            while self.progress.left > 0:
                yield from self._one(turn)
                turn += 1
        except KeyboardInterrupt:
            yield from self._given_up()
        self.on_progress(self.progress)

    def _one(self, turn: int) -> Iterator[Outcome]:
        """The outcomes of one process."""
        from nnspec_conformance.search import Order, work

        seed = self.progress.seed * 1000 + turn
        order = Order(self.backends, self.dtypes, seed, self.progress.left, self.device, tuple(self.known))
        context = multiprocessing.get_context("spawn")  # frameworks do not survive a fork
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(order, there), daemon=True)
        process.start()
        there.close()
        try:
            yield from self._messages(process, here)
        finally:
            process.kill()
            process.join()
            here.close()

    def _messages(self, process: BaseProcess, link: Connection) -> Iterator[Outcome]:
        self._at = None
        while True:
            if not link.poll(max(self.progress.left, 0) + GRACE):
                yield from self._given_up()
                return
            try:
                name, *held = link.recv()
            except EOFError:
                process.join()
                yield from self._died(process.exitcode)
                return
            if name == "end":
                return
            if name == "broken":
                yield from self._broken(held[0])
                return
            yield from self._message(name, held)
            self.on_progress(self.progress)

    def _message(self, name: str, held: list[Any]) -> Iterator[Outcome]:
        match name:
            case "at":
                self._at = tuple(held)
            case "aside":
                self.progress.aside += 1
            case "outcome":
                self.progress.tests += 1
                self.progress.cases.add(held[0].case)
                yield held[0]
            case "found":
                self._found = (held[0], held[1])
                self.progress.shrinking = held[1].case
            case "failure":
                yield self._failure(held[0], held[1])

    def _given_up(self) -> Iterator[Outcome]:
        """What was found and could not be shrunk to its end."""
        if self._found is not None:
            yield self._failure(*self._found)

    def _died(self, status: int | None) -> Iterator[Outcome]:
        """A process that ended by itself: the test that it was at is a failure."""
        if self._at is None:
            raise NNSpecError(f"the process that draws cases ended with status {status} before its first test")
        data, check, backend, dtype = self._at
        case = casefile.parse(data)
        how = f"was ended by signal {-status}" if status is not None and status < 0 else f"ended with status {status}"
        names = tuple(sorted(cls.__name__ for cls in case.classes))
        message = f"the process that ran it, or a case beside it, {how}"
        made = Outcome(backend, dtype, fitting.family(case), check, case.name, "error", names, message=message)
        yield self._failure(data, made)

    def _broken(self, text: str) -> Iterator[Outcome]:
        """A mistake of a strategy or of the reference: told once, and the search goes on from another seed."""
        yield from self._given_up()
        last = text.partition("\nwhile generating")[0].strip().rpartition("\n")[2]
        if last not in self._mistakes:
            self._mistakes.add(last)
            message = "\n".join((last, text))
            yield Outcome(
                "~".join(self.backends), self.dtypes[0], "random", "drawing", "fuzz", "error", message=message
            )

    def _failure(self, data: Any, outcome: Outcome) -> Outcome:
        """Write the case file of a failure; the outcome with the command that runs it again."""
        from nnspec_conformance.search import Question

        self._found, self.progress.shrinking = None, ""
        self.known.append(Question(outcome.backend, outcome.dtype, outcome.check, frozenset(outcome.classes)))  # type: ignore[arg-type]
        return keep(data, outcome, self.failures, self.progress)


def keep(data: Any, outcome: Outcome, folder: Path, progress: Progress) -> Outcome:
    """Write a failing case to a file; the outcome, with the command that runs it again."""

    case = casefile.parse(data)
    name = f"failure-{fitting.about(case)}-{case.name.rpartition('fuzz ')[2].replace('.', '-')}.yaml"
    path = folder / name
    casefile.write(
        path,
        case,
        check=outcome.check,
        backend=outcome.backend,
        dtype=outcome.dtype,
        seed=progress.seed,
        message=outcome.message,
    )
    progress.failures.append(path)
    command = f"nnspec conformance --backend {outcome.backend} --dtype {outcome.dtype} --replay {path}"
    return dataclasses.replace(outcome, message=f"run it again: {command}\n{outcome.message}")
