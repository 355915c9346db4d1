"""Which checks a case fits that stands in no list: one that was drawn at random, or read from a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nnspec import document
from nnspec.model import Model
from nnspec_conformance import casefile, soundness
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
    training,
    transfer,
    words,
)
from nnspec_conformance.draws import generator
from nnspec_conformance.example import Example
from nnspec_conformance.initializers import InitializerCase
from nnspec_conformance.losses import LossCase, LossExample
from nnspec_conformance.metrics import MetricCase
from nnspec_conformance.optimizers import OptimizerCase
from nnspec_conformance.random import WordsCase
from nnspec_conformance.result import Figure
from nnspec_conformance.schedules import ScheduleCase
from nnspec_conformance.subject import Subject
from nnspec_conformance.suite import Check, home
from nnspec_conformance.training import TrainingCase


@dataclass(frozen=True)
class Rule:
    """A check and the cases it is asked of.

    Attributes:
        kinds: the classes of cases.
        fits: what else a case must have.
        dtypes: in which it is asked; all, unless given.
        share: of so many cases drawn at random it is asked; it costs more than it finds.
    """

    name: str
    run: Callable[..., list[Figure]]
    kinds: type[Any] | tuple[type[Any], ...]
    fits: Callable[[Any], bool] = lambda case: True
    dtypes: tuple[str, ...] = ()
    share: float = 1.0

    @property
    def check(self) -> Check:
        """The check as the suite runs it."""
        return Check(self.name, self.run, ())


def file(subject: Subject, case: Any) -> list[Figure]:
    """Does the case survive its way through a file, as YAML and as JSON?"""
    data, figures = casefile.dump(case), []
    for source in ("case.yaml", "case.json"):
        again = casefile.parse(document.loads(document.dumps(data, source), source).data)
        same = casefile.dump(again) == data and again.name == case.name
        figures.append(Figure(source, float(not same), 0.0, where="" if same else f"{again} instead of {case}"))
        if isinstance(case, Case):
            figures.append(Figure(f"model in {source}", float(again.model != case.model), 0.0, where=f"{again.model}"))
    return figures


def _float(case: Case) -> bool:
    return bool(case.floats)


def _smooth(case: Case) -> bool:
    return case.differentiable and soundness.smooth(case)


RULES = (
    Rule("file", file, object, share=0.2),
    Rule("forward", forward.forward, Case),
    Rule("gradients", gradients.gradients, Case, _smooth),
    Rule("kinks", kinks.kinks, Case, lambda case: bool(case.slopes)),
    Rule("kinks", kinks.example, Example),
    Rule("extremes", extremes.extremes, Case, lambda case: case.extremes),
    Rule("masked", special.masked, Case, lambda case: case.masked),
    Rule("NaN", special.undefined, Case, _float, share=0.3),
    Rule("state", state.state, Case, lambda case: len(case.modes) > 1),
    Rule("masks", state.masks, Case, lambda case: case.drops),
    Rule("nodes", forward.nodes, Case, lambda case: isinstance(case.spec, Model), ("float64",), share=0.3),
    Rule("batches", forward.batches, Case, dtypes=("float64",), share=0.3),
    Rule("batch of one", gradients.batch_of_one, Case, _smooth, ("float64",), share=0.2),
    Rule("uncompiled", compiled.uncompiled, Case, _smooth, share=0.03),
    Rule("transfer", transfer.transfer, Case, _float, share=0.03),
    Rule("initial", initial.initial, Case, lambda case: bool(case.params), share=0.1),
    Rule("initial", initial.initial, InitializerCase),
    Rule("loss", loss.loss, LossCase, soundness.smooth),
    Rule("loss extremes", loss.extremes, LossCase, lambda case: case.at_extremes, share=0.5),
    Rule("loss kinks", loss.example, LossExample),
    Rule("metric", metric.metric, MetricCase),
    Rule("schedule", schedule.schedule, ScheduleCase),
    Rule("optimizer", optimizer.optimizer, OptimizerCase),
    Rule("words", words.words, WordsCase),
    Rule("training", training.training, TrainingCase, soundness.smooth),
    Rule("divided", runs.divided, TrainingCase, lambda case: case.updates > 6),
    Rule("resumed", runs.resumed, TrainingCase, lambda case: case.updates > 1, share=0.3),
    Rule("evaluation", runs.evaluation, TrainingCase),
)


def checks(case: Any, dtype: str) -> list[Check]:
    """All checks that a case fits in a dtype."""
    return [rule.check for rule in rules(case, dtype)]


def some_checks(case: Any, dtype: str, seed: object) -> list[Check]:
    """The checks that a case fits, and of the costly ones those that the seed chooses, for each or for none."""
    return [rule.check for rule in rules(case, dtype) if generator("share", rule.name, seed).random() < rule.share]


def rules(case: Any, dtype: str) -> list[Rule]:
    """The rules of a case in a dtype."""
    return [
        rule
        for rule in RULES
        if isinstance(case, rule.kinds) and (not rule.dtypes or dtype in rule.dtypes) and rule.fits(case)
    ]


def family(case: Any) -> str:
    """The family of a case: the file of the spec that it is about."""
    spec = getattr(case, "spec", None)
    if isinstance(case, TrainingCase):
        return "training"
    if spec is None:
        return "random"
    return home(type(spec))


def about(case: Any) -> str:
    """What a case is about in a word: the class of its spec, or "model", "training", "words"."""
    if isinstance(case, TrainingCase):
        return "training"
    spec = getattr(case, "spec", None)
    return "words" if spec is None else "model" if isinstance(spec, Model) else type(spec).__name__
