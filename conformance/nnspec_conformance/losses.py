"""Cases of the losses."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

import numpy as np

from nnspec.losses import (
    BinaryCrossEntropy,
    Huber,
    KLDivergence,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    SoftmaxCrossEntropy,
)
from nnspec_conformance.case import STEP, describe
from nnspec_conformance.draws import Array, generator, rounded, signed

Weights = Literal["example", "position", "mask", "nothing"] | None
# Weights that take examples in or leave them out: some of them, or all.
MASKS: tuple[Weights, ...] = ("mask", "nothing")
Targets = Literal["ids", "one_hot", "soft", "sparse", "unnormalized", "values", "unit"]
BATCH = 6


def weighting(weights: Weights) -> list[str]:
    """What the id of a case says about its weights."""
    return [] if weights is None else [{"mask": "mask", "nothing": "all masked"}.get(weights, f"weights per {weights}")]


def drawn_weights(rng: np.random.Generator, weights: Weights, positions: tuple[int, ...]) -> Array | None:
    """Weights for these positions, some of them 0."""
    if weights is None:
        return None
    if weights == "nothing":
        return np.zeros(positions[:1])
    if weights == "mask":
        mask: Array = (np.arange(positions[0]) % 3 != 1) / 1.0
        return mask
    drawn = rng.uniform(0.2, 2.0, positions if weights == "position" else positions[:1])
    drawn[1] = 0.0
    return drawn


@dataclass(frozen=True, eq=False)
class LossCase:
    """A loss with the kind of its outputs and targets.

    Attributes:
        shape: of the outputs, without the batch axis.
        targets: class ids, one-hot, distributions ("soft"; "sparse" with zeros; "unnormalized" sum to anything), values
            near the outputs, or values in [0, 1] ("unit").
        probabilities: outputs are positive and sum to anything, instead of logits.
        weights: none, one per example, one per position, 0 or 1 per example ("mask"), or 0 for all ("nothing").
        masked: some logits are −∞: classes that are taken out, and are no target.
        scale: standard deviation of logits and values.
        levels: outputs (probabilities) or outputs − targets (values) are permutations of these, away from kinks.
    """

    spec: Loss
    shape: tuple[int, ...]
    targets: Targets
    _: KW_ONLY
    id: str = ""
    probabilities: bool = False
    weights: Weights = None
    masked: bool = False
    scale: float = 1.0
    levels: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        shown = [
            self.targets,
            *weighting(self.weights),
            *(["masked"] if self.masked else []),
            *([self.id] if self.id else []),
        ]
        return describe(self.spec, "-".join(shown))

    @property
    def classes(self) -> set[type[Any]]:
        return {type(self.spec)}

    def draw(self, dtype: str, draw: int = 0) -> tuple[Array, Array, Array | None]:
        """Outputs, targets and weights of a draw, rounded to ``dtype``."""
        rng = generator(self.name, "loss", draw)
        shape = (BATCH, *self.shape)
        targets = self._targets(rng, shape)
        if self.levels:
            levels = np.resize(self.levels, shape) + 0.2 * STEP * rng.uniform(-1, 1, shape)
            values = rng.permuted(levels, axis=-1)
            outputs = values if self.probabilities else targets + values
        elif self.probabilities:
            outputs = rng.uniform(0.1, 0.9, shape)
        else:
            outputs = self.scale * rng.standard_normal(shape)
        positions = shape[:-1] if self.spec.targets == "labels" or isinstance(self.spec, KLDivergence) else shape
        weights = drawn_weights(rng, self.weights, positions)
        if self.masked:
            outputs, targets = self._without(outputs, targets)
        return rounded(outputs, dtype), rounded(targets, dtype), None if weights is None else rounded(weights, dtype)

    def _without(self, outputs: Array, targets: Array) -> tuple[Array, Array]:
        """Logits of −∞ for every third class but the target's, and targets of 0 there."""
        out = np.broadcast_to(np.arange(outputs.shape[-1]) % 3 == 1, outputs.shape).copy()
        if self.targets == "ids":
            np.put_along_axis(out, targets[..., None], False, -1)
            return np.where(out, -np.inf, outputs), targets
        return np.where(out, -np.inf, outputs), np.where(out, 0.0, targets)

    def _targets(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        match self.targets:
            case "ids":
                return rng.integers(0, shape[-1], shape[:-1], dtype=np.int32)
            case "one_hot":
                return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]
            case "values":
                return self.scale * signed(rng, shape)
            case "unit":
                values = rng.uniform(0, 1, shape)
                return np.where(rng.random(shape) < 0.4, np.round(values), values)
        values = rng.uniform(0.1, 1, shape)
        if self.targets == "sparse":
            values[..., ::2] = 0
        return values if self.targets == "unnormalized" else values / values.sum(-1, keepdims=True)


@dataclass(frozen=True, eq=False)
class LossExample:
    """A loss on given outputs and targets, with its value and gradient worked out by hand from the docstring."""

    spec: Loss
    outputs: tuple[Any, ...]
    targets: tuple[Any, ...]
    _: KW_ONLY
    id: str
    value: float
    gradient: tuple[Any, ...]

    @property
    def name(self) -> str:
        return describe(self.spec, self.id)

    @property
    def classes(self) -> set[type[Any]]:
        return {type(self.spec)}


_CE, _BCE, _KL = SoftmaxCrossEntropy, BinaryCrossEntropy, KLDivergence
# Sums of these are 1, and ε = 0.2 clips the first two from below and none (or, for elements, the last) from above.
_CLIPPED = (0.03, 0.12, 0.35, 0.5)
_CLIPPED_ELEMENTS = (0.05, 0.12, 0.4, 0.6, 0.9, 0.97)

CASES = [
    LossCase(_CE(), (5,), "ids"),
    LossCase(_CE(), (5,), "one_hot"),
    LossCase(_CE(), (5,), "soft"),
    LossCase(_CE(), (5,), "sparse"),
    LossCase(_CE(), (5,), "unnormalized"),
    LossCase(_CE(), (2, 3, 4), "ids", id="rank 4"),
    LossCase(_CE(), (5,), "soft", scale=20.0, id="wide"),
    LossCase(_CE(label_smoothing=0.1), (5,), "ids"),
    LossCase(_CE(label_smoothing=0.3), (5,), "one_hot"),
    LossCase(_CE(label_smoothing=0.1), (5,), "unnormalized"),
    LossCase(_CE(label_smoothing=1.0), (5,), "ids"),
    LossCase(_CE(), (5,), "ids", weights="example"),
    LossCase(_CE(), (3, 4), "ids", weights="example", id="rank 3"),
    LossCase(_CE(reduction="weighted_mean"), (3, 4), "soft", weights="position"),
    LossCase(_CE(reduction="weighted_mean"), (5,), "ids"),
    LossCase(_CE(reduction="sum"), (5,), "one_hot", weights="example"),
    LossCase(_CE(reduction="sum"), (5,), "soft"),
    LossCase(_CE(from_probabilities=True), (5,), "ids", probabilities=True),
    LossCase(_CE(from_probabilities=True), (5,), "unnormalized", probabilities=True, weights="example"),
    LossCase(_CE(0.1, from_probabilities=True), (3, 4), "one_hot", probabilities=True),
    LossCase(
        _CE(from_probabilities=True, epsilon=0.2), (4,), "soft", probabilities=True, levels=_CLIPPED, id="clipped"
    ),
    LossCase(_BCE(), (), "unit", id="rank 1"),
    LossCase(_BCE(), (5,), "unit"),
    LossCase(_BCE(), (5,), "unit", scale=20.0, id="wide"),
    LossCase(_BCE(0.2), (3, 4), "unit"),
    LossCase(_BCE(), (5,), "unit", weights="example"),
    LossCase(_BCE(reduction="weighted_mean"), (5,), "unit", weights="position"),
    LossCase(_BCE(reduction="sum"), (5,), "unit", weights="example"),
    LossCase(_BCE(from_probabilities=True), (5,), "unit", probabilities=True),
    LossCase(_BCE(0.1, from_probabilities=True), (5,), "unit", probabilities=True, weights="example"),
    LossCase(
        _BCE(from_probabilities=True, epsilon=0.2),
        (6,),
        "unit",
        probabilities=True,
        levels=_CLIPPED_ELEMENTS,
        id="clipped",
    ),
    LossCase(MeanSquaredError(), (5,), "values"),
    LossCase(MeanSquaredError(), (), "values", id="rank 1"),
    LossCase(MeanSquaredError(), (3, 4), "values", weights="example"),
    LossCase(MeanSquaredError(reduction="weighted_mean"), (5,), "values", weights="example"),
    LossCase(MeanSquaredError(reduction="sum"), (5,), "values", weights="position"),
    LossCase(MeanAbsoluteError(), (5,), "values", levels=(1.0, -0.5, 0.1, -2.0, 3.0)),
    LossCase(MeanAbsoluteError(reduction="weighted_mean"), (3, 2), "values", weights="position", levels=(0.7, -0.4)),
    LossCase(MeanAbsoluteError(reduction="sum"), (4,), "values", weights="example", levels=(0.7, -0.4, 0.2, -1.0)),
    LossCase(Huber(), (6,), "values", levels=(0.3, -0.3, 1.5, -1.5, 0.01, -4.0)),
    LossCase(Huber(0.4), (3, 4), "values", weights="example", levels=(0.3, -0.3, 1.5, -1.5)),
    LossCase(Huber(2.0, reduction="weighted_mean"), (4,), "values", weights="position", levels=(0.3, -1.8, 2.5, -5.0)),
    LossCase(Huber(reduction="sum"), (4,), "values", levels=(0.3, -0.8, 2.5, -5.0)),
    LossCase(_CE(), (5,), "ids", masked=True),
    LossCase(_CE(), (3, 5), "soft", masked=True, weights="example"),
    LossCase(_CE(reduction="sum"), (4,), "unnormalized", masked=True),
    *(
        LossCase(make(reduction=reduction), (3, 4), "ids" if make is _CE else "values", weights=weights)
        for make in (_CE, MeanSquaredError)
        for reduction in ("mean", "weighted_mean", "sum")
        for weights in MASKS
    ),
    LossCase(_BCE(reduction="weighted_mean"), (4,), "unit", weights="mask"),
    LossCase(Huber(), (4,), "values", weights="mask", levels=(0.3, -0.3, 1.5, -1.5)),
    LossCase(_KL(), (3, 4), "soft", weights="mask"),
    LossCase(_KL(), (5,), "soft", masked=True),
    LossCase(_KL(), (5,), "soft"),
    LossCase(_KL(), (5,), "sparse"),
    LossCase(_KL(), (3, 4), "unnormalized", weights="example"),
    LossCase(_KL(), (5,), "soft", scale=20.0, id="wide"),
    LossCase(_KL(reduction="weighted_mean"), (5,), "sparse", weights="position"),
    LossCase(_KL(reduction="sum"), (5,), "soft"),
    LossCase(_KL(from_probabilities=True), (5,), "soft", probabilities=True),
    LossCase(_KL(from_probabilities=True), (5,), "sparse", probabilities=True, weights="example"),
    LossCase(
        _KL(from_probabilities=True, epsilon=0.2), (4,), "soft", probabilities=True, levels=_CLIPPED, id="clipped"
    ),
]

_LOG_EPSILON = math.log(1e-7)
_LOG_REST = math.log1p(-1e-7)
EXAMPLES = [
    LossExample(
        MeanAbsoluteError(),
        ((1.0, 2.0, -0.0, 5.0),),
        ((1.0, 3.0, 0.0, 1.0),),
        id="ties",
        value=1.25,
        gradient=((0.0, -0.25, 0.0, 0.25),),
    ),
    LossExample(
        Huber(),
        ((2.0, 0.0, 1.0, 4.0),),
        ((1.0, 1.0, 1.0, 1.0),),
        id="at delta",
        value=(0.5 + 0.5 + 0.0 + 2.5) / 4,
        gradient=((0.25, -0.25, 0.0, 0.25),),
    ),
    LossExample(
        _BCE(),
        ((0.0, -0.0),),
        ((1.0, 0.25),),
        id="logits of zero",
        value=math.log(2),
        gradient=((-0.25, 0.125),),
    ),
    LossExample(
        _BCE(from_probabilities=True),
        ((0.0, 1.0, 0.0, 1.0),),
        ((0.0, 1.0, 1.0, 0.0),),
        id="probabilities of 0 and 1",
        value=-(2 * _LOG_REST + 2 * _LOG_EPSILON) / 4,
        gradient=((0.0, 0.0, 0.0, 0.0),),
    ),
    LossExample(
        _BCE(from_probabilities=True, epsilon=0.25),
        ((0.25, 0.75, 0.5, 0.5),),
        ((1.0, 1.0, 1.0, 0.0),),
        id="probabilities at the bounds",
        value=(math.log(4) + math.log(4 / 3) + 2 * math.log(2)) / 4,
        gradient=((0.0, 0.0, -0.5, 0.5),),
    ),
    LossExample(
        _CE(from_probabilities=True),
        ((0.0, 1.0), (0.0, 2.0)),
        ((0.0, 1.0), (1.0, 0.0)),
        id="probabilities of 0 and 1",
        value=-(_LOG_REST + _LOG_EPSILON) / 2,
        gradient=((0.0, 0.0), (0.0, 0.0)),
    ),
    LossExample(
        # q = (1/4, 1/4, 1/2), the first two at the bound: only the third is differentiated, through the sum as well.
        _CE(from_probabilities=True, epsilon=0.25),
        ((1.0, 1.0, 2.0),),
        ((0.25, 0.25, 0.5),),
        id="probabilities at the bound",
        value=0.5 * math.log(4) + 0.5 * math.log(2),
        gradient=((0.125, 0.125, -0.125),),
    ),
    LossExample(
        _KL(from_probabilities=True),
        ((0.0, 1.0), (1.0, 0.0)),
        ((0.0, 1.0), (0.0, 1.0)),
        id="probabilities of 0 and 1",
        value=-_LOG_EPSILON / 2,
        gradient=((0.0, 0.0), (0.0, 0.0)),
    ),
    LossExample(
        _KL(from_probabilities=True, epsilon=0.25),
        ((0.25, 0.5, 1.0),),
        ((0.5, 0.25, 0.25),),
        id="probabilities at the bounds",
        value=0.5 * math.log(2) + 0.25 * math.log(0.5) + 0.25 * math.log(0.25),
        gradient=((0.0, -0.5, 0.0),),
    ),
    LossExample(
        _CE(),
        ((0.0, 0.0),),
        ((3.0, 1.0),),
        id="unnormalized by hand",
        value=4 * math.log(2),
        gradient=((-1.0, 1.0),),
    ),
]
