"""Losses and metrics of all outputs of a model, traced into a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nnspec.backends import FloatType
from nnspec.losses import Loss, Losses
from nnspec.metrics import Metrics, Sums
from nnspec.objective import Objective as Spec
from nnspec_tensorflow.losses import SpecLoss, for_metrics, reduced
from nnspec_tensorflow.metrics import SpecMetric
from nnspec_tensorflow.startup import tf

Tensor = Any
Tensors = Mapping[str, Tensor]


class Objective:
    """Functions of a model's outputs and of a batch that holds their targets and weights, as a split does.

    Attributes:
        losses, metrics: the Keras objects by name, for a loop of one's own.
    """

    def __init__(self, loss: Loss | Losses, metrics: Metrics, outputs: Sequence[str], dtype: FloatType) -> None:
        self.spec = spec = Spec.of(loss, metrics, outputs)
        self.losses = {term.name: SpecLoss(term.loss, dtype) for term in spec.terms}
        self.metrics = {measure.name: SpecMetric(measure.metric, dtype) for measure in spec.measures}

    def sums(self, outputs: Tensors, batch: Tensors) -> dict[str, Sums]:
        """What a batch adds to the sums of each loss and of each metric."""
        found: dict[str, Sums] = {}
        for output in self.spec.outputs:
            terms, measures = self.spec.of_output(output)
            targets, weights = self.spec.given(output, batch)
            for term in terms:
                found[term.name] = self.losses[term.name].sums(targets, outputs[output], weights)
            for term in terms:
                targets, weights = for_metrics(term.loss, targets, weights)
            for measure in measures:
                found[measure.name] = self.metrics[measure.name].sums(targets, outputs[output], weights)
        return found

    def reduced(self, sums: Mapping[str, Sums]) -> Tensor:
        """What is minimized, from the sums of a batch."""
        terms = self.spec.minimized
        values = [reduced(term.loss, *sums[term.name]) for term in terms]
        if not self.spec.by_output:
            return values[0]
        weights = [tf.constant(term.weight, value.dtype) for term, value in zip(terms, values, strict=True)]
        return tf.add_n([weight * value for weight, value in zip(weights, values, strict=True)])

    def __call__(self, outputs: Tensors, batch: Tensors) -> Tensor:
        """What is minimized: what a hand-written step differentiates."""
        return self.reduced(self.sums(outputs, {name: tf.convert_to_tensor(x) for name, x in batch.items()}))
