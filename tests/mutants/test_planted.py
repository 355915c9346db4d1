"""The command, run on copies of the sources with a mistake each, fails and names the guilty class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nnspec import backends
from tests.mutants.hunt import is_about
from tests.mutants.planted import PATCHES, ROOT, Patch, copied, outcomes, planted

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="the repository is not around the tests"),
]


def _parameter(patch: Patch) -> Any:
    return pytest.param(patch, id=patch.id, marks=getattr(pytest.mark, patch.backend))


@pytest.mark.parametrize("patch", [_parameter(patch) for patch in PATCHES])
def test_planted_mistake_is_found(patch: Patch, tmp_path: Path) -> None:
    top = copied(tmp_path)
    planted(patch, top)
    found = [each for each in outcomes(top, patch.backend, patch.guilty) if is_about(each["case"], patch.guilty)]
    failing = [f"{each['check']} of {each['case']}" for each in found if each["status"] in ("failed", "error")]
    print(f"{patch.id}: {len(failing)} of {len(found)} fail: {failing[:3]}")
    assert failing, f"{patch.guilty} with the mistake {patch.name!r} passes"


def test_a_copy_without_a_mistake_passes(tmp_path: Path) -> None:
    names = backends.installed()
    if not names:
        pytest.skip("no backend is installed")
    found = list(outcomes(copied(tmp_path), names[0], "LeakyReLU"))
    assert found and all(each["status"] == "passed" for each in found)
