"""docs/mutants.md says what the tables say."""

from __future__ import annotations

import pytest

from tests.mutants import page
from tests.mutants.table import MUTANTS


def test_the_page_is_up_to_date() -> None:
    if not page.TARGET.is_file():
        pytest.skip("the documentation is not around the tests")
    assert page.outdated(page.TARGET.read_text(encoding="utf-8")) == []


def test_a_page_that_is_out_of_date_is_told() -> None:
    killers = {mutant.id: "forward of no such case" for mutant in MUTANTS}
    text = page.render(killers)
    assert len(page.outdated(text)) == len(MUTANTS)
    assert page.outdated("") == sorted([*(f"missing: {page.row(m)}" for m in MUTANTS), "the number of mutants"])
