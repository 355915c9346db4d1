"""Case files: any case of the suite as plain data, in YAML or JSON, and back to the same case, bit for bit.

A case draws its inputs from its own name, so that a file of a few lines holds all of its numbers::

    nnspec_case: 1
    kind: layer
    spec: {Dense: {features: 3, activation: gelu}}
    shape: [4]
    about: {check: gradients, backend: jax}

``kind`` says which class of case it is, the other fields are that class's, specs in the short form of spec files, and
fields at their defaults are left out. ``about`` is for the reader and for ``nnspec conformance --replay``. Numbers that
YAML and JSON lack are written as the texts ``inf``, ``-inf`` and ``nan``.
"""

from __future__ import annotations

import dataclasses
import math
import os
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from nnspec import document
from nnspec.errors import NNSpecError, SpecError, did_you_mean
from nnspec.files import write_atomically
from nnspec.layers.base import Shape, elements
from nnspec.model import Model
from nnspec.spec import Spec, dump as dump_spec
from nnspec_conformance.case import BATCHES, Case
from nnspec_conformance.example import Example
from nnspec_conformance.initializers import InitializerCase
from nnspec_conformance.losses import LossCase, LossExample
from nnspec_conformance.metrics import MetricCase
from nnspec_conformance.optimizers import UPDATES as STEPS, OptimizerCase
from nnspec_conformance.random import WordsCase
from nnspec_conformance.schedules import ScheduleCase
from nnspec_conformance.training import UPDATES, TrainingCase
from nnspec_conformance.typed import read_value

FORMAT = 1
KINDS: dict[str, type[Any]] = {
    "layer": Case,
    "example": Example,
    "loss": LossCase,
    "loss_example": LossExample,
    "metric": MetricCase,
    "optimizer": OptimizerCase,
    "schedule": ScheduleCase,
    "initializer": InitializerCase,
    "words": WordsCase,
    "training": TrainingCase,
}
# A file of a few lines must not ask for more memory than any case of the suite needs (a few million numbers).
MAX_ELEMENTS = 20_000_000
_HEADER = ("nnspec_case", "kind", "about")


@dataclass(frozen=True)
class CaseFile:
    """What a case file holds: the case, and what was written about it."""

    case: Any
    about: Mapping[str, Any]


def kind_of(case: Any) -> str:
    """The ``kind`` of a case in files.

    Raises:
        SpecError: no class of cases that files know.
    """
    for kind, cls in KINDS.items():
        if type(case) is cls:
            return kind
    raise SpecError(f"a {type(case).__name__} cannot be written to a case file (kinds: {', '.join(KINDS)})")


def dump(case: Any) -> dict[str, Any]:
    """A case as plain data: strings, numbers, booleans, lists and mappings.

    Raises:
        SpecError: no class of cases that files know.
    """
    made: dict[str, Any] = {"nnspec_case": FORMAT, "kind": kind_of(case)}
    for field in dataclasses.fields(case):
        value = getattr(case, field.name)
        if field.init and not _same(value, _default(field)):
            made[field.name] = _plain(value)
    return made


def parse(data: Any) -> Any:
    """The case that plain data stands for. Nothing is executed, and a case that cannot be drawn is refused.

    Raises:
        SpecError: no case file, of a newer format, or a field that means nothing; the path leads to the place.
    """
    kind = _kind(data)
    cls = KINDS[kind]
    known = {field.name: field for field in dataclasses.fields(cls) if field.init}
    hints, given = _hints(kind), {}
    for name, value in data.items():
        if name in _HEADER:
            continue
        if name not in known:
            hint = did_you_mean(name, known) or f" (fields: {', '.join(known)})"
            raise SpecError(f"a {kind} case has no field {name!r}{hint}", key=name)
        given[name] = read_value(hints[name], value, (name,))
    missing = [name for name, field in known.items() if name not in given and _default(field) is dataclasses.MISSING]
    if missing:
        raise SpecError(f"a {kind} case needs the field {missing[0]!r}")
    case = cls(**given)
    _draw(case)
    return case


def read(path: str | os.PathLike[str]) -> CaseFile:
    """The case in a YAML file, or in a JSON file if its name ends in ``.json``.

    Raises:
        FileError: the file cannot be read.
        SpecError: it holds no case; with file and line.
    """
    found = document.read(path)
    try:
        case = parse(found.data)
    except SpecError as error:
        raise type(error)(error.reason, error.path, error.source or found.locate(error.place), error.key) from None
    return CaseFile(case, found.data.get("about", {}))


def write(path: str | os.PathLike[str], case: Any, **about: Any) -> None:
    """Write a case, whole or not at all, with what there is to say about it.

    Raises:
        FileError: what is in the way.
    """
    data = {**dump(case), **({"about": _plain(about)} if about else {})}
    write_atomically(path, document.dumps(data, os.fspath(path)))


def _kind(data: Any) -> str:
    """The kind of a case, after the version and the form of the data were checked."""
    if not isinstance(data, Mapping) or "nnspec_case" not in data:
        raise SpecError("no case file: it has no 'nnspec_case: 1'")
    version = data["nnspec_case"]
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise SpecError(f"the format version is a number, got {version!r}: write {FORMAT}", ("nnspec_case",))
    if version > FORMAT:
        raise SpecError(
            f"this case is of format {version}, and this nnspec reads {FORMAT}: upgrade nnspec", ("nnspec_case",)
        )
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        hint = did_you_mean(kind, KINDS) or f" (kinds: {', '.join(KINDS)})"
        raise SpecError(f"unknown kind of case {kind!r}{hint}", ("kind",))
    if not isinstance(data.get("about", {}), Mapping):
        raise SpecError("expected a mapping", ("about",))
    return kind


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


@cache
def _hints(kind: str) -> dict[str, Any]:
    return typing.get_type_hints(KINDS[kind])


def _plain(value: Any) -> Any:
    if isinstance(value, Spec):
        return dump_spec(value)
    if isinstance(value, Mapping):
        return {name: _plain(held) for name, held in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(held) for held in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    return value


def _draw(case: Any) -> None:
    """Refuse a case that is too large or whose numbers make no sense together, by drawing it once."""
    try:
        _check_size(case)
        match case:
            case Case():
                case.point("float64")
            case Example():
                case.point("float64")
                case.expected_gradients()
            case LossCase() | MetricCase():
                case.draw("float64")
            case ScheduleCase():
                _ = case.steps
            case OptimizerCase():
                case.draw("float64")
            case TrainingCase():
                case.data("train", "float64")
                case.slots("float64")
            case InitializerCase():
                case.case.point("float64")
            case WordsCase():
                _check_words(case)
    except NNSpecError:
        raise
    except Exception as error:
        raise SpecError(f"the case cannot be drawn: {error}") from None


def _check_size(case: Any) -> None:
    match case:
        case Case() | Example() | TrainingCase() | InitializerCase():
            inner = case if isinstance(case, Case) else case.case
            shapes = [(BATCHES[0], *(size or 1 for size in given.shape or ())) for given in inner.model.inputs.values()]
            size = sum(map(elements, shapes)) + _size(inner.model, *shapes)
        case LossCase() | MetricCase():
            size = math.prod(case.shape)
        case OptimizerCase():
            size = STEPS * len(case.kinds) * math.prod(case.shape)
        case _:
            size = 0
    if size > MAX_ELEMENTS:
        raise SpecError(f"the case has {size:,} numbers, and {MAX_ELEMENTS:,} are the most")
    if isinstance(case, TrainingCase) and not 1 <= case.updates <= UPDATES:
        raise SpecError(f"expected 1 to {UPDATES} updates, got {case.updates}", ("updates",))


def _size(model: Model, *shapes: Shape) -> int:
    """The elements of all variables and of all nodes' values."""
    total = 0
    for node, found in zip(model.nodes, model.infer(*shapes).values(), strict=True):
        total += elements(found.output) + sum(math.prod(param.shape) for param in found.params.values())
        if isinstance(node.layer, Model):
            total += _size(node.layer, *found.inputs)
    return total


def _check_words(case: WordsCase) -> None:
    bounds = {"count": MAX_ELEMENTS + 1, "start": 2**62, "seed": 2**64, "stream": 2**32, "step": 2**32}
    for name, bound in bounds.items():
        if not 0 <= getattr(case, name) < bound:
            raise SpecError(f"expected a whole number from 0 up to {bound - 1}, got {getattr(case, name)}", (name,))
