"""Writes the record that later versions must still be able to read: tests/conformance/data/record-<format>.

    python tests/conformance/make_record.py

Made once per version of the format; the record of an older version is never written again.
"""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

from nnspec.initializers import HeNormal
from nnspec.layers.activation import LeakyReLU, Softmax
from nnspec.layers.dropout import Dropout
from nnspec.layers.linear import Dense
from nnspec.layers.normalization import BatchNorm
from nnspec.losses import Huber, SoftmaxCrossEntropy
from nnspec.metrics import TopKAccuracy
from nnspec.model import Sequential
from nnspec.optimizers import SGD, Clip
from nnspec.schedules import ExponentialDecay, WarmupCosine
from nnspec_conformance import record, suite
from nnspec_conformance.case import Case
from nnspec_conformance.initializers import InitializerCase
from nnspec_conformance.losses import LossCase
from nnspec_conformance.metrics import MetricCase
from nnspec_conformance.optimizers import OptimizerCase
from nnspec_conformance.random import WordsCase
from nnspec_conformance.record.format import FORMAT
from nnspec_conformance.run import Bench
from nnspec_conformance.schedules import ScheduleCase
from nnspec_conformance.suite import Item
from nnspec_conformance.training import TrainingCase

DIRECTORY = Path(__file__).parent / f"data/record-{FORMAT}"

# (family, case, checks): a little of everything that a record can hold.
CASES = [
    ("linear", Case(Dense(3, activation="softmax"), (4,)), ("forward", "gradients")),
    ("dropout", Case(Dropout(0.3), (5,)), ("forward", "masks", "state")),
    ("normalization", Case(BatchNorm(momentum=0.9), (3,)), ("forward", "state", "batch of one")),
    ("activation", Case(LeakyReLU(), (3,), slopes=((0.0, 0.01),)), ("kinks",)),
    ("activation", Case(Softmax(), (4,)), ("batches",)),
    ("model", Case(Sequential([Dense(3, "tanh"), Dense(2)], input=[3]), id="two layers"), ("nodes",)),
    ("losses", LossCase(SoftmaxCrossEntropy(), (3,), "ids", weights="example"), ("loss",)),
    ("metrics", MetricCase(TopKAccuracy(k=2), (3,), "ids"), ("metric",)),
    ("schedules", ScheduleCase(WarmupCosine(0.1, 5, 20), (5, 20)), ("schedule",)),
    ("initializers", InitializerCase(HeNormal(), (3, 2)), ("initial",)),
    ("random", WordsCase("some words", 9, start=3), ("words",)),
    (
        "training",
        TrainingCase(
            "small",
            Sequential([Dense(2, "tanh"), Dense(1)], input=[2]),
            Huber(1.0),
            SGD(ExponentialDecay(0.05, 4, 0.5)),
            clip=Clip(global_norm=1.0),
            updates=4,
        ),
        ("training",),
    ),
]
# Two families in another dtype.
FLOAT32 = [
    ("linear", CASES[0][1], ("forward", "gradients")),
    ("optimizers", OptimizerCase(SGD(0.1), clip=Clip(value=0.8), gradients="clipped"), ("optimizer",)),
]


def items(backend: str) -> list[Item]:
    """The tests whose answers are recorded."""
    checks = {check.name: check for check in reversed(suite.CHECKS) if not check.pairs}
    return [
        Item((backend,), dtype, checks[name], family, case)
        for dtype, cases in (("float64", CASES), ("float32", FLOAT32))
        for family, case, names in cases
        for name in names
    ]


def main() -> None:
    # A few updates of an optimizer are enough to be read.
    places = ("nnspec_conformance.optimizers.UPDATES", "nnspec_conformance.checks.optimizer.UPDATES")
    with patch(places[0], 12), patch(places[1], 12):
        for outcome in record.write(DIRECTORY, items("tensorflow"), Bench()):
            print(outcome.id, outcome.status, outcome.message)


if __name__ == "__main__":
    main()
