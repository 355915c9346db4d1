"""The suite: every check with the cases it fits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from nnspec.backends import Backend, FloatType
from nnspec.model import Input, Model
from nnspec.spec import Spec, changed_fields
from nnspec_conformance import (
    activation,
    adaptive,
    arrangement,
    attention,
    color,
    contraction,
    convolution,
    convolutional_recurrent,
    cumulative,
    dropout,
    elementwise,
    embedding,
    factored,
    filtering,
    geometry,
    histogram,
    indexing,
    initializers,
    linear,
    logic,
    lookup,
    losses,
    masking,
    metrics,
    model,
    normalization,
    ops,
    optimizers,
    outside,
    padding,
    parameter,
    pooling,
    positions,
    random,
    recurrent,
    reductions,
    resampling,
    scaling,
    schedules,
    shape,
    sorting,
    spectra,
    stablehlo,
    steps,
    time_distributed,
    tokens,
    tones,
    training,
    transposed_convolution,
    warping,
    weight_normalization,
    wrappers,
)
from nnspec_conformance.case import Case
from nnspec_conformance.checks import (
    compiled,
    extremes,
    forward,
    gradients,
    initial,
    kinks,
    loss,
    metric,
    optimizer,
    runs,
    schedule,
    special,
    state,
    training as updates,
    transfer,
    words,
)
from nnspec_conformance.example import Example
from nnspec_conformance.initializers import InitializerCase
from nnspec_conformance.losses import LossCase, LossExample
from nnspec_conformance.metrics import MetricCase
from nnspec_conformance.optimizers import OptimizerCase
from nnspec_conformance.result import Figure, Result
from nnspec_conformance.schedules import ScheduleCase
from nnspec_conformance.selection import Extent, chosen
from nnspec_conformance.subject import Question, Subject
from nnspec_conformance.training import TrainingCase

# Each kind of case: the files of nnspec's own, named as the spec's, and what other packages bring.
LAYERS = (
    linear,
    parameter,
    convolution,
    transposed_convolution,
    pooling,
    embedding,
    lookup,
    tokens,
    spectra,
    stablehlo,
    recurrent,
    convolutional_recurrent,
    masking,
    time_distributed,
    attention,
    positions,
    shape,
    padding,
    resampling,
    geometry,
    warping,
    dropout,
    color,
    tones,
    histogram,
    filtering,
    normalization,
    weight_normalization,
    scaling,
    activation,
    ops,
    elementwise,
    reductions,
    logic,
    sorting,
    indexing,
    cumulative,
    arrangement,
    contraction,
    model,
    *outside.families(Case, Example),
)
LOSSES = (losses, *outside.families(LossCase, LossExample))
METRICS = (metrics, *outside.families(MetricCase))
OPTIMIZERS = (optimizers, adaptive, factored, steps, wrappers, *outside.families(OptimizerCase))
SCHEDULES = (schedules, *outside.families(ScheduleCase))
INITIALIZERS = (initializers, *outside.families(InitializerCase))
TRAINING = (training, *outside.families(TrainingCase))
FAMILIES: tuple[ModuleType, ...] = (
    *(*LAYERS, *LOSSES, *METRICS, *OPTIMIZERS, *SCHEDULES, *INITIALIZERS),
    *(random, *TRAINING),
)


@dataclass(frozen=True)
class Check:
    """One question, the cases it is asked of, and where.

    Attributes:
        run: what answers it: a function of the subject and the case, or of two subjects and the case for ``pairs``.
        cases: (family, case).
        dtypes: in which it is asked; all, unless given.
        asks: what it asks nets that cases share, so that no other case is compiled for it beside them.
        pairs: whether two backends are compared with each other.
        once: whether it does not depend on the dtype.
        sampled: whether it is asked of a seeded sample of each family, unless everything is run: where each case costs
            a compilation of its own, and what is asked rarely depends on the case.
        quick: of which cases the quick run asks it, too: of all, of one of each class, or of none.
        everyday: of which cases it is asked after every change: of all; of one of each class, where what it asks rarely
            depends on the options; of those of the quick run, where all is compiled once more for it; by "turns": of
            one of each class on every backend, and of each other case on one of them; of "half": of half the others.
    """

    name: str
    run: Callable[..., list[Figure]]
    cases: tuple[tuple[str, Any], ...]
    dtypes: tuple[str, ...] = ()
    asks: tuple[Question, ...] = ("forward",)
    pairs: bool = False
    once: bool = False
    sampled: bool = False
    quick: Literal["all", "classes", "none"] = "all"
    everyday: Literal["all", "classes", "quick", "turns", "half"] = "all"


def family(module: ModuleType) -> str:
    """The name of a file of cases: that of the spec's file."""
    return module.__name__.rpartition(".")[2]


def home(cls: type[Any]) -> str:
    """The family whose file or folder in the spec holds a class: ``losses`` for one of nnspec.losses.regression."""
    package, *path = cls.__module__.split(".")
    return next((part for part in path if part != "layers"), package)


def _of(modules: Iterable[ModuleType], fits: Callable[[Any], bool] = lambda case: True) -> tuple[tuple[str, Any], ...]:
    return tuple((family(m), case) for m in modules for case in m.CASES if fits(case))


def _examples(*modules: ModuleType) -> tuple[tuple[str, Any], ...]:
    return tuple((family(m), case) for m in modules for case in getattr(m, "EXAMPLES", ()))


def _firsts(modules: Iterable[ModuleType]) -> tuple[tuple[str, Any], ...]:
    """One case of each family that has state or draws masks, and one that has neither."""
    chosen: dict[tuple[str, bool], tuple[str, Any]] = {}
    for name, case in _of(modules, lambda case: case.differentiable):
        chosen.setdefault((name, len(case.modes) > 1), (name, case))
    return tuple(chosen.values())


def _float(case: Case) -> bool:
    return bool(case.floats)


def _initialized(case: Case) -> bool:
    """Whether the case is about initial variables too."""
    return not isinstance(case.spec, Model) and any(name.endswith("_init") for name in changed_fields(case.spec))


CHECKS = (
    Check("forward", forward.forward, _of(LAYERS), quick="classes", everyday="turns"),
    Check(
        "gradients",
        gradients.gradients,
        _of(LAYERS, lambda case: case.differentiable),
        asks=("gradients",),
        quick="classes",
        everyday="half",
    ),
    Check("kinks", kinks.kinks, _of(LAYERS, lambda case: bool(case.slopes)), asks=("gradients",), everyday="turns"),
    Check("kinks", kinks.example, _examples(*LAYERS)),
    Check("extremes", extremes.extremes, _of(LAYERS, lambda case: case.extremes), asks=("forward", "gradients")),
    Check("masked", special.masked, _of(LAYERS, lambda case: case.masked), asks=("forward", "gradients")),
    Check("NaN", special.undefined, _of(LAYERS, _float), quick="none", everyday="quick"),
    Check("state", state.state, _of(LAYERS, lambda case: len(case.modes) > 1), quick="classes"),
    Check("masks", state.masks, _of(LAYERS, lambda case: case.drops), asks=("masks",), quick="none", everyday="turns"),
    Check("nodes", forward.nodes, _of((model,)), dtypes=("float64",), asks=("nodes",), quick="none", everyday="turns"),
    Check("batches", forward.batches, _of(LAYERS), dtypes=("float64",), quick="none", everyday="quick"),
    # Where an axis of one may broadcast by mistake, and a batch has no variance.
    Check(
        "batch of one",
        gradients.batch_of_one,
        _of((linear, normalization, ops), _float),
        dtypes=("float64",),
        quick="none",
        everyday="classes",
    ),
    Check(
        "uncompiled",
        compiled.uncompiled,
        _of(LAYERS),
        dtypes=("float32",),
        sampled=True,
        quick="none",
        everyday="quick",
    ),
    Check("transfer", transfer.transfer, _firsts(LAYERS), quick="none", everyday="quick"),
    Check("initial", initial.initial, (*_of(INITIALIZERS), *_of(LAYERS, _initialized)), quick="classes"),
    Check("loss", loss.loss, _of(LOSSES), quick="classes", everyday="turns"),
    Check(
        "loss extremes",
        loss.extremes,
        _of(LOSSES, lambda case: case.at_extremes),
        quick="classes",
    ),
    Check("loss kinks", loss.example, _examples(*LOSSES), everyday="turns"),
    Check("metric", metric.metric, _of(METRICS), quick="classes", everyday="turns"),
    Check("schedule", schedule.schedule, _of(SCHEDULES), quick="classes"),
    Check("optimizer", optimizer.optimizer, _of(OPTIMIZERS), quick="classes", everyday="turns"),
    Check("words", words.words, _of((random,)), once=True),
    Check("training", updates.training, _of(TRAINING), quick="classes", everyday="classes"),
    Check("divided", runs.divided, _of(TRAINING), quick="none", everyday="turns"),
    # An engine of its own for each case; in these two dtypes, since safetensors knows one of them and NumPy both.
    Check("resumed", runs.resumed, _of((training,))[:2], dtypes=("float64", "bfloat16"), quick="none"),
    Check("evaluation", runs.evaluation, _of(TRAINING), quick="none", everyday="turns"),
    Check(
        "agreement",
        gradients.agreement,
        _of(LAYERS),
        dtypes=("float64",),
        asks=("forward", "gradients"),
        pairs=True,
        quick="none",
        everyday="classes",
    ),
    Check("agreement", loss.agreement, _of(LOSSES), dtypes=("float64",), pairs=True, quick="none"),
    Check(
        "agreement", runs.agreement, _of(TRAINING), dtypes=("float64",), pairs=True, quick="none", everyday="classes"
    ),
)


@dataclass(frozen=True)
class Item:
    """One test: a check of a case on one backend (or two) in one dtype."""

    backends: tuple[str, ...]
    dtype: FloatType
    check: Check
    family: str
    case: Any

    @property
    def backend(self) -> str:
        return "~".join(self.backends)

    @property
    def id(self) -> str:
        return "-".join((self.backend, self.dtype, self.family, self.check.name, self.case.name))

    def run(self, subject: Callable[[str, FloatType], Subject]) -> Result:
        """The figures of the test."""
        figures = self.check.run(*(subject(name, self.dtype) for name in self.backends), self.case)
        return Result(self.backend, self.dtype, self.check.name, self.case.name, tuple(figures))


def items(backends: list[str], dtypes: list[FloatType], extent: Extent = "standard") -> list[Item]:
    """All tests of these backends in these dtypes, the families of each dtype together, so that a family can be left
    behind when it is done. Two backends are compared after each has answered alone."""
    found: list[Item] = []
    for dtype in dtypes:
        first = dtype == dtypes[0]
        for check in CHECKS:
            if (check.dtypes and dtype not in check.dtypes) or (check.once and not first):
                continue
            asked = chosen(check, extent)
            places = [(backends[0], other) for other in backends[1:]] if check.pairs else [(name,) for name in backends]
            found += [Item(place, dtype, check, kind, case) for place in places for kind, case in asked]
    order = {family(module): index for index, module in enumerate(FAMILIES)}
    return sorted(found, key=lambda item: (dtypes.index(item.dtype), order[item.family], len(item.backends)))


def subject(backend: Backend, dtype: FloatType, asked: Iterable[tuple[Check, Any]] | None = None) -> Subject:
    """A backend under test, with the cases of each family grouped by question: all, or those that will be asked it."""
    if asked is None:
        asked = ((check, case) for check in CHECKS for _, case in check.cases)
    by_question: dict[Question, set[Any]] = {}
    for check, case in asked:
        for question in check.asks:
            by_question.setdefault(question, set()).add(case)
    return Subject(
        backend,
        dtype,
        {
            question: [[case for case in module.CASES if isinstance(case, Case) and case in those] for module in LAYERS]
            for question, those in by_question.items()
        },
    )


def cases() -> Iterator[tuple[str, Any]]:
    """All cases and examples, with their families."""
    yield from _of(FAMILIES)
    yield from _examples(*FAMILIES)


def specs() -> Iterator[Spec]:
    """All specs that stand in cases, those within others included."""
    for _, case in cases():
        for field in dataclasses.fields(case):
            yield from _within(getattr(case, field.name))


def _within(value: Any) -> Iterator[Spec]:
    if isinstance(value, Model):
        yield value
        for _, node in value.walk():
            yield from _within(node.layer) if not isinstance(node.layer, Model) else (node.layer,)
    elif isinstance(value, Spec):
        yield value
        for field in dataclasses.fields(value):
            yield from _within(getattr(value, field.name))
    elif isinstance(value, tuple | Mapping):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _within(part)


def covered() -> set[type[Any]]:
    """Classes of the vocabulary that stand in some case."""
    return {type(spec) for spec in specs()}


def unused_options() -> set[str]:
    """Fields of the vocabulary (``Dense.use_bias``) that no case changes from their defaults."""
    changed = {(type(spec), name) for spec in specs() if not isinstance(spec, Model) for name in changed_fields(spec)}
    every = {
        (cls, field.name)
        for cls in covered() - {Model, Input}
        for field in dataclasses.fields(cls)
        if field.init and field.name != "name"
    }
    return {f"{cls.__name__}.{name}" for cls, name in every - changed}
