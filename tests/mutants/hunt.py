"""Looking for the check and the case that find a mutant."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from nnspec import backends, vocabulary
from nnspec.backends import Backend
from nnspec_conformance import suite, truth
from nnspec_conformance.checks import loss, metric, optimizer
from nnspec_conformance.subject import Subject
from nnspec_conformance.suite import Check
from nnspec_conformance.training import TrainingCase
from tests.mutants.mutant import REFERENCE, Mutant

# A mistake in the loop of updates shows in its first few; a run in full is the suite's own business.
UPDATES = 8


@dataclass(frozen=True)
class Kill:
    """What found a mutant.

    Attributes:
        check, case: by name.
        error: the exception, where the backend refused to run.
        tried: how many cases were asked before.
        seconds: how long it took.
    """

    check: str
    case: str
    error: str = ""
    tried: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.check} of {self.case}" + (f" ({self.error})" if self.error else "")


def needs(mutant: Mutant) -> str:
    """The name of the backend that a mutant is planted in, or of any that is installed."""
    if mutant.where in backends.INSTALL:
        return mutant.where
    return backends.installed()[0]


def hunt(mutant: Mutant) -> Kill | None:
    """The first check of a case named after the guilty class that fails, and that passes without the mistake.

    Raises:
        AssertionError: no case is named so, or one that fails does so without the mistake, too.
    """
    cases = guilty_cases(mutant)
    assert cases, f"no case of {mutant.guilty} for {', '.join(mutant.checks)}"
    start = time.perf_counter()
    backend = _backend(needs(mutant))
    in_reference = mutant.where == REFERENCE
    if in_reference:
        forget()
    try:
        with mutant.planted(backend) as planted:
            # What the right backend gives is the same under any mistake of the reference.
            subject = _right(needs(mutant), mutant.dtype) if in_reference else Subject(planted, mutant.dtype)
            found = _first(mutant, subject, cases)
    finally:
        if in_reference:
            forget()
    if found is None:
        return None
    check, case, error, tried = found
    assert _fails(check, _right(needs(mutant), mutant.dtype), case) is None, f"{check.name} of {case.name} fails anyway"
    return Kill(check.name, case.name, error, tried, time.perf_counter() - start)


def guilty_cases(mutant: Mutant) -> list[tuple[Check, Any]]:
    """The checks and cases that are about the guilty class, the hinted ones first."""
    found = [
        (check, _shortened(case))
        for name in mutant.checks
        for check in suite.CHECKS
        if check.name == name and not check.pairs and (not check.dtypes or mutant.dtype in check.dtypes)
        for _, case in check.cases
        if is_about(case.name, mutant.guilty)
    ]
    return sorted(found, key=lambda pair: mutant.hint not in pair[1].name)


def is_about(case: str, guilty: str) -> bool:
    """Whether a case's name begins with a class, or has the words that are not the name of a class."""
    return case.split("-")[0] == guilty if guilty in _classes() else guilty in case


@cache
def _shortened(case: Any) -> Any:
    return replace(case, updates=UPDATES) if isinstance(case, TrainingCase) else case


@cache
def _classes() -> frozenset[str]:
    return frozenset(vocabulary.class_names())


def _first(mutant: Mutant, subject: Subject, cases: list[tuple[Check, Any]]) -> tuple[Check, Any, str, int] | None:
    for tried, (check, case) in enumerate(cases):
        error = _fails(check, subject, case, refused=mutant.raises)
        if error is not None:
            return check, case, error, tried
    return None


def _fails(check: Check, subject: Subject, case: Any, *, refused: bool = False) -> str | None:
    """None if the check passes; else the name of the exception, or nothing where figures are beyond their limits."""
    try:
        figures = check.run(subject, case)
    except AssertionError:  # a check's own
        return ""
    except Exception as error:
        if refused:
            return type(error).__name__
        raise
    return None if all(figure.passed for figure in figures) else ""


@cache
def _backend(name: str) -> Backend:
    return backends.backend(name)


@cache
def _right(name: str, dtype: Any) -> Subject:
    """A backend as it is. Each case is a net of its own: a mistake is looked for, not the speed."""
    return Subject(_backend(name), dtype)


def forget() -> None:
    """Forget what the reference said before or under a mistake."""
    for module in (truth, loss, metric, optimizer):
        module.forget()
