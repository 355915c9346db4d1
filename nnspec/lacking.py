"""What a backend lacks, said before anything is built."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nnspec.errors import BackendError
from nnspec.spec import Spec

if TYPE_CHECKING:
    from nnspec.backends import Backend


def missing(backend: str, cls: type[Any]) -> BackendError:
    """The error for a class that a backend does not realize; of another package's class it says whose part that is."""
    from nnspec import outside

    return BackendError(f"the {backend} backend has no realization of {cls.__name__}{outside.lacking(cls, backend)}")


def demand(backend: Backend, *specs: Any) -> None:
    """Refuse what a backend does not realize, within a spec too: a layer's activation, an optimizer's schedule.

    Raises:
        BackendError: the class, and in a model the node.
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
            raise BackendError(f"{place}{missing(backend.name, type(part))}")


def _parts(spec: Any) -> Iterator[Spec]:
    """A spec and the specs it holds."""
    if isinstance(spec, Spec):
        yield spec
        for field in dataclasses.fields(spec):
            yield from _parts(getattr(spec, field.name))
