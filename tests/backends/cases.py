"""Conformance cases by what is asked of them: one of each class of the vocabulary, or all."""

from __future__ import annotations

from functools import cache
from itertools import groupby
from typing import Any

import pytest

from nnspec_conformance import suite
from nnspec_conformance.selection import Extent


@cache
def chosen(check: str, extent: Extent = "quick") -> tuple[tuple[str, Any], ...]:
    """Families and cases that a check of the suite is asked of: one case of each class in the quick run."""
    found = [item for item in suite.items([""], ["float32"], extent) if item.check.name == check]
    return tuple((item.family, item.case) for item in found)


def families(extent: Extent = "quick") -> list[Any]:
    """The cases of each family of layers, as parameters of a test."""
    grouped = groupby(chosen("forward", extent), key=lambda pair: pair[0])
    return [pytest.param([case for _, case in group], id=name) for name, group in grouped]
