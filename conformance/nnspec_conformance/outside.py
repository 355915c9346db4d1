"""Cases that other packages bring with their vocabularies: asked like nnspec's own, in a family of the package's name.

A module of cases is what ``Vocabulary.cases`` names. It has lists ``CASES`` and, if it likes, ``EXAMPLES``, in which
cases of all kinds may stand together.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

from nnspec import outside
from nnspec.errors import SpecError
from nnspec_conformance.case import Case
from nnspec_conformance.example import Example
from nnspec_conformance.initializers import InitializerCase
from nnspec_conformance.losses import LossCase, LossExample
from nnspec_conformance.metrics import MetricCase
from nnspec_conformance.optimizers import OptimizerCase
from nnspec_conformance.schedules import ScheduleCase
from nnspec_conformance.training import TrainingCase

KINDS: tuple[type[Any], ...] = (
    *(Case, LossCase, MetricCase, OptimizerCase, ScheduleCase, InitializerCase, TrainingCase),
    *(Example, LossExample),
)


def families(*kinds: type[Any]) -> tuple[ModuleType, ...]:
    """The cases and examples of these kinds, as a module for each package that brings some.

    Raises:
        SpecError: a package's vocabulary or its cases cannot be used. The suite does not pass over what it was given.
    """
    found = []
    for package in outside.packages():
        made = ModuleType(name_of(package))
        for part, values in _brought(package).items():
            setattr(made, part, [value for value in values if isinstance(value, kinds)])
        if made.CASES or made.EXAMPLES:
            found.append(made)
    return tuple(found)


def name_of(package: outside.Package) -> str:
    """The name of a package's family: that of its entry point."""
    return re.sub(r"\W+", "_", package.point.name)


@cache
def _brought(package: outside.Package) -> dict[str, list[Any]]:
    if package.fault:
        raise SpecError(f"the vocabulary of {package} cannot be used: {package.fault}")
    made: dict[str, list[Any]] = {"CASES": [], "EXAMPLES": []}
    for name in package.vocabulary.cases:
        try:
            module = importlib.import_module(name)
        except Exception as error:
            raise SpecError(f"the cases {name} of {package} cannot be imported: {outside.told(error)}") from error
        for part in made:
            for value in getattr(module, part, []):
                if not isinstance(value, KINDS):
                    kinds = ", ".join(kind.__name__ for kind in KINDS)
                    raise SpecError(f"{part} of {name} holds a {type(value).__name__}, which is none of {kinds}")
                made[part].append(value)
    return made


def forgotten() -> list[str]:
    """What packages leave unproven: classes without a case, and fields that no case changes from their defaults.

    A package's own tests ask for an empty list.

    Raises:
        SpecError: a package's vocabulary, its classes or its cases cannot be used.
    """
    return sorted(name for package in outside.packages() for name in _forgotten(package))


def _forgotten(package: outside.Package) -> Iterator[str]:
    from nnspec_conformance.suite import covered, unused_options  # it asks for the cases of this module

    seen, unused = covered(), unused_options()
    for kind, _, tag, _ in package.vocabulary.words():
        cls = outside.find((kind,), tag)
        if cls is not None and cls not in seen:
            yield f"{cls.__name__} has no case"
        elif cls is not None:
            names = (f"{cls.__name__}.{field.name}" for field in dataclasses.fields(cls))
            yield from (f"{name} has its default in every case" for name in names if name in unused)
