"""What a backend lacks, said before anything is built."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nnspec.errors import UnsupportedError
from nnspec.spec import Spec, changed_fields

if TYPE_CHECKING:
    from nnspec.backends import Backend


def missing(backend: str, cls: type[Any]) -> UnsupportedError:
    """The error for a class that a backend does not realize; of another package's class it says whose part that is."""
    from nnspec import outside

    reason = outside.lacking(cls, backend)
    return UnsupportedError(f"the {backend} backend has no realization of {cls.__name__}{reason}")


def demand(backend: Backend, *specs: Any) -> None:
    """Refuse what a backend does not realize, within a spec too: a layer's activation, an optimizer's schedule.

    A backend of another package may name options that it lacks: ``without_options`` holds fields by class, which have
    to stay at their defaults.

    Raises:
        UnsupportedError: the class, and in a model the node.
    """
    from nnspec.model import Model

    for spec in specs:
        if isinstance(spec, Model):
            for path, node in spec.walk():
                if not isinstance(node.layer, Model):
                    _demand(backend, node.layer, f"{path}: ")
        else:
            _demand(backend, spec)


def _demand(backend: Backend, spec: Any, place: str = "") -> None:
    for part in _parts(spec):
        if backend.lacks(type(part)):
            raise UnsupportedError(f"{place}{missing(backend.name, type(part))}")
        # Optional for backends of other packages: the fields, by class, that they realize at their defaults alone.
        options = getattr(backend, "without_options", {}).get(type(part), ())
        for name in changed_fields(part).keys() & set(options):
            what = f"{type(part).__name__} with {name}"
            raise UnsupportedError(f"{place}the {backend.name} backend has no realization of {what}")


def _parts(spec: Any) -> Iterator[Spec]:
    """A spec and the specs it holds."""
    if isinstance(spec, Spec):
        yield spec
        for field in dataclasses.fields(spec):
            yield from _parts(getattr(spec, field.name))
    elif isinstance(spec, tuple | list | Mapping):
        for part in spec.values() if isinstance(spec, Mapping) else spec:
            yield from _parts(part)
