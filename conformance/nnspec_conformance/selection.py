"""Which cases checks are asked of: in a quick run, in a standard one, in all; and which tests after every change."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal
from zlib import crc32

from nnspec_conformance.draws import generator

if TYPE_CHECKING:
    from nnspec_conformance.suite import Check, Item

Extent = Literal["quick", "standard", "all"]
# The share of cases that sampled checks are asked of, unless everything is run; each family has at least one.
SHARE = 0.1
_OF_DERIVATIVES = ("gradients", "kinks", "extremes", "loss kinks", "loss extremes")


def chosen(check: Check, extent: Extent) -> tuple[tuple[str, Any], ...]:
    """The cases that a check is asked of."""
    if extent == "quick" and check.quick != "all":
        return _of_classes(check.cases) if check.quick == "classes" else ()
    return check.cases if extent == "all" or not check.sampled else _sample(check)


def _of_classes(cases: Iterable[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
    """The first case of each class."""
    firsts: dict[tuple[str, type[Any]], tuple[str, Any]] = {}
    for kind, case in cases:
        firsts.setdefault((kind, type(getattr(case, "spec", None))), (kind, case))
    return tuple(firsts.values())


def _sample(check: Check) -> tuple[tuple[str, Any], ...]:
    """A seeded share of the cases of each family, at least one of each."""
    found: list[tuple[str, Any]] = []
    for _, group in groupby(check.cases, key=lambda pair: pair[0]):
        drawn = sorted(group, key=lambda pair: generator("sample", check.name, pair[1].name).random())
        found += drawn[: max(1, round(SHARE * len(drawn)))]
    return tuple(found)


def everyday(checks: Iterable[Check], found: Iterable[Item]) -> frozenset[str]:
    """The ids of the tests that are worth their time after every change: those that ask for the formula, in float64,
    and of those that ask for the arithmetic, in lower precision, what the quick run asks, on one backend by turns and
    but for gradients and what else asks for derivatives: they take most of the time that is spent on compilation."""
    checks = tuple(checks)
    quick = {(check.name, kind, case.name) for check in checks for kind, case in chosen(check, "quick")}
    firsts = {
        (check.name, kind, case.name)
        for check in checks
        if check.everyday in ("classes", "turns", "half")
        for kind, case in _of_classes(check.cases)
    }
    found = list(found)
    taking = sorted({item.backends[0] for item in found if len(item.backends) == 1})

    def worth(item: Item) -> bool:
        name = (item.check.name, item.family, item.case.name)
        mine = item.backends[0] == taking[crc32(item.case.name.encode()) % len(taking)]
        if item.dtype != "float64" and item.dtype not in item.check.dtypes:
            return mine and name in quick and item.check.name not in _OF_DERIVATIVES
        if item.check.everyday == "turns":
            return mine or name in firsts
        if item.check.everyday == "half":
            return (mine and crc32(item.case.name.encode()) // len(taking) % 2 == 0) or name in firsts
        return name in quick or item.check.everyday == "all" or name in firsts

    return frozenset(item.id for item in found if worth(item))
