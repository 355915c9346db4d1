"""docs/mutants.md says what the tables say."""

from __future__ import annotations

import pytest

from tests.mutants import page
from tests.mutants.table import MUTANTS


def test_the_page_is_up_to_date() -> None:
    if not page.TARGET.is_file():
        pytest.skip("the documentation is not around the tests")
    assert page.outdated(page.TARGET.read_text(encoding="utf-8")) == []


def test_what_found_a_mutant_before_is_read_from_the_page() -> None:
    written = page.TARGET.read_text(encoding="utf-8") if page.TARGET.is_file() else pytest.skip("no documentation")
    found = page.found_before(written)
    assert found.keys() == {mutant.id for mutant in MUTANTS}
    assert page.render(found) == written
    lines = written.splitlines()
    gone = page.found_before("\n".join(line for line in lines if "LayerNorm" not in line))
    assert gone.keys() < found.keys()
    assert found.keys() - gone.keys() >= {mutant.id for mutant in MUTANTS if mutant.guilty == "LayerNorm"}
    assert page.found_before("") == {}


def test_a_page_that_is_out_of_date_is_told() -> None:
    killers = {mutant.id: "forward of no such case" for mutant in MUTANTS}
    text = page.render(killers)
    assert len(page.outdated(text)) == len(MUTANTS)
    assert page.outdated("") == sorted([*(f"missing: {page.row(m)}" for m in MUTANTS), "the number of mutants"])
