"""Losses and metrics of all outputs of a model: their sums over a batch, and what is minimized."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnspec.metrics import Sums
from nnspec.objective import Objective
from nnspec.reference import losses, metrics


def sums(objective: Objective, outputs: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Sums]:
    """What a batch adds to the sums of each loss, (total, count), and of each metric, by name.

    Args:
        outputs: the model's, by name.
        data: what a split of an engine holds, for the rows of the batch.

    A position that any loss of an output ignores counts in none of its metrics.

    Raises:
        ShapeError: outputs, targets and weights do not fit together.
        DataError: a class id that is no class.
    """
    found: dict[str, Sums] = {}
    for term in objective.terms:
        found[term.name] = losses.value(term.loss, outputs[term.output], *_given(objective, term.output, data))
    for measure in objective.measures:
        counted = _given(objective, measure.output, data)
        for loss in objective.losses(measure.output):
            counted = losses.for_metrics(loss, *counted)
        found[measure.name] = metrics.value(measure.metric, outputs[measure.output], *counted)
    return found


def _given(objective: Objective, output: str, data: Mapping[str, Any]) -> tuple[Any, Any]:
    """The targets and the weights of an output: its own weights, or those of all."""
    if not objective.by_output:
        return data["targets"], data.get("weights")
    own = data.get(f"weights/{output}")
    return data[f"targets/{output}"], data.get("weights") if own is None else own


def value(objective: Objective, found: Mapping[str, Sums]) -> float:
    """Σ weight · l over all losses, from their sums."""
    return float(sum(term.weight * term.loss.result(*found[term.name]) for term in objective.terms if term.weight))
