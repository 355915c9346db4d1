"""Runs the checks of a case file: what ``nnspec conformance --replay FILE`` does."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from nnspec.backends import FloatType
from nnspec.errors import SpecError, did_you_mean
from nnspec_conformance import casefile, fitting
from nnspec_conformance.outcome import Outcome, settle
from nnspec_conformance.run import Bench
from nnspec_conformance.suite import Item


def run(
    path: str | os.PathLike[str],
    backends: Sequence[str],
    dtypes: Sequence[FloatType],
    *,
    device: str | None = None,
) -> Iterator[Outcome]:
    """What becomes of each check that the case fits, or of the one that the file names under ``about: {check: ...}``.

    Nothing of the file is executed: it holds a spec and numbers.

    Args:
        path: a case file, as ``--fuzz`` leaves them, or written by hand.

    Raises:
        FileError: the file cannot be read.
        SpecError: it holds no case, or names a check that the case does not fit; with file and line.
    """
    items = tests(path, backends, dtypes)
    bench = Bench(device)
    return (settle(item, bench) for item in items)


def tests(path: str | os.PathLike[str], backends: Sequence[str], dtypes: Sequence[FloatType]) -> list[Item]:
    """The tests of a case file.

    Raises:
        FileError, SpecError: as :func:`run`.
    """
    held = casefile.read(path)
    wanted = held.about.get("check")
    known = {rule.name for rule in fitting.RULES if isinstance(held.case, rule.kinds)}
    if wanted is not None and wanted not in known:
        hint = did_you_mean(wanted, known) or f" (checks of it: {', '.join(sorted(known))})"
        raise SpecError(f"no check {wanted!r} of such a case{hint}", ("about", "check"), os.fspath(path))
    found = []
    for dtype in dtypes:
        for check in fitting.checks(held.case, dtype):
            if wanted in (None, check.name):
                found += [Item((name,), dtype, check, fitting.family(held.case), held.case) for name in backends]
    if not found:
        raise SpecError(f"no check fits the case in {', '.join(dtypes)}", (), os.fspath(path))
    return found
