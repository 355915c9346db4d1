"""Deviations: what is known to fail, as reviewed data. Strict: one that passes, or that fits nothing, is an error.

Those of the backends that come with nnspec stand here. Another package declares its own by an entry point of the group
``nnspec.deviations`` that is named like the backend and leads to a tuple of :class:`Deviation`::

    [project.entry-points."nnspec.deviations"]
    mine = "nnspec_mine.deviations:DEVIATIONS"

It may speak of the backend that it registers, and of cases of its own vocabulary, and of nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Literal, get_args

from nnspec import backends
from nnspec.backends import DTYPES, FloatType
from nnspec.errors import NNSpecError

if TYPE_CHECKING:
    from nnspec_conformance.suite import Item

GROUP = "nnspec.deviations"
Kind = Literal["ours", "upstream", "nature"]


@dataclass(frozen=True)
class Deviation:
    """One case that fails one check on one backend.

    Attributes:
        backend, check, case: their names; two backends that are compared with each other are joined by "~".
        dtypes: in which it fails.
        kind: "ours" to fix, "upstream" in the framework, or "nature" where no one can do better.
        reason: what differs, and why.
        link: where it is discussed.

    Raises:
        NNSpecError: an entry that is incomplete, of an unknown kind or in an unknown dtype.
    """

    backend: str
    check: str
    case: str
    dtypes: tuple[FloatType, ...]
    kind: Kind
    reason: str
    link: str

    def __post_init__(self) -> None:
        where = f"deviation of {self.case!r} on {self.backend!r}"
        for field in ("backend", "check", "case", "reason", "link"):
            value: object = getattr(self, field)
            if not isinstance(value, str) or not value.strip():
                raise NNSpecError(f"{where}: {field} is a text that is not empty, got {value!r}")
        if self.kind not in get_args(Kind):
            raise NNSpecError(f"{where}: kind is one of {', '.join(get_args(Kind))}, got {self.kind!r}")
        dtypes: object = self.dtypes
        if not isinstance(dtypes, tuple) or not dtypes:
            raise NNSpecError(f"{where}: dtypes is a tuple of at least one, got {dtypes!r}")
        for dtype in self.dtypes:
            if dtype not in DTYPES:
                raise NNSpecError(f"{where}: dtypes are of {', '.join(DTYPES)}, got {dtype!r}")
        if not self.link.startswith(("https://", "http://")):
            raise NNSpecError(f"{where}: link begins with https://, got {self.link!r}")

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason} ({self.link})"

    @property
    def backends(self) -> frozenset[str]:
        """The backends it is about: one, or the two that are compared with each other, in whichever order."""
        return frozenset(self.backend.split("~"))


DEVIATIONS: tuple[Deviation, ...] = ()


def find(backend: str, dtype: str, check: str, case: str) -> Deviation | None:
    """The deviation that is declared for this, if there is one.

    Raises:
        NNSpecError: a package's own list of deviations of this backend cannot be used.
    """
    names = frozenset(backend.split("~"))
    return next(
        (
            d
            for d in declared(backend)
            if (d.check, d.case) == (check, case) and dtype in d.dtypes and d.backends == names
        ),
        None,
    )


def declared(backend: str) -> tuple[Deviation, ...]:
    """All deviations that are declared for a backend (or two, joined by "~"), whoever declares them.

    Raises:
        NNSpecError: a package's own list cannot be used.
    """
    names = backend.split("~")
    outside = tuple(entry for name in names for point in _points(name) for entry in _listed(point))
    return (*(entry for entry in DEVIATIONS if entry.backends & set(names)), *outside)


def problems(backend: str) -> list[str]:
    """What is wrong with the deviations that are declared for a backend, a line each.

    An entry is wrong if no test fits it in one of its dtypes, if another one says the same, or if the package that
    declares it registers neither the backend nor a class of the case. (One that passes is found by running its test.)

    Raises:
        NNSpecError: a package's own list cannot be used.
    """
    found, seen = [], set()
    for entry, package in _with_packages(backend):
        for dtype in entry.dtypes:
            key = (entry.backends, dtype, entry.check, entry.case)
            shown = (
                f"the deviation {'-'.join((entry.backend, dtype, entry.check, entry.case))} of {package or 'nnspec'}"
            )
            if key in seen:
                found.append(f"{shown} is declared twice")
            seen.add(key)
            test = _test(entry, dtype)
            if test is None:
                found.append(f"{shown} fits no test")
            elif package is not None and not _may_speak(package, entry, test):
                found.append(f"{shown} is about neither its own backend nor its own vocabulary")
    return found


def _with_packages(backend: str) -> Iterator[tuple[Deviation, str | None]]:
    """The entries for one backend and the packages that declare them; ``None`` stands for nnspec itself."""
    yield from ((entry, None) for entry in DEVIATIONS if backend in entry.backends)
    for point in _points(backend):
        yield from ((entry, _package(point)) for entry in _listed(point))


def _test(entry: Deviation, dtype: FloatType) -> Item | None:
    """The test that an entry is about."""
    from nnspec_conformance import suite  # it imports all cases

    names = entry.backend.split("~")
    tests = suite.items(names, [dtype], "all")
    return next(
        (t for t in tests if (t.backend, t.check.name, t.case.name) == (entry.backend, entry.check, entry.case)), None
    )


def _may_speak(package: str, entry: Deviation, test: Item) -> bool:
    """Whether a package registers a backend of the entry or brings a class of the case."""
    registered = {point.name for point in entry_points(group=backends.GROUP) if _package(point) == package}
    return bool(registered & entry.backends) or any(
        cls.__module__.split(".")[0] == package for cls in test.case.classes
    )


@cache
def _points(backend: str) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP, name=backend))


def _package(point: EntryPoint) -> str:
    """The package that an entry point leads into."""
    return point.module.split(".")[0]


@cache
def _listed(point: EntryPoint) -> tuple[Deviation, ...]:
    """What a package declares for the backend that its entry point names."""
    where = f"the entry point {point.name} = {point.value!r} of {GROUP}"
    try:
        found = point.load()
    except Exception as error:  # whatever a package of someone else's does while it is imported
        raise NNSpecError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(found, tuple) or not all(isinstance(entry, Deviation) for entry in found):
        raise NNSpecError(f"{where} leads to no tuple of nnspec_conformance.deviations.Deviation")
    for entry in found:
        if point.name not in entry.backends:
            raise NNSpecError(f"{where} declares a deviation of {entry.backend!r}, which is another backend")
    return found
