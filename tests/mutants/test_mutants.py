"""The suite finds mistakes: each of these is planted, and must fail a check of a case that names the guilty class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nnspec import backends, vocabulary
from nnspec_conformance import suite, truth
from nnspec_conformance.checks import loss, metric, optimizer
from nnspec_conformance.subject import Subject
from nnspec_conformance.suite import Check
from tests.mutants.wrong_backend import MUTANTS as WRONG_BACKENDS
from tests.mutants.wrong_reference import MUTANTS as WRONG_REFERENCES, Mutant

# What is asked of a reference with a mistake, in this order; gradients are differences of it, so they follow forward.
ASKED = ("forward", "state", "loss", "metric", "optimizer", "schedule")


@pytest.fixture(scope="module")
def right() -> Subject:
    """A backend that passes, in float64. What it gives is computed once for all mistakes in the reference."""
    names = backends.installed()
    if not names:
        pytest.skip("no backend is installed")
    return suite.subject(backends.backend(names[0]), "float64")


@pytest.fixture(autouse=True)
def fresh_truth() -> Iterator[None]:
    """Nothing the reference said before or under a mistake is remembered."""
    forget()
    yield
    forget()


def forget() -> None:
    for module in (truth, loss, metric, optimizer):
        module.forget()


def guilty_cases(name: str, checks: tuple[str, ...]) -> list[tuple[Check, Any]]:
    """The checks and cases that are about a class, or whose id has the word where it is not the name of a class."""
    is_class = name in vocabulary.class_names()

    def about(case: Any) -> bool:
        return bool(case.name.split("-")[0] == name if is_class else name in case.name)

    asked = [check for check in suite.CHECKS if check.name in checks and not check.pairs]
    return [(check, case) for check in asked for _, case in check.cases if about(case)]


def killer(subject: Subject, cases: list[tuple[Check, Any]]) -> str | None:
    """The first check and case that fail, by name."""
    for check, case in cases:
        try:
            failed = not all(figure.passed for figure in check.run(subject, case))
        except AssertionError:
            failed = True
        if failed:
            return f"{check.name} of {case.name}"
    return None


def test_the_table_is_long_enough() -> None:
    assert len(WRONG_REFERENCES) + len(WRONG_BACKENDS) >= 50


@pytest.mark.parametrize("mutant", WRONG_REFERENCES, ids=lambda m: f"{m.guilty.__name__}: {m.name}")
def test_mistake_in_the_reference(mutant: Mutant, right: Subject, record_property: Any) -> None:
    cases = guilty_cases(mutant.guilty.__name__, ASKED)
    assert cases, f"no case of {mutant.guilty.__name__}"
    assert killer(right, cases) is None, "the suite must pass before the mistake is planted"
    forget()
    with mutant.planted():
        found = killer(right, cases)
    record_property("killer", found)
    assert found is not None, f"{mutant.guilty.__name__} with the mistake {mutant.name!r} passes"


@pytest.mark.parametrize("name", WRONG_BACKENDS)
def test_mistake_in_a_backend(name: str, right: Subject, record_property: Any) -> None:
    guilty, wrong, checks = WRONG_BACKENDS[name]
    cases = guilty_cases(guilty, checks)
    assert cases, f"no case of {guilty}"
    # Each case is a net of its own here: the mistake is looked for, not the speed.
    found = killer(Subject(wrong(right.backend), "float64"), cases)
    record_property("killer", found)
    assert found is not None, f"a backend with the mistake {name!r} passes"
