"""Losses and metrics of all outputs of a model, traced into a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp

from nnspec.losses import Loss, Losses
from nnspec.metrics import Metrics, Sums
from nnspec.objective import Objective as Spec
from nnspec_jax.losses import LossFunction, for_metrics
from nnspec_jax.metrics import Metric
from nnspec_jax.realize import build

Arrays = Mapping[str, jax.Array]


class Objective:
    """Functions of a model's outputs and of a batch that holds their targets and weights, as a split does."""

    def __init__(self, loss: Loss | Losses, metrics: Metrics, outputs: Sequence[str]) -> None:
        self.spec = spec = Spec.of(loss, metrics, outputs)
        self._losses: dict[str, LossFunction] = {term.name: build(term.loss) for term in spec.terms}
        self._metrics: dict[str, Metric] = {measure.name: build(measure.metric) for measure in spec.measures}

    def sums(self, outputs: Arrays, batch: Arrays) -> dict[str, Sums]:
        """What a batch adds to the sums of each loss and of each metric."""
        found: dict[str, Sums] = {}
        for output in self.spec.outputs:
            terms, measures = self.spec.of_output(output)
            targets, weights = self.spec.given(output, batch)
            for term in terms:
                found[term.name] = self._losses[term.name].totals(outputs[output], targets, weights)
            for term in terms:
                targets, weights = for_metrics(term.loss, targets, weights)
            for measure in measures:
                found[measure.name] = self._metrics[measure.name](outputs[output], targets, weights)
        return found

    def reduced(self, sums: Mapping[str, Sums]) -> jax.Array:
        """What is minimized, from the sums of a batch."""
        reduced = [self._losses[term.name].reduced(*sums[term.name]) for term in self.spec.minimized]
        if not self.spec.by_output:
            return reduced[0]
        weights = [term.weight for term in self.spec.minimized]
        return sum((weight * value for weight, value in zip(weights, reduced, strict=True)), start=jnp.zeros(()))

    def __call__(self, outputs: Arrays, batch: Arrays) -> jax.Array:
        """What is minimized: what a hand-written step differentiates."""
        return self.reduced(self.sums(outputs, batch))


@build.register(Losses)
def _losses(spec: Losses) -> Objective:
    return Objective(spec, {}, tuple(spec.losses))
