"""All checks of all cases, as tests: one per backend, dtype, check and case."""

from __future__ import annotations

from collections import Counter

import pytest

from nnspec import backends
from nnspec_conformance import deviations, plugin, selection, suite


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "item" in metafunc.fixturenames:
        items = plugin.plan(metafunc.config).items()
        everyday = selection.everyday(suite.CHECKS, items)
        # Only a mark, by which nnspec's own settings leave them out: elsewhere all are run.
        params = [
            pytest.param(item, id=item.id, marks=() if item.id in everyday else pytest.mark.slow) for item in items
        ]
        metafunc.parametrize("item", params)


def test_conformance(item: suite.Item, request: pytest.FixtureRequest) -> None:
    outcome = plugin.settled(request.session, item)
    plugin.keep(request.node, outcome)
    if outcome.status == "not implemented":
        pytest.skip(outcome.message)
    if outcome.status == "deviation":
        pytest.xfail(outcome.message)
    assert outcome.status == "passed", outcome.message


@pytest.mark.parametrize("name", backends.registered())
def test_every_deviation_is_of_a_test_that_exists(name: str) -> None:
    assert not deviations.problems(name)


def test_names_are_unique() -> None:
    counts = Counter(case.name for _, case in suite.cases())
    assert not [name for name, count in counts.items() if count > 1]
