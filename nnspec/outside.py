"""Words of other packages: layers, losses, optimizers and the like that someone else brings.

A package registers a :class:`Vocabulary` under the entry-point group ``nnspec.vocabulary``. It is looked for when a
name is met that nnspec itself does not have, and when a backend, the reference or the suite starts; commands that need
none of this never pay for it. Each part is imported only when it is used: classes when a spec names them, realizations
with their backend, and cases by the suite.

A package that is faulty disturbs nobody who does not use it: its fault is told where one of its words is wanted.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from nnspec import vocabulary
from nnspec.errors import SpecError

GROUP = "nnspec.vocabulary"
_TAG = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """What a package brings. Modules are named, so that nothing is imported before it is used.

    Attributes:
        names: kind -> module -> {name in spec files: class}, with the kinds of ``nnspec.vocabulary.KINDS``.
        reference: modules that register the classes with the functions of ``nnspec.reference``.
        backends: name of a backend -> modules that register the classes with it. A class that is registered with none
            of them is not realized there.
        cases: modules with ``CASES`` and ``EXAMPLES`` for the conformance suite.

    Raises:
        SpecError: an unknown kind, a name that is no word or stands twice, or something that is not a name.
    """

    names: Mapping[str, Mapping[str, Mapping[str, str]]]
    reference: tuple[str, ...] = ()
    backends: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for kind in self.names:
            if kind not in vocabulary.KINDS:
                raise SpecError(f"names: unknown kind {kind!r} (kinds: {', '.join(vocabulary.KINDS)})")
        taken: set[tuple[str, str]] = set()
        for kind, _, tag, _ in self.words():
            if not _is_tag(tag):
                raise SpecError(f"names: {tag!r} is not a name (letters, digits and '_')")
            if (_place(kind), tag) in taken:
                raise SpecError(f"names: {tag!r} stands twice where a {_place(kind)} is expected")
            taken.add((_place(kind), tag))
        lists = {"reference": self.reference, "cases": self.cases, **self.backends}
        for part, modules in lists.items():
            if not _is_list_of_names(modules):
                raise SpecError(f"{part}: expected names of modules, got {modules!r}")

    def words(self) -> Iterator[tuple[str, str, str, str]]:
        """(kind, module, name in spec files, class) of each class."""
        for kind, modules in self.names.items():
            for module, names in modules.items():
                for tag, name in names.items():
                    yield kind, module, tag, name


def _is_tag(value: object) -> bool:
    return isinstance(value, str) and _TAG.fullmatch(value) is not None


def _is_list_of_names(value: object) -> bool:
    return isinstance(value, tuple | list) and all(isinstance(part, str) for part in value)


@dataclass(frozen=True, eq=False)
class Package:
    """An installed package that registers a vocabulary.

    Attributes:
        point: its entry point.
        vocabulary: what it brings; empty if it cannot be used.
        fault: why it cannot be used, or nothing.
    """

    point: EntryPoint
    vocabulary: Vocabulary
    fault: str = ""

    @property
    def name(self) -> str:
        """The distribution with its version, or the module where there is no distribution."""
        dist = self.point.dist
        return self.point.module.split(".")[0] if dist is None else f"{dist.name} {dist.version}"

    def __str__(self) -> str:
        return f"{self.name} (entry point {self.point.name} = {self.point.value})"


@cache
def packages() -> tuple[Package, ...]:
    """All packages that register a vocabulary, faulty ones included, by the names of their entry points."""
    return tuple(_package(point) for point in sorted(entry_points(group=GROUP), key=lambda p: (p.name, p.value)))


def _package(point: EntryPoint) -> Package:
    try:
        found = point.load()
    except Exception as error:
        return Package(point, Vocabulary({}), told(error))
    if not isinstance(found, Vocabulary):
        return Package(point, Vocabulary({}), f"expected a nnspec.Vocabulary, got {type(found).__name__}")
    for kind, _, tag, _ in found.words():
        if tag in vocabulary.own_tags(_place(kind)):
            return Package(point, Vocabulary({}), f"it names the {kind} {tag!r}, and so does nnspec itself")
    return Package(point, found)


def _place(kind: str) -> str:
    """Where names must be told apart: activations and operations stand where layers may."""
    return next((place for place, kinds in vocabulary.ACCEPTED.items() if kind in kinds), kind)


def told(error: Exception) -> str:
    """What went wrong in someone else's module."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def remarks() -> str:
    """What an error about an unknown name adds: which packages might have it, but cannot be used."""
    return "".join(f"; the vocabulary of {package} cannot be used: {package.fault}" for package in _faulty())


def _faulty() -> list[Package]:
    return [package for package in packages() if package.fault]


def demand_sound() -> None:
    """For what has to know all words.

    Raises:
        SpecError: a package cannot be used.
    """
    for package in _faulty():
        raise SpecError(f"the vocabulary of {package} cannot be used: {package.fault}")


def tags(kinds: Iterable[str]) -> list[str]:
    """Names in spec files of the outside classes of these kinds."""
    wanted = set(kinds)
    return [tag for package in packages() for kind, _, tag, _ in package.vocabulary.words() if kind in wanted]


def find(kinds: Iterable[str], tag: str) -> type[Any] | None:
    """The class that ``tag`` stands for, or ``None``.

    Raises:
        SpecError: two packages have the name, or its class cannot be imported or is not of its kind.
    """
    wanted = set(kinds)
    found = [
        (package, kind, module, name)
        for package in packages()
        for kind, module, word, name in package.vocabulary.words()
        if word == tag and kind in wanted
    ]
    if len(found) > 1:
        both = " and ".join(str(package) for package, *_ in found)
        raise SpecError(f"{tag!r} is named by {both}: one of them has to go")
    return _load(tag, *found[0]) if found else None


def _load(tag: str, package: Package, kind: str, module: str, name: str) -> type[Any]:
    try:
        cls: Any = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise SpecError(f"{kind} {tag!r} of {package} cannot be loaded: {told(error)}") from error
    if getattr(cls, "kind", None) != kind or not isinstance(cls, type):
        raise SpecError(f"{kind} {tag!r} of {package} is no {kind}: {module}.{name}")
    return cls


def owner(cls: type[Any]) -> tuple[Package, str] | None:
    """The package that registers a class, and the class's name in spec files; nothing is imported for it."""
    for package in packages():
        for _, module, tag, name in package.vocabulary.words():
            if name == cls.__name__ and (
                module == cls.__module__ or getattr(sys.modules.get(module), name, None) is cls
            ):
                return package, tag
    return None


# (entry point, part) -> why the modules of that part cannot be imported.
_failures: dict[tuple[EntryPoint, str], str] = {}


def load_reference() -> None:
    """Import what registers classes with the reference. What fails is told when such a class is wanted."""
    _import("reference", lambda found: found.reference)


def load_backend(name: str) -> None:
    """Import what registers classes with a backend. What fails is told when such a class is wanted."""
    _import(name, lambda found: found.backends.get(name, ()))


def _import(part: str, modules: Callable[[Vocabulary], Iterable[str]]) -> None:
    for package in packages():
        for module in modules(package.vocabulary):
            try:
                importlib.import_module(module)
            except Exception as error:
                _failures[package.point, part] = f"{module} cannot be imported: {told(error)}"


def lacking(cls: type[Any], part: str) -> str:
    """What an error about a class without a realization adds: whose it is, and what became of it.

    Args:
        part: the name of a backend, or "reference".
    """
    found = owner(cls)
    if found is None:
        return ""
    package, _ = found
    failure = _failures.get((package.point, part))
    if failure:
        return f"; {failure} (of {package})"
    return f"; {package} brings {cls.__name__}, and nothing that realizes it there"


def failures(part: str) -> list[str]:
    """Why modules of that part cannot be imported, by package."""
    return [f"{reason} (of {point.name} = {point.value})" for (point, of), reason in _failures.items() if of == part]


def versions() -> dict[str, str]:
    """Versions of the distributions that bring vocabularies."""
    found = [package.point.dist for package in packages() if not package.fault]
    return {dist.name: dist.version for dist in found if dist is not None}
