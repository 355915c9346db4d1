"""Cases of the metrics."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

import numpy as np

from nnspec.metrics import MAE, MSE, RMSE, Accuracy, BinaryAccuracy, Metric, TopKAccuracy
from nnspec_conformance.case import describe
from nnspec_conformance.draws import Array, generator, rounded
from nnspec_conformance.losses import MASKS, Weights, drawn_weights, weighting

BATCH = 40


@dataclass(frozen=True, eq=False)
class MetricCase:
    """A metric with the kind of its outputs and targets.

    Attributes:
        shape: of the outputs, without the batch axis.
        targets: class ids, one-hot, distributions, values, or zeros and ones.
        ties: outputs are whole numbers from −2 to 2 (half of them for probabilities), so that many are equal.
        weights: none, one per example, one per position, 0 or 1 per example ("mask"), or 0 for all ("nothing").
    """

    spec: Metric
    shape: tuple[int, ...]
    targets: Literal["ids", "one_hot", "soft", "values", "binary"]
    _: KW_ONLY
    id: str = ""
    ties: bool = False
    weights: Weights = None

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
                targets = rng.standard_normal(shape)
        positions = shape[:-1] if self.spec.targets == "labels" else shape
        weights = drawn_weights(rng, self.weights, positions)
        return rounded(outputs, dtype), rounded(targets, dtype), None if weights is None else rounded(weights, dtype)


CASES = [
    MetricCase(Accuracy(), (4,), "ids"),
    MetricCase(Accuracy(), (4,), "ids", ties=True),
    MetricCase(Accuracy(), (4,), "one_hot"),
    MetricCase(Accuracy(), (4,), "soft", ties=True),
    MetricCase(Accuracy(), (3, 4), "ids", weights="position"),
    MetricCase(Accuracy(), (4,), "one_hot", weights="example"),
    MetricCase(Accuracy(), (3, 4), "ids", weights="example"),
    MetricCase(TopKAccuracy(), (12,), "ids"),
    MetricCase(TopKAccuracy(k=2), (5,), "ids", ties=True),
    MetricCase(TopKAccuracy(k=3), (5,), "one_hot", ties=True, weights="example"),
    MetricCase(TopKAccuracy(k=1), (5,), "ids", ties=True),
    MetricCase(TopKAccuracy(k=5), (3,), "ids", id="k above the classes"),
    MetricCase(TopKAccuracy(k=2), (5,), "soft", ties=True),
    MetricCase(BinaryAccuracy(), (), "binary", id="rank 1"),
    MetricCase(BinaryAccuracy(), (3,), "binary", ties=True),
    MetricCase(BinaryAccuracy(), (3,), "binary", weights="example"),
    MetricCase(BinaryAccuracy(0.8), (3,), "binary"),
    MetricCase(BinaryAccuracy(from_probabilities=True), (3,), "binary", ties=True),
    MetricCase(BinaryAccuracy(0.25, from_probabilities=True), (3,), "soft", ties=True, weights="position"),
    MetricCase(Accuracy(), (90, 3), "ids", weights="example", id="many positions"),
    MetricCase(MSE(), (3,), "values"),
    MetricCase(MSE(), (3, 2), "values", weights="example"),
    MetricCase(RMSE(), (3,), "values"),
    MetricCase(RMSE(), (), "values", weights="example", id="rank 1"),
    MetricCase(MAE(), (3,), "values"),
    MetricCase(MAE(), (3,), "values", weights="position"),
    *(
        MetricCase(spec, (3, 4), "ids" if isinstance(spec, Accuracy) else "values", weights=weights)
        for spec in (Accuracy(), RMSE())
        for weights in MASKS
    ),
]
