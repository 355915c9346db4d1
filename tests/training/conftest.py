"""Fixtures: every test of the trainer runs on each installed backend."""

from __future__ import annotations

import pytest

from nnspec.backends import installed, registered


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend_name" in metafunc.fixturenames:
        found = installed()
        skips = [
            pytest.param(name, marks=pytest.mark.skip(reason=f"the {name} backend's framework is not installed"))
            for name in registered()
            if name not in found
        ]
        metafunc.parametrize("backend_name", [*found, *skips])
