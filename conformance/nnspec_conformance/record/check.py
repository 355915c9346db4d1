"""Checks a backend against a record: asks it the same questions, and compares by the limits that stand there."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np

from nnspec.backends import Backend, FloatType
from nnspec.errors import FileError
from nnspec.objective import Objective
from nnspec_conformance import deviations
from nnspec_conformance.case import Case, Point
from nnspec_conformance.draws import Array
from nnspec_conformance.outcome import Outcome, settle
from nnspec_conformance.record import ask
from nnspec_conformance.record.format import Answer
from nnspec_conformance.record.kept import Held, Kept
from nnspec_conformance.record.read import Record
from nnspec_conformance.result import Figure, elementwise, exact, figure, ulp_of
from nnspec_conformance.run import Bench
from nnspec_conformance.subject import Subject
from nnspec_conformance.suite import Check, Item

Answers = Callable[[Answer], Mapping[str, Array]]


@dataclass(frozen=True, eq=False)
class _Asked(Item):
    """A test of a recorded case."""

    held: Held


@dataclass(frozen=True)
class At:
    """A recorded point, for all cases that are asked with it."""

    held: Held
    point: str

    def __call__(self, case: Case, dtype: str) -> Point:
        (kept,) = (one for one in self.held.chosen if one.case is case)
        return self.held.point(kept, self.point)


def items(
    record: Record,
    backend: str,
    dtypes: Sequence[FloatType] = (),
    matches: Callable[[str], bool] = lambda name: True,
) -> list[Item]:
    """The tests that a record holds, those of a family in a dtype together: "recorded forward", "recorded state", …

    Args:
        dtypes: some of the record's; all of them unless given.
        matches: which tests, by their ids.

    Raises:
        FileError: a dtype that was not recorded, or a file that is not as the format says.
    """
    for dtype in dtypes:
        if dtype not in record.manifest.dtypes:
            known = ", ".join(record.manifest.dtypes) or "nothing"
            raise FileError(f"{record.directory} holds no answers in {dtype}: it holds {known}")
    found: list[Item] = []
    for listed in record.manifest.families:
        if dtypes and listed.dtype not in dtypes:
            continue
        held = Held(record, listed)
        for kept in held.cases:
            for name, answers in kept.checks().items():
                test = Check(f"recorded {name}", _asking(held, kept, answers), ())
                item = _Asked((backend,), held.dtype, test, held.family, kept, held)
                if matches(item.id):
                    found.append(item)
                    if kept not in held.chosen:
                        held.chosen.append(kept)
    return found


def check(items: Sequence[Item], bench: Bench) -> Iterator[Outcome]:
    """What became of each test of :func:`items`.

    Raises:
        FileError: tensors are missing or do not fit the specs.
    """
    for held, group in groupby(items, key=lambda item: item.held):  # type: ignore[attr-defined]
        _ = held.tensors  # what is wrong with the file is no fault of the backend
        for item in group:
            yield _judged(settle(item, bench), item)
        held.close()
        bench.close()


def _judged(outcome: Outcome, item: Item) -> Outcome:
    """A failure that is declared for the check itself is declared for its recorded answers, too."""
    declared = deviations.find(item.backend, item.dtype, item.check.name.removeprefix("recorded "), item.case.name)
    if declared is None or outcome.status not in ("failed", "error"):
        return outcome
    return dataclasses.replace(outcome, status="deviation", deviation=declared, message=str(declared))


def _asking(held: Held, kept: Kept, answers: list[Answer]) -> Callable[[Subject, Any], list[Figure]]:
    def run(subject: Subject, case: Any) -> list[Figure]:
        given = _SOURCES[kept.entry.kind](held, kept, subject.backend)
        figures: list[Figure] = []
        for answer in answers:
            found = given(answer)
            what = " ".join(part for part in (answer.of, answer.name, answer.point and f"at {answer.point}") if part)
            what += " in training" if answer.training else ""
            if answer.name not in found:
                figures.append(Figure(what, np.inf, 0.0, where="it is missing"))
                continue
            got, value = found[answer.name], held.tensor(kept, answer.value)
            figures.append(_compared(what, got, value, answer.rule, answer.limit, held.dtype))
            if answer.truth is not None:
                value = held.tensor(kept, answer.truth)
                figures.append(
                    _compared(f"{what}, from the truth", got, value, answer.rule, answer.truth_limit, held.dtype)
                )
        return figures

    return run


def _compared(what: str, got: Array, want: Array, rule: str, limit: float, dtype: FloatType) -> Figure:
    if rule == "exact":
        return exact(what, got, want)
    if np.shape(got) != np.shape(want):
        return Figure(what, np.inf, 0.0, where=f"shape {np.shape(got)} instead of {np.shape(want)}")
    if rule == "ulp":
        return elementwise(what, np.asarray(got), want, dtype, limit)
    wide = np.asarray(want, np.float64)
    scale = float(np.max(np.abs(wide), initial=0.0, where=np.isfinite(wide)))
    return figure(what, np.asarray(got), wide, limit, scale=scale, ulp=ulp_of(scale, dtype))


def _model(held: Held, kept: Kept, backend: Backend) -> Answers:
    case = kept.case
    assert case is not None

    @cache
    def initial() -> dict[str, Array]:
        return backend.build(case.model, None, dtype=held.dtype, seed=_seed(kept)).variables()

    def given(answer: Answer) -> Mapping[str, Array]:
        if answer.of == "initial":
            return initial()
        subject = held.subject(backend, answer.point)
        return ask.model(subject, case, At(held, answer.point), answer.of, answer.training)

    return given


def _seed(kept: Kept) -> int:
    seed = kept.entry.options.get("seed", 0)
    return seed if isinstance(seed, int) else 0


def _by_point(held: Held, kept: Kept, call: Callable[[Mapping[str, Array]], dict[str, Array]]) -> Answers:
    made: dict[str, dict[str, Array]] = {}

    def given(answer: Answer) -> dict[str, Array]:
        if answer.point not in made:
            made[answer.point] = call(held.under(kept, f"{answer.point}/given"))
        return made[answer.point]

    return given


def _loss(held: Held, kept: Kept, backend: Backend) -> Answers:
    return _by_point(held, kept, lambda given: ask.loss(backend, kept.specs["loss"], given, held.dtype))


def _metric(held: Held, kept: Kept, backend: Backend) -> Answers:
    return _by_point(held, kept, lambda given: ask.metric(backend, kept.specs["metric"], given, held.dtype))


def _schedule(held: Held, kept: Kept, backend: Backend) -> Answers:
    steps = held.under(kept, "given")["steps"]
    rates = backend.schedule(kept.specs["schedule"], steps, dtype=held.dtype)
    return lambda answer: {"rates": rates}


def _optimizer(held: Held, kept: Kept, backend: Backend) -> Answers:
    decayed = kept.entry.options["decayed"]
    found = ask.optimizer(
        backend,
        kept.specs["optimizer"],
        held.under(kept, "parameters"),
        held.under(kept, "gradients"),
        clip=kept.specs.get("clip"),
        decayed=frozenset(decayed if isinstance(decayed, list) else ()),
        dtype=held.dtype,
    )
    ends = {name: value[-1:] for name, value in found.items()}
    return lambda answer: ends if answer.of == "end" else found


def _words(held: Held, kept: Kept, backend: Backend) -> Answers:
    seed, stream, step, count, start = (
        int(kept.entry.options[name])  # type: ignore[arg-type]
        for name in ("seed", "stream", "step", "count", "start")
    )
    words = backend.words(seed, stream, step, count, start)
    return lambda answer: {"words": words}


def _training(held: Held, kept: Kept, backend: Backend) -> Answers:
    start, order = held.under(kept, "start"), held.under(kept, "given")["order"]
    specs = kept.specs
    first = {name: value for name, value in start.items() if not name.startswith("optimizer/")}
    net = backend.build(specs["model"], first, dtype=held.dtype)
    engine = backend.engine(net, **{name: spec for name, spec in specs.items() if name != "model"})
    for split in ("train", "validation"):
        engine.load(split, held.under(kept, split))
    followed = [name for name in start if not name.startswith("random/")]
    updates = int(kept.entry.options["updates"])  # type: ignore[arg-type]
    metrics = Objective.of(specs["loss"], specs["metrics"], specs["model"].outputs).metrics
    found = ask.training(engine, start, order, updates, followed, metrics)
    return lambda answer: found.get(answer.of, {})


_SOURCES: dict[str, Callable[[Held, Kept, Backend], Answers]] = {
    "model": _model,
    "loss": _loss,
    "metric": _metric,
    "schedule": _schedule,
    "optimizer": _optimizer,
    "words": _words,
    "training": _training,
}
