"""The pages of a record while they are written: cases with their tensors, answers and limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnspec.backends import FloatType
from nnspec.spec import dump
from nnspec_conformance import casefile, tolerances
from nnspec_conformance.case import Point
from nnspec_conformance.checks.gradients import size
from nnspec_conformance.draws import Array
from nnspec_conformance.record.format import Answer, Entry, Kind, Page, Rule, Stream
from nnspec_conformance.result import Figure


class Limits:
    """The figures of a check that a backend has just passed, taken one by one in their order.

    So a record allows exactly what the suite allows, whatever it is made of.
    """

    def __init__(self, figures: Sequence[Figure]) -> None:
        self._left = list(figures)

    def take(self, what: str) -> float:
        """The limit of the next comparison of that name.

        Raises:
            LookupError: the check made no such comparison.
        """
        for index, found in enumerate(self._left):
            if found.what == what:
                del self._left[index]
                return float(found.limit)
        raise LookupError(f"the check compared no {what!r}")


class Sheet:
    """One case: its question, tensors and answers so far."""

    def __init__(
        self,
        number: int,
        case: Any,
        kind: Kind,
        book: Book,
        specs: Mapping[str, Any],
        options: Mapping[str, Any],
    ) -> None:
        self.number, self.case, self.kind, self.book = number, case, kind, book
        self.specs = {name: dump(value) for name, value in specs.items() if value is not None}
        self.options = dict(options)
        self.points: list[str] = []
        self.answers: list[Answer] = []
        self.tensors: dict[str, Array] = {}

    @property
    def dtype(self) -> FloatType:
        return self.book.dtype

    def put(self, path: str, values: Mapping[str, Array]) -> None:
        """Keep tensors under ``<number>/<path>/<name>``."""
        self.tensors.update({f"{self.number}/{path}/{name}": np.asarray(value) for name, value in values.items()})

    def given(self, name: str, values: Mapping[str, Array]) -> str:
        """Keep the tensors of a point; the point's name."""
        if name not in self.points:
            self.points.append(name)
            self.put(f"{name}/given", values)
        return name

    def point(self, name: str, point: Point) -> str:
        """Keep inputs, variables and cotangents of a point of a model; the point's name."""
        stream = Stream(point.seed, point.step)
        if self.book.random.setdefault(name, stream) != stream:
            raise ValueError(f"the random streams of {name!r} differ within a family")
        if name not in self.points:
            self.points.append(name)
            for what in ("inputs", "variables", "cotangents"):
                self.put(f"{name}/{what}", getattr(point, what))
        return name

    def answer(
        self,
        check: str,
        of: str,
        name: str,
        got: Array,
        *,
        point: str = "",
        training: bool = False,
        rule: Rule = "absolute",
        limit: float = 0.0,
        truth: Array | None = None,
        truth_limit: float = 0.0,
    ) -> None:
        """Keep an answer, and how near another one has to come."""
        places = (str(self.number), point, "training" if training else "", of, name)
        value = "/".join(place for place in places if place)
        kept = None if truth is None else f"{value}~truth"
        if any(held.value == value for held in self.answers):
            raise ValueError(f"{value} is answered twice")
        self.tensors[value] = np.asarray(got)
        if kept is not None:
            self.tensors[kept] = np.asarray(truth)
        self.answers.append(
            Answer(check, of, name, value, rule, float(limit), point, training, kept, float(truth_limit))
        )

    def entry(self) -> Entry:
        """The case as it stands in the file."""
        source = casefile.dump(self.case)
        return Entry(self.case.name, self.kind, self.specs, self.options, self.points, source, self.answers)


class Book:
    """The cases of a family in one dtype, while they are recorded."""

    def __init__(self, family: str, dtype: FloatType) -> None:
        self.family = family
        self.dtype = dtype
        self.random: dict[str, Stream] = {}
        self._sheets: dict[int, Sheet] = {}

    def sheet(self, case: Any, kind: Kind, specs: Mapping[str, Any], **options: Any) -> Sheet:
        """The sheet of a case; a new one unless another check has opened it."""
        if id(case) not in self._sheets:
            self._sheets[id(case)] = Sheet(len(self._sheets), case, kind, self, specs, options)
        sheet = self._sheets[id(case)]
        sheet.options.update(options)
        return sheet

    def page(self) -> Page:
        """What is written as JSON. Cases without an answer keep their numbers."""
        return Page(self.family, self.dtype, self.random, [sheet.entry() for sheet in self._sheets.values()])

    def tensors(self) -> dict[str, Array]:
        """What is written as safetensors."""
        return {name: value for sheet in self._sheets.values() for name, value in sheet.tensors.items()}


def between(dtype: str, own: float, value: Array | None = None, scale: float | None = None) -> float:
    """How far two answers may be apart of which each is within ``own`` of the truth.

    Twice as far; but where two backends agree more closely in float64 than either can be judged alone, only
    1e-12 of the scale (of ``value``, unless ``scale`` is given).
    """
    if dtype != "float64" or (value is None and scale is None):
        return 2 * own
    found = size(np.asarray(value, np.float64)) if scale is None else scale
    return min(2 * own, tolerances.AGREEMENT.float64 * found)
