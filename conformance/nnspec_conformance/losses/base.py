"""What a case of a loss is, and what it is drawn from."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

import numpy as np

from nnspec.layers.base import Shape
from nnspec.losses import Loss, Reduction
from nnspec_conformance.case import STEP, describe
from nnspec_conformance.draws import Array, generator, rounded, signed

Weights = Literal["example", "position", "mask", "nothing"] | None
# Weights that take examples in or leave them out: some of them, or all.
MASKS: tuple[Weights, ...] = ("mask", "nothing")
Targets = Literal[
    "ids",
    "one_hot",
    "soft",
    "sparse",
    "unnormalized",
    "values",
    "unit",
    "signs",
    "counts",
    "groups",
    "sequences",
]
REDUCTIONS: tuple[Reduction, ...] = ("mean", "weighted_mean", "sum")
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
            near the outputs, values in [0, 1] ("unit"), −1 and 1 ("signs"), whole numbers from 0 on ("counts"), ids of
            three groups, or sequences of class ids that have alignments (but one, where the loss takes it for 0).
        probabilities: outputs are positive and sum to anything, instead of logits.
        weights: none, one per example, one per position, 0 or 1 per example ("mask"), or 0 for all ("nothing").
        masked: some logits are −∞: classes that are taken out, and are no target.
        scale: standard deviation of logits and values.
        levels: outputs (probabilities), outputs − targets (values) or outputs · targets (signs) are permutations of
            these, away from kinks.
        extremes: the loss and its gradient are finite for outputs of any size.
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
    extremes: bool = True

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

    @property
    def at_extremes(self) -> bool:
        """Whether outputs of any size are a question that has an answer."""
        return self.extremes and not self.levels and self.weights != "nothing"

    def draw(self, dtype: str, draw: int = 0) -> tuple[Array, Array, Array | None]:
        """Outputs, targets and weights of a draw, rounded to ``dtype``."""
        rng = generator(self.name, "loss", draw)
        shape = (BATCH, *self.shape)
        targets = self._targets(rng, known(self.spec.target_shape(shape)))
        ignored = getattr(self.spec, "ignore_label", None)
        if ignored is not None:
            targets.flat[::3] = ignored
        if self.levels:
            levels = np.resize(self.levels, shape) + 0.2 * STEP * rng.uniform(-1, 1, shape)
            values = rng.permuted(levels, axis=-1)
            beside = targets * values if self.targets == "signs" else targets + values
            outputs = values if self.probabilities else beside
        elif self.probabilities:
            outputs = rng.uniform(0.1, 0.9, shape)
        else:
            outputs = self.scale * rng.standard_normal(shape)
        weights = drawn_weights(rng, self.weights, known(self.spec.positions(shape)))
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
            case "signs":
                return rng.choice([-1.0, 1.0], shape)
            case "counts":
                return rng.integers(0, 6, shape) / 1.0
            case "groups":
                return rng.integers(0, 3, shape, dtype=np.int32)
            case "sequences":
                return self._sequences(rng, shape[0])
            case "unit":
                values = rng.uniform(0, 1, shape)
                return np.where(rng.random(shape) < 0.4, np.round(values), values)
        values = rng.uniform(0.1, 1, shape)
        if self.targets == "sparse":
            values[..., ::2] = 0
        return values if self.targets == "unnormalized" else values / values.sum(-1, keepdims=True)

    def _sequences(self, rng: np.random.Generator, batch: int) -> Array:
        """Rows of class ids of any length with some repetitions, padded with the blank, after a count where there is
        one."""
        spec: Any = self.spec
        steps, classes = self.shape
        most = (steps + 1) // 2
        ids: Array = (spec.blank + 1 + rng.integers(0, max(classes - 1, 1), (batch, most))) % classes
        ids[:, 2::3] = ids[:, 1::3][:, : most // 3]
        lengths = rng.integers(0, most + 1, (batch, 1))
        ids = np.where(np.arange(most) < lengths, ids, spec.blank).astype(np.int32)
        if not spec.step_counts:
            return ids
        repeated = ((ids[:, 1:] == ids[:, :-1]) & (ids[:, 1:] != spec.blank)).sum(1, keepdims=True)
        least = (ids != spec.blank).sum(1, keepdims=True) + repeated
        counts = least + rng.integers(0, steps + 2 - least)
        if spec.zero_infinity:
            counts[0] = least[0] - 1
        return np.concatenate([counts, ids], axis=1).astype(np.int32)


def known(shape: Shape) -> tuple[int, ...]:
    """A shape all of whose sizes are known."""
    return tuple(size or 1 for size in shape)


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
