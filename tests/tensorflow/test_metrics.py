"""Metrics against Keras's own, over batches, and in Keras's own loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.metrics import Metric
from nnspec.vocabulary import tag_of

startup = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed")
tf, keras = startup.tf, startup.keras

RNG = np.random.default_rng(9)
P = RNG.dirichlet(np.ones(4), 60).astype(np.float32)
IDS = RNG.integers(0, 4, 60)
ONE_HOT = np.eye(4, dtype=np.float32)[IDS]
LABELS = RNG.integers(0, 2, (60, 4)).astype(np.float32)
VALUES = RNG.normal(size=(60, 4)).astype(np.float32)
WEIGHTS = RNG.uniform(0.5, 2, 60).astype(np.float32)
SPREAD = np.repeat(WEIGHTS[:, None], 4, 1)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("spec", "make", "targets"),
    [
        (nn.AUC(from_probabilities=True), lambda: keras.metrics.AUC(), LABELS),
        (nn.AUC("pr", from_probabilities=True), lambda: keras.metrics.AUC(curve="PR"), LABELS),
        (
            nn.AUC(num_thresholds=7, from_probabilities=True),
            lambda: keras.metrics.AUC(num_thresholds=7),
            LABELS,
        ),
        (nn.FBeta(beta=2.0), lambda: keras.metrics.FBetaScore(average="macro", beta=2.0), ONE_HOT),
        (
            nn.FBeta(0.3, from_probabilities=True, average="micro"),
            lambda: keras.metrics.FBetaScore(average="micro", threshold=0.3),
            LABELS,
        ),
        (nn.MeanIoU(), lambda: keras.metrics.OneHotMeanIoU(4, dtype="float32"), ONE_HOT),
        (
            nn.Precision(0.5, from_probabilities=True, average="micro"),
            lambda: keras.metrics.Precision(),
            LABELS,
        ),
        (nn.Recall(0.2, from_probabilities=True, average="micro"), lambda: keras.metrics.Recall(0.2), LABELS),
        (nn.R2(), lambda: keras.metrics.R2Score(), VALUES),
        (
            nn.R2("variance_weighted"),
            lambda: keras.metrics.R2Score(class_aggregation="variance_weighted_average"),
            VALUES,
        ),
        (nn.CosineSimilarity(1e-7), lambda: keras.metrics.CosineSimilarity(), VALUES),
        (nn.MAPE(), lambda: keras.metrics.MeanAbsolutePercentageError(), VALUES),
        (nn.MSLE(), lambda: keras.metrics.MeanSquaredLogarithmicError(), VALUES),
    ],
    ids=lambda value: repr(value) if isinstance(value, Metric) else "",
)
def test_keras_metrics_say_the_same(spec: Any, make: Any, targets: Any, weighted: bool) -> None:
    ours, theirs = nn.backend("tensorflow").realize(spec), make()
    elements = isinstance(theirs, keras.metrics.AUC | keras.metrics.Precision | keras.metrics.Recall)
    for rows in (slice(0, 25), slice(25, 60)):
        weights = WEIGHTS[rows] if weighted else None
        theirs.update_state(targets[rows], P[rows], SPREAD[rows] if weighted and elements else weights)
        ours.update_state(targets[rows], P[rows], weights)
    assert float(ours.result()) == pytest.approx(float(theirs.result()), rel=2e-5)


def test_sums_of_all_metrics_in_keras_own_loop() -> None:
    backend = nn.backend("tensorflow")
    specs = [
        *(nn.Precision(), nn.FBeta(average="weighted"), nn.Specificity(class_id=1), nn.BalancedAccuracy()),
        *(nn.MeanIoU(), nn.MatthewsCorrelation(), nn.CohenKappa(weights="linear"), nn.Perplexity()),
    ]
    net = backend.build(nn.Sequential([nn.Dense(4)], [4]), seed=2)
    net.native.compile(
        loss=backend.realize(nn.SoftmaxCrossEntropy()), metrics=[backend.realize(spec) for spec in specs]
    )
    found = net.native.evaluate(VALUES, IDS, batch_size=25, verbose=0, return_dict=True)
    engine = backend.engine(net, loss=nn.SoftmaxCrossEntropy(), optimizer=nn.SGD(), metrics=specs)
    engine.load("validation", {"input": VALUES, "targets": IDS})
    sums = engine.evaluate("validation", 25)
    for spec, (tag, own) in zip(specs, list(sums.items())[1:], strict=True):
        assert found[tag] == pytest.approx(spec.result(*own), rel=1e-5), tag
    regression = backend.build(nn.Sequential([nn.Dense(4)], [4]), seed=2)
    others = [nn.R2(), nn.PearsonCorrelation(), nn.AUC()]
    regression.native.compile(loss=backend.realize(nn.MeanSquaredError()), metrics=[backend.realize(s) for s in others])
    found = regression.native.evaluate(P, LABELS, batch_size=25, verbose=0, return_dict=True)
    outputs = regression.forward({"input": P})["dense"]
    for spec in others:
        whole = spec.result(*backend.metric(spec, outputs, LABELS, dtype="float32"))
        assert found[tag_of(type(spec))] == pytest.approx(whole, rel=1e-4)
