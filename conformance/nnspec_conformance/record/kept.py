"""Recorded cases, opened: specs, points and tensors, checked to fit together before any backend sees them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nnspec.backends import Backend, FloatType
from nnspec.errors import FileError, NNSpecError
from nnspec.layers.base import elements
from nnspec.model import Model
from nnspec.optimizers import Clip
from nnspec.penalties import Constraint, Penalty
from nnspec.spec import build, parse
from nnspec_conformance.case import AsNamed, Point
from nnspec_conformance.casefile import MAX_ELEMENTS
from nnspec_conformance.draws import Array
from nnspec_conformance.optimizers import classes_within
from nnspec_conformance.record.format import Answer, Entry, Listed, Page
from nnspec_conformance.record.read import Record
from nnspec_conformance.subject import Subject, side_by_side


def _metrics(data: Any) -> tuple[Any, ...]:
    return tuple(parse("metric", one) for one in data)


_READERS: dict[str, Callable[[Any], Any]] = {
    "model": lambda data: parse("layer", data),
    "loss": lambda data: parse("loss", data),
    "metric": lambda data: parse("metric", data),
    "metrics": lambda data: (
        {output: _metrics(listed) for output, listed in data.items()} if isinstance(data, Mapping) else _metrics(data)
    ),
    "optimizer": lambda data: parse("optimizer", data),
    "schedule": lambda data: parse("schedule", data),
    "clip": lambda data: build(Clip, data, "clip"),
    "penalties": lambda data: tuple(build(Penalty, one, "penalties") for one in data),
    "constraints": lambda data: tuple(build(Constraint, one, "constraints") for one in data),
    "mixing": lambda data: parse("mixing", data),
}
_NEEDED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # by kind: specs and options
    "model": (("model",), ()),
    "loss": (("loss",), ()),
    "metric": (("metric",), ()),
    "schedule": (("schedule",), ()),
    "optimizer": (("optimizer",), ("decayed",)),
    "words": ((), ("seed", "stream", "step", "count", "start")),
    "training": (("model", "loss", "optimizer", "metrics"), ("updates",)),
}
_WORDS = {"seed": 2**64, "stream": 2**32, "step": 2**32, "count": MAX_ELEMENTS + 1, "start": 2**62}


@dataclass(frozen=True, eq=False)
class Kept:
    """A recorded case."""

    number: int
    entry: Entry
    specs: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.entry.case

    @property
    def classes(self) -> set[type[Any]]:
        """Classes that a backend must realize for it."""
        found: set[type[Any]] = set() if self.case is None else set(self.case.classes)
        for name, spec in self.specs.items():
            if name not in ("model", "clip"):
                found |= set(classes_within(spec))
        return found

    @cached_property
    def case(self) -> AsNamed | None:
        """The model, under the names that it was recorded with, where there is one."""
        model = self.specs.get("model")
        if model is None:
            return None
        kinds = [declared.dtype for declared in model.inputs.values()]
        return AsNamed(model, id=self.name, dtype=kinds[0])

    def checks(self) -> dict[str, list[Answer]]:
        """The answers by check."""
        found: dict[str, list[Answer]] = {}
        for answer in self.entry.answers:
            found.setdefault(answer.check, []).append(answer)
        return found


class Held:
    """A family of a record in one dtype. Tensors are loaded when they are first asked for."""

    def __init__(self, record: Record, listed: Listed) -> None:
        self.record, self.listed = record, listed
        self.page: Page = record.page(listed)
        self.where = record.path(listed.questions)
        self.cases = [self._kept(number, entry) for number, entry in enumerate(self.page.cases)]
        self._subjects: dict[tuple[str, tuple[int, ...]], Subject] = {}
        self.chosen: list[Kept] = []

    @property
    def family(self) -> str:
        return self.page.family

    @property
    def dtype(self) -> FloatType:
        return self.page.dtype

    @cached_property
    def tensors(self) -> dict[int, dict[str, Array]]:
        """By case, without its number in the names.

        Raises:
            FileError: tensors are missing, or do not fit the specs.
        """
        found: dict[int, dict[str, Array]] = {kept.number: {} for kept in self.cases}
        for name, value in self.record.tensors(self.listed).items():
            number, _, rest = name.partition("/")
            if not number.isdecimal() or int(number) not in found:
                raise self.wrong(f"the tensor {name!r} belongs to no case")
            found[int(number)][rest] = value
        for kept in self.cases:
            self._check(kept, found[kept.number])
        return found

    def under(self, kept: Kept, path: str) -> dict[str, Array]:
        """The tensors of a case below a path."""
        return _under(self.tensors[kept.number], path)

    def tensor(self, kept: Kept, name: str) -> Array:
        """A tensor by its full name, which answers have checked."""
        return self.tensors[kept.number][name.partition("/")[2]]

    def point(self, kept: Kept, name: str) -> Point:
        """The point of a model."""
        inputs, variables, cotangents = (
            self.under(kept, f"{name}/{what}") for what in ("inputs", "variables", "cotangents")
        )
        stream = self.page.random[name]
        return Point(inputs, variables, cotangents, stream.seed, stream.step)

    def subject(self, backend: Backend, point: str) -> Subject:
        """A subject that asks all chosen models with that point side by side."""
        members = [kept for kept in self.chosen if kept.case is not None and point in kept.entry.points]
        key = (backend.name, tuple(kept.number for kept in members))
        if key not in self._subjects:
            cases = [kept.case for kept in members if kept.case is not None]
            self._subjects[key] = Subject(backend, self.dtype, side_by_side(cases))
        return self._subjects[key]

    def close(self) -> None:
        """Put away nets and tensors."""
        self._subjects.clear()
        self.__dict__.pop("tensors", None)

    def wrong(self, why: str) -> FileError:
        """An error about the file, in one line whatever names stand in it."""
        return FileError(f"{self.where}: {' '.join(why.split())}")

    def _kept(self, number: int, entry: Entry) -> Kept:
        specs: dict[str, Any] = {}
        needed, options = _NEEDED[entry.kind]
        for name, data in entry.specs.items():
            if name not in _READERS:
                raise self.wrong(f"{entry.case}: unknown spec {name!r}")
            try:
                specs[name] = _READERS[name](data)
            except (NNSpecError, TypeError) as error:
                raise self.wrong(f"{entry.case}: {name}: {error}") from None
        for what, names, given in (("spec", needed, specs), ("option", options, entry.options)):
            missing = [name for name in names if name not in given]
            if missing:
                raise self.wrong(f"{entry.case}: the {what} {missing[0]!r} is missing")
        if "model" in specs and not isinstance(specs["model"], Model):
            raise self.wrong(f"{entry.case}: the model is a {type(specs['model']).__name__}")
        for name, value in entry.options.items():
            bound = {**_WORDS, "updates": 2**31}.get(name)
            if bound is not None and not (isinstance(value, int) and 0 <= value < bound):
                raise self.wrong(f"{entry.case}: {name} is a whole number from 0 up to {bound - 1}")
        return Kept(number, entry, specs)

    def _check(self, kept: Kept, tensors: dict[str, Array]) -> None:
        """Refuse a case whose tensors are not there or do not fit."""
        prefix = f"{kept.number}/"
        for answer in kept.entry.answers:
            for name in (answer.value, answer.truth):
                if name is not None and not (name.startswith(prefix) and name[len(prefix) :] in tensors):
                    raise self.wrong(f"{kept.name}: {self.listed.tensors} holds no tensor {name!r} of this case")
            if answer.point and answer.point not in kept.entry.points:
                raise self.wrong(f"{kept.name}: an answer is about the unknown point {answer.point!r}")
        try:
            if kept.case is not None:
                _check_model(kept, self.page, tensors)
            elif kept.entry.kind == "words":
                (answer,) = kept.entry.answers
                if tensors["words/words"].shape != (kept.entry.options["count"],):
                    raise ValueError("the words are not as many as the option 'count' says")
        except (NNSpecError, ValueError, KeyError) as error:
            raise self.wrong(f"{kept.name}: {error}") from None


def _under(tensors: dict[str, Array], path: str) -> dict[str, Array]:
    start = f"{path}/"
    return {name[len(start) :]: value for name, value in tensors.items() if name.startswith(start)}


def _check_model(kept: Kept, page: Page, tensors: dict[str, Array]) -> None:
    """Variables and inputs are those of the model, and none of its values is larger than any case needs."""
    model: Model = kept.specs["model"]
    shapes = {name: param.shape for name, param in model.params().items()}
    if sum(map(math.prod, shapes.values())) > MAX_ELEMENTS:
        raise ValueError(f"the model has more than {MAX_ELEMENTS:,} parameters")
    starts = _under(tensors, "start")
    for variables in [starts] if kept.entry.kind == "training" else []:
        _same(shapes, {n: v.shape for n, v in variables.items() if not n.startswith(("random/", "optimizer/"))})
    for point in kept.entry.points:
        if point not in page.random:
            raise ValueError(f"the random streams of the point {point!r} are missing")
        _same(shapes, {name: value.shape for name, value in _under(tensors, f"{point}/variables").items()})
        inputs = _under(tensors, f"{point}/inputs")
        if inputs.keys() != model.inputs.keys():
            raise ValueError(f"the inputs of the point {point!r} are not the model's")
        found = model.infer(*(inputs[name].shape for name in model.inputs))
        if sum(elements(node.output) for node in found.values()) > MAX_ELEMENTS:
            raise ValueError(f"the model has more than {MAX_ELEMENTS:,} values at the point {point!r}")


def _same(wanted: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]]) -> None:
    for name in {**wanted, **given}:
        if wanted.get(name) != given.get(name):
            raise ValueError(f"the variable {name!r} is {given.get(name)}, and the model's is {wanted.get(name)}")
