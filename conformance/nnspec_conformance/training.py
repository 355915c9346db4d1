"""Cases of training: a network with everything on that makes updates depend on each other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnspec.adaptive import NovoGrad
from nnspec.factored import Adafactor
from nnspec.layers.activation import Tanh
from nnspec.layers.dropout import Dropout, GaussianSample
from nnspec.layers.embedding import Embedding
from nnspec.layers.linear import Dense
from nnspec.layers.normalization import BatchNorm, LayerNorm
from nnspec.layers.tokens import TokenMasking
from nnspec.losses import BinaryCrossEntropy, Dice, Huber, Loss, Losses, MeanSquaredError, SoftmaxCrossEntropy
from nnspec.metrics import (
    AUC,
    MAE,
    R2,
    RMSE,
    Accuracy,
    BinaryAccuracy,
    ConfusionMatrix,
    FBeta,
    Metric,
    PearsonCorrelation,
    TopKAccuracy,
)
from nnspec.mixing import CutMix, MaskedLM, Mixing, MixUp
from nnspec.model import Input, Model, Sequential, symbol
from nnspec.objective import Objective
from nnspec.optimizers import Adam, AdamW, Clip, Momentum, Nesterov, OptimizerBase, RMSProp, slot_name
from nnspec.penalties import Constraint, Penalty
from nnspec.schedules import CosineRestarts, ReduceOnPlateau, Warmup, WarmupCosine
from nnspec.steps import FTRL, NoisySGD, PolyakSGD
from nnspec.wrappers import SAM, GradientAccumulation, Lookahead, LossScale, MultiOptimizer
from nnspec_conformance.case import AsNamed, Case, whole
from nnspec_conformance.draws import Array, at_least_float32, generator, rounded, signed
from nnspec_conformance.losses.base import known
from nnspec_conformance.model import cnn, heads, residual, sequence, transformer, two_tasks
from nnspec_conformance.optimizers import classes_within

ROWS, HELD_OUT, BATCH = 44, 17, 8
# After so many two backends are compared with each other.
UPDATES = 100


@dataclass(frozen=True, eq=False)
class TrainingCase:
    """A model with all that training it needs; starts from random variables, statistics and slots.

    Attributes:
        loss, metrics: of the only output, or of each by its name.
        weights: whether examples have weights, for all outputs; or the outputs that have weights of their own.
        mixing: what becomes of a batch before.
        updates: how many are made and compared with the reference, one by one.
        scale: what a plateau has multiplied the learning rate by.
        zeros: a pattern of the names of parameters that start at 0, where |w| has its kink; "" for none.
    """

    name: str
    model: Model
    loss: Losses | Loss
    optimizer: OptimizerBase
    _: KW_ONLY
    clip: Clip | None = None
    penalties: tuple[Penalty, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    mixing: Mixing | None = None
    metrics: Mapping[str, tuple[Metric, ...]] | tuple[Metric, ...] = ()
    weights: tuple[str, ...] | bool = False
    updates: int = 50
    scale: float = 1.0
    zeros: str = ""

    @property
    def classes(self) -> set[type[Any]]:
        others = (self.loss, self.optimizer, self.metrics, *self.beside.values())
        return self.case.classes | set(classes_within(others))

    @property
    def beside(self) -> dict[str, Any]:
        """What an engine is given beside loss, optimizer, metrics and clipping, where there is any."""
        given = {"penalties": self.penalties, "constraints": self.constraints, "mixing": self.mixing}
        return {name: held for name, held in given.items() if held}

    @cached_property
    def case(self) -> Case:
        kind = AsNamed if isinstance(self.loss, Losses) else Case
        return kind(self.model, id=self.name)

    @cached_property
    def objective(self) -> Objective:
        """The losses and metrics of the outputs."""
        return Objective.of(self.loss, self.metrics, self.case.model.outputs)

    @property
    def decayed(self) -> frozenset[str]:
        """The names that decay applies to where it is restricted to kernels."""
        return frozenset(name for name, param in self.case.params.items() if param.decay)

    def variables(self, dtype: str) -> dict[str, Array]:
        """Random variables, but for those that are to be 0."""
        drawn = self.case.point(dtype).variables
        zeros = {name for name in drawn if self.zeros and re.search(self.zeros, name)}
        return {name: np.zeros_like(x) if name in zeros else x for name, x in drawn.items()}

    def data(self, split: str, dtype: str) -> dict[str, Array]:
        """Inputs, targets and weights of a split, as an engine loads them."""
        rng = generator(self.name, split)
        rows = ROWS if split == "train" else HELD_OUT
        made: dict[str, Array] = {}
        for name, declared in self.case.model.inputs.items():
            sizes = (rows, *(size or 1 for size in declared.shape or ()))
            if declared.dtype == "int32":
                made[name] = rng.integers(*whole(self.case.model, name), sizes, dtype=np.int32)
            else:
                made[name] = rounded(rng.standard_normal(sizes), dtype)
        objective, shapes = self.objective, self.case.model.output_shapes(*(x.shape for x in made.values()))
        for output in objective.outputs:
            sizes = (rows, *(size or 1 for size in shapes[output][1:]))
            made[objective.targets_name(output)] = _targets(objective.losses(output)[0], sizes, rng, dtype)
        for owner in self.weights if isinstance(self.weights, tuple) else (None,) * self.weights:
            made[objective.weights_name(owner)] = rounded(rng.uniform(0.2, 2.0, rows), dtype)
        return made

    def order(self) -> NDArray[np.int32]:
        """Rows of each update's batch."""
        rng = generator(self.name, "order")
        return np.stack([rng.permutation(ROWS)[:BATCH] for _ in range(UPDATES)]).astype(np.int32)

    def batches(self, dtype: str) -> list[tuple[NDArray[np.int32], int]]:
        """An order and a row of it for each update that is compared: in float64 also a last partial batch and, where
        the network has statistics, to which one example is special, one row.

        A batch of another size is compiled anew, so that lower precisions do without.
        """
        order = self.order()
        found = [(order, update) for update in range(self.updates)]
        sizes = (3, 1) if len(self.case.params) > len(self.case.parameters) else (3,)
        rest = [generator(self.name, "rest", size).permutation(ROWS)[None, :size] for size in sizes]
        return found + [(rows.astype(np.int32), 0) for rows in rest if dtype == "float64"]

    def slots(self, dtype: str) -> dict[str, Array]:
        """Random slots by canonical name; those that hold squares are positive."""
        made = {}
        for name in self.case.parameters:
            for slot, held in self.optimizer.slots_of(name, self.case.params[name].shape).items():
                rng = generator(self.name, name, slot)
                # m² ≤ v, as in any state that updates lead to.
                squares = slot in ("v", "row", "column") or slot.startswith("accumulator") or slot.endswith("_square")
                value = rng.uniform(1, 2, held.shape) if squares else rng.uniform(-0.1, 0.1, held.shape)
                made[slot_name(name, slot)] = rounded(value + (held.start or 0.0), dtype)
        if self.optimizer.shared_slots():
            # A scale that soon becomes too large, where the dtype has an end.
            shared = {"loss_scale": 2.0 ** (6 if dtype == "float16" else 124), "finite_updates": 1.0}
            made |= {slot_name("", slot): np.array(x, at_least_float32(dtype)) for slot, x in shared.items()}
        return made


def _targets(loss: Loss, sizes: tuple[int, ...], rng: np.random.Generator, dtype: str) -> Array:
    """Targets for outputs of these sizes."""
    if loss.targets == "labels":
        made: Array = rng.integers(0, sizes[-1], sizes[:-1], dtype=np.int32)
    elif loss.bounds == (0.0, 1.0):
        made = rounded(rng.integers(0, 2, sizes) / 1.0, dtype)
    else:
        # At least 1.2 from zero: Huber's cases with outputs in (-1, 1) stay on one side of its delta.
        values = 2.5 * signed(rng, known(loss.target_shape(sizes)))
        made = rounded(np.abs(values) if loss.bounds[0] == 0 else values, dtype)
    ignored = getattr(loss, "ignore_label", None)
    if ignored is not None:
        made.flat[::4] = ignored
    return made


def _small(*features: int, rate: float = 0.3) -> Model:
    layers: list[Any] = []
    for size in features[:-1]:
        layers += [Dense(size, use_bias=False), BatchNorm(momentum=0.9), "gelu", Dropout(rate)]
    return Sequential([*layers, Dense(features[-1])], input=[7])


def recurrent() -> Model:
    """Four steps of an Elman network, unrolled: its two layers are shared in time."""
    steps = [symbol([3], f"x{t}") for t in range(4)]
    inward, onward = Dense(5), Dense(5, use_bias=False)
    state = Tanh()(inward(steps[0]))
    for step in steps[1:]:
        state = Tanh()(inward(step) + onward(state))
    return Model(inputs=steps, outputs=Dense(3)(state))


def branches() -> Model:
    """Two inputs through one shared encoder with statistics and masks, and a gate of one of them."""
    left, right = symbol([5], "left"), symbol([5], "right")
    encoder = Sequential(
        [Dense(6, use_bias=False), BatchNorm(momentum=0.8), "silu", Dropout(0.25)], input=[5], name="encoder"
    )
    gate = Dense(6, "sigmoid")(left)
    return Model(inputs=[left, right], outputs=Dense(2)(gate * encoder(left) - encoder(right)))


CASES = [
    TrainingCase(
        "classification with everything on",
        _small(9, 6, 4),
        SoftmaxCrossEntropy(label_smoothing=0.1),
        AdamW(WarmupCosine(0.01, 6, 80, start=0.002, end=0.0005), weight_decay=0.05, decay="kernels"),
        clip=Clip(global_norm=0.5),
        metrics=(Accuracy(), TopKAccuracy(k=2)),
    ),
    TrainingCase(
        "weighted labels",
        _small(8, 3, rate=0.5),
        BinaryCrossEntropy(reduction="weighted_mean", ignore_label=-1),
        RMSProp(CosineRestarts(0.01, 9, end=0.002), momentum=0.7, weight_decay=0.01),
        clip=Clip(value=0.2),
        metrics=(BinaryAccuracy(), FBeta(0.5), AUC(num_thresholds=9), R2(), PearsonCorrelation()),
        weights=True,
    ),
    TrainingCase(
        "residual regression",
        residual(),
        MeanSquaredError(),
        Momentum(Warmup(CosineRestarts(0.02, 11, end=0.003), 3), 0.8),
        clip=Clip(norm=0.4),
        metrics=(MAE(), RMSE()),
        weights=True,
    ),
    TrainingCase(
        "plateau, layer norm, no clipping",
        Sequential([Dense(6), LayerNorm(), "silu", Dropout(0.2), Dense(3, "tanh")], input=[7]),
        Huber(0.15, reduction="sum"),
        AdamW(ReduceOnPlateau(WarmupCosine(0.005, 2, 60), minimum=0.001), weight_decay=0.01),
        metrics=(RMSE(),),
        scale=0.4,
    ),
    TrainingCase(
        "penalties and constraints",
        Sequential([Dense(6, "tanh"), BatchNorm(), Dense(5, "sigmoid"), Dense(3)], input=[7]),
        MeanSquaredError(reduction="weighted_mean"),
        AdamW(WarmupCosine(0.02, 4, 70, end=0.002), weight_decay=0.01),
        clip=Clip(global_norm=1.0),
        penalties=(
            Penalty(l1=0.01, l2=0.02),
            Penalty(l2=0.3, parameters=("dense.*/bias$", "batch_norm/")),
            Penalty(orthogonal=0.5, parameters="_dense/kernel"),
            Penalty(orthogonal=0.2, vectors="columns", parameters="dense_2/kernel"),
            Penalty(l1=0.03, l2=0.1, node="penalties_and_constraints_dense_1"),
        ),
        constraints=(
            Constraint(0.9, 0.4, parameters="dense_1/kernel"),
            Constraint(max_norm=0.5, axes=-1, rate=0.3, epsilon=1e-3, parameters="dense_2/kernel"),
            Constraint(min_norm=0.7, max_norm=0.7, parameters="_dense/kernel"),
            Constraint(non_negative=True, parameters="batch_norm/scale"),
            Constraint(max_norm=0.4, axes=(), parameters="_dense/kernel"),
        ),
        weights=True,
        updates=25,
    ),
    TrainingCase(
        "a divergence beside a sum, and sizes at their kink",
        Sequential([Dense(8), GaussianSample(), Dense(3, "tanh")], input=[7]),
        Huber(0.15, reduction="sum"),
        Momentum(0.002, 0.8),
        penalties=(
            Penalty(kl=0.7, node="a_divergence_beside_a_sum_and_sizes_at_their_kink_dense"),
            Penalty(l1=0.4, parameters="bias"),
        ),
        updates=8,
        zeros="dense_1/bias",
    ),
    TrainingCase(
        "convolutional network",
        cnn(),
        SoftmaxCrossEntropy(label_smoothing=0.05),
        AdamW(WarmupCosine(0.01, 5, 70, end=0.001), weight_decay=0.02, decay="kernels"),
        clip=Clip(global_norm=1.0),
        metrics=(Accuracy(),),
        weights=True,
    ),
    TrainingCase(
        "recurrent network",
        sequence(),
        SoftmaxCrossEntropy(),
        Adam(WarmupCosine(0.02, 4, 70, end=0.002), b1=0.8),
        clip=Clip(global_norm=0.5),
        metrics=(Accuracy(),),
    ),
    TrainingCase(
        "recurrent network, unrolled in time",
        recurrent(),
        SoftmaxCrossEntropy(),
        Nesterov(WarmupCosine(0.05, 5, 70, end=0.001), 0.7, weight_decay=0.01),
        clip=Clip(global_norm=1.0),
        metrics=(Accuracy(),),
    ),
    TrainingCase(
        "transformer network",
        transformer(),
        SoftmaxCrossEntropy(),
        AdamW(WarmupCosine(0.01, 6, 70, end=0.001), weight_decay=0.03, decay="kernels"),
        clip=Clip(global_norm=1.0),
        metrics=(Accuracy(), ConfusionMatrix()),
    ),
    TrainingCase(
        "an optimizer for each part",
        Sequential([Dense(6), LayerNorm(), "silu", Dense(5, "tanh"), Dense(3)], input=[7]),
        MeanSquaredError(),
        Lookahead(
            MultiOptimizer(
                AdamW(WarmupCosine(0.01, 6, 80, end=0.001), weight_decay=0.05, decay="kernels"),
                (
                    ("(^|_)dense/", Adafactor(0.02)),
                    ("norm", NovoGrad(0.01, weight_decay=0.02)),
                    ("dense_1/kernel", FTRL(0.1, l2=0.1)),
                    ("dense_1/bias", NoisySGD(0.05)),
                ),
            ),
            period=3,
        ),
        # by value: Adafactor starts with squares of gradients alone, which double the roundings of a norm
        clip=Clip(value=0.5),
    ),
    TrainingCase(
        "PolyakSGD-steps as long as the loss is large",
        Sequential([Dense(5, "tanh"), Dense(3)], input=[7]),
        MeanSquaredError(),
        PolyakSGD(CosineRestarts(0.7, 9, end=0.1), 4.0, 0.1, 1e-3, True, weight_decay=0.01, decay="kernels"),
        clip=Clip(norm=0.7),
        weights=True,
    ),
    TrainingCase(
        "gradients of three batches",
        Sequential([Dense(5, "tanh"), Dense(3)], input=[7]),
        MeanSquaredError(),
        GradientAccumulation(Momentum(WarmupCosine(0.05, 2, 12, end=0.001), weight_decay=0.05, decay="kernels"), 3),
    ),
    TrainingCase(
        "LossScale-overflows on the way",
        _small(5, 3, rate=0.2),
        MeanSquaredError(),
        LossScale(Momentum(WarmupCosine(0.05, 3, 40, end=0.001), weight_decay=0.05, decay="kernels"), 512.0, 2),
        clip=Clip(value=0.3),
    ),
    TrainingCase(
        "SAM-gradients nearby",
        _small(6, 3),
        MeanSquaredError(),
        SAM(Momentum(WarmupCosine(0.05, 3, 40, end=0.001), weight_decay=0.05, decay="kernels"), 0.3),
        clip=Clip(global_norm=0.6),
        metrics=(MAE(),),
        updates=20,
    ),
    TrainingCase(
        "SAM-gradients nearby, by the size of weights",
        Sequential([Dense(5, "tanh"), Dense(3)], input=[7]),
        SoftmaxCrossEntropy(),
        LossScale(Lookahead(SAM(Adam(0.02), 0.5, True, 0.1), 4), 64.0, 5),
        weights=True,
        updates=12,
    ),
    TrainingCase(
        "MaskedLM-sequences of ids",
        Sequential([Embedding(9, 4), Dense(5, "tanh"), Dropout(0.2), Dense(9)], input=Input((6,), "int32")),
        SoftmaxCrossEntropy(ignore_label=-1),
        Momentum(0.05),
        # The names of a case's inputs begin with its own.
        mixing=MaskedLM(TokenMasking(9, 8, 0.4, 0.5, 0.3, (0,)), "MaskedLM_sequences_of_ids_input"),
        metrics=(Accuracy(),),
        weights=True,
        updates=8,
    ),
    TrainingCase(
        "MixUp-two branches of a shared encoder",
        branches(),
        Huber(0.5),
        Adam(CosineRestarts(0.01, 9, end=0.002), b1=0.8),
        mixing=MixUp(0.6),
        metrics=(MAE(),),
        weights=True,
        updates=8,
    ),
    TrainingCase(
        "CutMix-convolutional network",
        cnn(),
        SoftmaxCrossEntropy(label_smoothing=0.05),
        Momentum(0.02),
        mixing=CutMix(2.0),
        metrics=(Accuracy(),),
        weights=True,
        updates=8,
    ),
    TrainingCase(
        "CutMix-sequences",
        Sequential([Dense(4, "tanh"), "Flatten", Dropout(0.2), Dense(3)], input=[6, 2]),
        SoftmaxCrossEntropy(),
        Momentum(0.02),
        mixing=CutMix(),
        updates=8,
    ),
    TrainingCase(
        "two branches of a shared encoder",
        branches(),
        MeanSquaredError(),
        Adam(CosineRestarts(0.01, 9, end=0.002), epsilon_mode="hat"),
        metrics=(MAE(),),
        weights=True,
    ),
    TrainingCase(
        "Losses-three outputs of one trunk",
        heads(),
        Losses(
            {
                "digit": SoftmaxCrossEntropy(label_smoothing=0.1),
                "parity": BinaryCrossEntropy(reduction="weighted_mean", ignore_label=-1),
                "size": Huber(0.5, reduction="sum"),
                "unused": None,
            },
            weights={"parity": 0.3, "size": 0.05},
        ),
        AdamW(WarmupCosine(0.01, 6, 80, end=0.001), weight_decay=0.05, decay="kernels"),
        clip=Clip(global_norm=0.5),
        penalties=(Penalty(l2=0.01), Penalty(l2=0.02, node="digit")),
        metrics={"digit": (Accuracy(), ConfusionMatrix()), "parity": (BinaryAccuracy(),), "size": (MAE(), RMSE())},
        weights=("parity", "size"),
        updates=15,
    ),
    TrainingCase(
        "two losses of one output beside another",
        two_tasks(),
        Losses(
            {"mask": [BinaryCrossEntropy(ignore_label=1), Dice(), MeanSquaredError()], "area": MeanSquaredError()},
            weights={"mask": (1.0, 0.5, 0.0), "area": 2.0},
        ),
        PolyakSGD(CosineRestarts(0.5, 9, end=0.1), 4.0, 0.1),
        metrics={"mask": (BinaryAccuracy(),)},
        weights=True,
        updates=12,
    ),
]
