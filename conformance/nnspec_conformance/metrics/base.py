"""What a case of a metric is, and what it is drawn from."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

import numpy as np

from nnspec.metrics import Metric
from nnspec_conformance.case import describe
from nnspec_conformance.draws import Array, generator, rounded
from nnspec_conformance.losses import Weights, drawn_weights, weighting

BATCH = 40


@dataclass(frozen=True, eq=False)
class MetricCase:
    """A metric with the kind of its outputs and targets.

    Attributes:
        shape: of the outputs, without the batch axis.
        targets: class ids, one-hot, distributions, values, or zeros and ones.
        ties: outputs are whole numbers from −2 to 2 (quarters for probabilities), so that many are equal.
        offset: what is added to outputs and targets that are values.
        weights: none, one per example, one per position, 0 or 1 per example ("mask"), or 0 for all ("nothing").
    """

    spec: Metric
    shape: tuple[int, ...]
    targets: Literal["ids", "one_hot", "soft", "values", "binary"]
    _: KW_ONLY
    id: str = ""
    ties: bool = False
    weights: Weights = None
    offset: float = 0.0

    @property
    def name(self) -> str:
        ties, extra = ["ties"] if self.ties else [], [self.id] if self.id else []
        shown = [self.targets, *ties, *weighting(self.weights), *extra]
        return describe(self.spec, "-".join(shown))

    @property
    def classes(self) -> set[type[Any]]:
        return {type(self.spec)}

    def draw(self, dtype: str, draw: int = 0) -> tuple[Array, Array, Array | None]:
        """Outputs, targets and weights of a draw, rounded to ``dtype``."""
        rng = generator(self.name, "metric", draw)
        shape = (BATCH, *self.shape)
        outputs = rng.integers(-2, 3, shape) / 1.0 if self.ties else rng.standard_normal(shape)
        if getattr(self.spec, "from_probabilities", False):
            outputs = (outputs + 2) / 4 if self.ties else rng.uniform(0, 1, shape)
        match self.targets:
            case "ids":
                targets: Array = rng.integers(0, shape[-1], shape[:-1], dtype=np.int32)
            case "one_hot":
                targets = np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]
            case "soft":
                targets = rng.integers(0, 4, shape) / 4.0  # equal largest ones among them
            case "binary":
                targets = rng.integers(0, 2, shape) / 1.0
            case _:
                targets = rng.standard_normal(shape) + self.offset
                outputs = outputs + self.offset
        positions = shape[: len(shape) - self.spec.axes]
        weights = drawn_weights(rng, self.weights, positions)
        return rounded(outputs, dtype), rounded(targets, dtype), None if weights is None else rounded(weights, dtype)
