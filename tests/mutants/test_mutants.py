"""The suite finds mistakes: each mutant must fail a check of a case that names the guilty class."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from nnspec import backends, vocabulary
from tests.mutants.hunt import guilty_cases, hunt
from tests.mutants.mutant import REFERENCE
from tests.mutants.table import MUTANTS, Mutant, everyday

WANTED = 100
EVERYDAY = everyday()


def _parameter(mutant: Mutant) -> Any:
    marks = [getattr(pytest.mark, mutant.where)] if mutant.where in backends.INSTALL else []
    return pytest.param(mutant, id=mutant.id, marks=marks if mutant.id in EVERYDAY else [*marks, pytest.mark.slow])


@pytest.mark.parametrize("mutant", [_parameter(mutant) for mutant in MUTANTS])
def test_mutant_is_killed(mutant: Mutant) -> None:
    if not backends.installed():
        pytest.skip("no backend is installed")
    found = hunt(mutant)
    assert found is not None, f"{mutant.guilty} with the mistake {mutant.name!r} in {mutant.where} passes"


def test_the_table_is_long_and_no_mutant_stands_in_it_twice() -> None:
    assert [name for name, count in Counter(mutant.id for mutant in MUTANTS).items() if count > 1] == []
    places = Counter(mutant.where for mutant in MUTANTS)
    assert min(places[REFERENCE], places["jax"], places["tensorflow"]) >= WANTED / 2
    assert len(MUTANTS) >= WANTED


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.id)
def test_mutant_can_be_planted_and_found_by_name(mutant: Mutant) -> None:
    if mutant.edit is not None:
        mutant.edit.code()  # the text still stands in its module
    assert guilty_cases(mutant), f"no case of {mutant.guilty} for {', '.join(mutant.checks)}"


def test_every_class_has_a_mutant() -> None:
    # A model's own rules (sharing, nesting, order) are broken in cases named after them.
    classes = set(vocabulary.class_names()) - {"Model"}
    assert classes - {mutant.guilty for mutant in MUTANTS} == set()
