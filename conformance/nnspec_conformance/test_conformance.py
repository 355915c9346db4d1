"""All checks of all cases, as tests: one per backend, dtype, check and case."""

from __future__ import annotations

from typing import Any

import pytest

from nnspec_conformance import deviations, plugin, suite


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "item" in metafunc.fixturenames:
        items = list(suite.items(*plugin.chosen(metafunc.config)))
        metafunc.parametrize("item", items, ids=[item.id for item in items])


def test_conformance(item: suite.Item, request: pytest.FixtureRequest) -> None:
    for name in item.backends:
        lacking = plugin.subject(name, item.dtype).lacks(item.case.classes)
        if lacking:
            pytest.skip(f"not implemented by {name}: {', '.join(lacking)}")
    declared = deviations.find(item.backend, item.dtype, item.check.name, item.case.name)
    if declared is not None:
        request.applymarker(pytest.mark.xfail(strict=True, reason=str(declared)))
    result = item.run(plugin.subject)
    plugin.record(request.node, item.family, result)
    assert result.figures, "the check compared nothing"
    assert result.passed, result.message()


def test_every_deviation_is_of_a_test_that_exists() -> None:
    known: set[tuple[Any, ...]] = {(check.name, case.name) for check in suite.CHECKS for _, case in check.cases}
    for deviation in deviations.DEVIATIONS:
        assert (deviation.check, deviation.case) in known, f"no such test: {deviation}"
        assert deviation.reason and deviation.link and deviation.dtypes, f"incomplete: {deviation}"


def test_names_are_unique() -> None:
    for check in {check.name for check in suite.CHECKS}:
        names = [case.name for each in suite.CHECKS if each.name == check for _, case in each.cases]
        assert len(names) == len(set(names)), f"two cases of {check} have one name"
