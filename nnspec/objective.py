"""What training minimizes and measures: the losses and the metrics of each output, by the names of their records.

One loss of the only output, and the metrics beside it, go by ``loss`` and their own names. With
:class:`~nnspec.losses.Losses` everything is by output: ``loss`` is the weighted sum, the names of the rest begin with
the output's (``digit/loss``, ``mask/Dice``, ``digit/accuracy``), and so do the arrays of a split, ``targets/digit`` and
``weights/digit``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nnspec.errors import SpecError, did_you_mean
from nnspec.layers.base import Shape
from nnspec.losses.outputs import Losses
from nnspec.vocabulary import tag_of

if TYPE_CHECKING:
    from nnspec.losses import Loss
    from nnspec.metrics import Metric, Sums

_PAIR: tuple[tuple[int, ...], ...] = ((), ())
_TARGETS, _WEIGHTS = "targets", "weights"


@dataclass(frozen=True)
class Term:
    """A loss of an output.

    Attributes:
        name: what its sums, (total, count), and its record go by.
        weight: in the sum that is minimized.
        place: where it stands in an experiment.
    """

    name: str
    output: str
    loss: Loss
    weight: float
    place: tuple[str | int, ...]


@dataclass(frozen=True)
class Measure:
    """A metric of an output; its name is what its sums and its record go by."""

    name: str
    output: str
    metric: Metric
    place: tuple[str | int, ...]


@dataclass(frozen=True)
class Objective:
    """The losses and metrics of a model's outputs.

    Attributes:
        terms, measures: all losses and all metrics, those of an output one after the other.
        by_output: whether names begin with the output's.
    """

    terms: tuple[Term, ...]
    measures: tuple[Measure, ...]
    by_output: bool

    @classmethod
    def of(cls, loss: Any, metrics: Any, outputs: Sequence[str]) -> Objective:
        """What a loss and metrics, as an experiment or an engine is given them, come to for a model's outputs.

        Raises:
            SpecError: they are not those of the outputs, or a metric is listed twice.
        """
        if not isinstance(loss, Losses):
            if len(outputs) != 1:
                listed = ", ".join(f"{output}: ..." for output in outputs)
                raise SpecError(
                    f"the model has several outputs: give each its loss, {{Losses: {{losses: {{{listed}}}}}}}",
                    ("loss",),
                )
            if metrics and isinstance(metrics, Mapping):
                raise SpecError("the loss is not by output: list the metrics", ("metrics",))
            term = Term("loss", outputs[0], loss, 1.0, ("loss",))
            return cls((term,), tuple(_measures(metrics, outputs[0], "", ("metrics",))), False)
        terms = tuple(_terms(loss, outputs))
        if metrics and not isinstance(metrics, Mapping):
            example = f"metrics: {{{loss.trained[0]}: [{tag_of(type(metrics[0]))}]}}"
            raise SpecError(f"the losses are by output: give the metrics by output, too, {example}", ("metrics",))
        given: Mapping[str, Sequence[Metric]] = metrics or {}
        for name in given:
            if name not in loss.trained:
                hint = did_you_mean(name, loss.trained)
                raise SpecError(f"metrics of {name!r}, which is no output with a loss{hint}", ("metrics", name))
        measures = [
            measure
            for output in loss.trained
            for measure in _measures(given.get(output, ()), output, f"{output}/", ("metrics", output))
        ]
        return cls(terms, tuple(measures), True)

    # -- outputs ------------------------------------------------------------------------------------------------------

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The outputs that have losses."""
        return tuple(dict.fromkeys(term.output for term in self.terms))

    def losses(self, output: str) -> tuple[Loss, ...]:
        """The losses of an output."""
        return tuple(term.loss for term in self.terms if term.output == output)

    def of_output(self, output: str) -> tuple[list[Term], list[Measure]]:
        """The losses and the metrics of an output."""
        terms = [term for term in self.terms if term.output == output]
        return terms, [measure for measure in self.measures if measure.output == output]

    # -- arrays -------------------------------------------------------------------------------------------------------

    def targets_name(self, output: str) -> str:
        """The name of the array with an output's targets."""
        return f"{_TARGETS}/{output}" if self.by_output else _TARGETS

    def weights_name(self, output: str | None = None) -> str:
        """The name of the array with the sample weights of an output alone, or of all outputs."""
        return f"{_WEIGHTS}/{output}" if self.by_output and output is not None else _WEIGHTS

    def given(self, output: str, data: Mapping[str, Any]) -> tuple[Any, Any]:
        """An output's targets and its sample weights: its own, else those of all outputs, else None."""
        weights = data.get(self.weights_name(output), data.get(self.weights_name()))
        return data[self.targets_name(output)], weights

    def parted(self, data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The arrays of a split: the inputs, and the targets and weights beside them."""
        beside = {name for name in data if name.partition("/")[0] in (_TARGETS, _WEIGHTS)}
        return {n: x for n, x in data.items() if n not in beside}, {n: data[n] for n in data if n in beside}

    def demand(self, split: str, names: Collection[str]) -> None:
        """Refuse a split whose arrays beside its inputs are not all targets, and weights, of these losses.

        Raises:
            SpecError: one is missing, or there is nothing that it is for.
        """
        wanted = [self.targets_name(output) for output in self.outputs]
        for name in wanted:
            if name not in names:
                what = _TARGETS if not self.by_output else name
                raise SpecError(f"the split {split!r} has no {what}")
        known = [*wanted, self.weights_name(), *(self.weights_name(output) for output in self.outputs)]
        for name in names:
            if name not in known:
                raise SpecError(f"the split {split!r} has {name!r}, but no loss is for it{did_you_mean(name, known)}")

    # -- sums ---------------------------------------------------------------------------------------------------------

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What is summed up, in the order of records."""
        return tuple(part.name for output in self.outputs for parts in self.of_output(output) for part in parts)

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """The metrics by name."""
        return {measure.name: measure.metric for measure in self.measures}

    def shapes(self, outputs: Mapping[str, Shape]) -> dict[str, tuple[tuple[int, ...], ...]]:
        """The shapes of all accumulators by name, for outputs of these shapes.

        Raises:
            ShapeError: a metric does not fit the shape of its output.
        """
        found = {measure.name: measure.metric.shapes(outputs[measure.output]) for measure in self.measures}
        return {name: found.get(name, _PAIR) for name in self.names}

    @cached_property
    def minimized(self) -> tuple[Term, ...]:
        """The losses that weigh anything."""
        return tuple(term for term in self.terms if term.weight)

    @cached_property
    def summed(self) -> bool:
        """Whether all losses are sums, so that each batch adds to what is minimized, and penalties once with it."""
        return all(term.loss.reduction == "sum" for term in self.minimized)

    def loss(self, sums: Mapping[str, Sums]) -> float:
        """What is minimized, from the sums of each loss and, where there are any, of the penalties."""
        penalty = self.penalty(sums)
        if not self.by_output:
            return self.terms[0].loss.result(*sums[self.terms[0].name]) + penalty
        return sum(term.weight * term.loss.result(*sums[term.name]) for term in self.minimized) + penalty

    def penalty(self, sums: Mapping[str, Sums]) -> float:
        """What the sums of penalties come to; 0 without them."""
        total, share = sums.get("penalty", (0.0, 1.0))
        return float(total) if self.summed else float(total) / float(share)

    def results(self, sums: Mapping[str, Sums], *, scalar: bool) -> dict[str, Any]:
        """What the sums come to, by the names of records; with ``scalar`` without metrics that are no numbers."""
        found: dict[str, Any] = {"loss": self.loss(sums)}
        found |= {"penalty": self.penalty(sums)} if "penalty" in sums else {}
        losses = {term.name: term.loss for term in self.terms}
        for name in self.names if self.by_output else self.names[1:]:
            if name in losses:
                found[name] = losses[name].result(*sums[name])
            elif self.metrics[name].scalar or not scalar:
                found[name] = self.metrics[name].result(*sums[name])
        return found

    # -- records ------------------------------------------------------------------------------------------------------

    def monitored(self) -> list[str]:
        """The names in the record of an epoch that may be monitored, without ``val_``."""
        numbers = [name for name in self.names if name not in self.metrics or self.metrics[name].scalar]
        return list(dict.fromkeys(["loss", *numbers]))

    def mode(self, name: str) -> str:
        """Which way is better of what is recorded under a name, with ``val_`` or without: "min" or "max"."""
        metric = self.metrics.get(name.removeprefix("val_"))
        return "min" if metric is None else metric.mode


def _terms(spec: Losses, outputs: Sequence[str]) -> Iterable[Term]:
    place = ("loss", "Losses", "losses")
    for name in spec.losses:
        if name not in outputs:
            hint = did_you_mean(name, outputs)
            raise SpecError(f"the model has no output {name!r}{hint} (outputs: {', '.join(outputs)})", (*place, name))
    for name in outputs:
        if name not in spec.losses:
            raise SpecError(f"the output {name!r} is missing: give it a loss, or null if it is not trained", place)
    for output in spec.trained:
        losses = spec.of(output)
        for i, (loss, weight) in enumerate(zip(losses, spec.weights_of(output), strict=True)):
            several = len(losses) > 1
            name = f"{output}/{tag_of(type(loss)) if several else 'loss'}"
            yield Term(name, output, loss, weight, (*place, output, *([i] if several else [])))


def _measures(metrics: Sequence[Metric], output: str, prefix: str, place: tuple[str | int, ...]) -> Iterable[Measure]:
    tags = [tag_of(type(metric)) for metric in metrics]
    for i, (tag, metric) in enumerate(zip(tags, metrics, strict=True)):
        if tag in tags[:i]:
            raise SpecError(f"{tag} is listed twice", (*place, i))
        yield Measure(prefix + tag, output, metric, (*place, i))
