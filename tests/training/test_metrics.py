"""Metrics in training, against scikit-learn: over batches, beside a loss that ignores some targets, as monitors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as oracle

import nnspec as nn
from nnspec.cli.main import run as command
from nnspec.errors import SpecError
from nnspec.experiment import Experiment, load_experiment
from nnspec.training.evaluate import evaluate_run

RNG = np.random.default_rng(3)
X = RNG.normal(size=(26, 5, 4))
IDS = np.where(RNG.random((26, 5)) < 0.3, -1, RNG.integers(0, 6, (26, 5)))
ELEMENTS = np.where(RNG.random((26, 5, 6)) < 0.3, -1, RNG.integers(0, 2, (26, 5, 6)))
WEIGHTS = RNG.uniform(0.5, 2, 26)


def train(backend_name: str, targets: Any, weights: Any, **options: Any) -> tuple[dict[str, Any], Any]:
    """The record of an epoch in which nothing moves, and the outputs that it saw."""
    given = (X, targets) if weights is None else (X, targets, weights)
    run = nn.train(
        nn.Sequential([nn.Dense(6)], [5, 4]),
        given,
        validation=given,
        optimizer=nn.SGD(0.0),
        backend=backend_name,
        epochs=1,
        batch_size=8,
        progress=False,
        **options,
    )
    return run.history[0], run.predict(X)


def spread(weights: Any, like: Any) -> Any:
    w = np.ones(26) if weights is None else weights
    return np.broadcast_to(w.reshape(-1, *[1] * (like.ndim - 1)), like.shape)


@pytest.mark.parametrize("weights", [pytest.param(None, marks=pytest.mark.slow), WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("label", [-1, 2, pytest.param(255, marks=pytest.mark.slow)])
def test_ignored_labels_are_neither_right_nor_wrong(backend_name: str, label: int, weights: Any) -> None:
    ids = np.where(IDS == -1, label, IDS)
    loss = nn.SoftmaxCrossEntropy(ignore_label=label)
    record, outputs = train(backend_name, ids, weights, loss=loss, metrics=["accuracy", nn.TopKAccuracy(3)])
    kept = ids != label
    y, x, w = ids[kept], outputs[kept], spread(weights, ids)[kept]
    accuracy = oracle.accuracy_score(y, x.argmax(-1), sample_weight=w)
    top = oracle.top_k_accuracy_score(y, x, k=3, labels=range(6), sample_weight=w)
    for split in ("", "val_"):
        assert record[f"{split}accuracy"] == pytest.approx(accuracy, rel=1e-6)
        assert record[f"{split}top_k_accuracy"] == pytest.approx(top, rel=1e-6)


@pytest.mark.parametrize("weights", [pytest.param(None, marks=pytest.mark.slow), WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    "kind", [nn.BinaryCrossEntropy, pytest.param(nn.BinaryFocalCrossEntropy, marks=pytest.mark.slow)]
)
def test_ignored_elements_have_no_error(backend_name: str, kind: Any, weights: Any) -> None:
    loss = kind(ignore_label=-1)
    record, outputs = train(backend_name, ELEMENTS / 1.0, weights, loss=loss, metrics=["binary_accuracy", "mae"])
    kept = ELEMENTS != -1
    y, x, w = ELEMENTS[kept], outputs[kept], spread(weights, ELEMENTS)[kept]
    for split in ("", "val_"):
        right = oracle.accuracy_score(y, x > 0, sample_weight=w)
        assert record[f"{split}binary_accuracy"] == pytest.approx(right, rel=1e-6)
        assert record[f"{split}mae"] == pytest.approx(oracle.mean_absolute_error(y, x, sample_weight=w), rel=1e-5)


def test_distributions_have_no_label_to_ignore(backend_name: str) -> None:
    soft = RNG.dirichlet(np.ones(6), (26, 5))
    loss = nn.SoftmaxCrossEntropy(ignore_label=0)
    record, outputs = train(backend_name, soft, None, loss=loss, metrics=["accuracy"])
    expected = (soft.argmax(-1) == outputs.argmax(-1)).mean()
    assert record["accuracy"] == pytest.approx(expected, rel=1e-6)


def test_metrics_of_an_epoch_are_those_of_all_its_rows(backend_name: str) -> None:
    """Batches, of which the last is smaller, are added on the device and between its calls."""
    ids = np.where(IDS == 3, 4, IDS)  # a class that is no target, and one that is ignored
    metrics = [
        *(nn.Precision(), nn.Recall(average="weighted"), nn.FBeta(class_id=1, beta=2.0), nn.Specificity()),
        *(nn.BalancedAccuracy(), nn.MeanIoU(), nn.MatthewsCorrelation(), nn.CohenKappa(weights="quadratic")),
        *(nn.Perplexity(), nn.ConfusionMatrix()),
    ]
    loss = nn.SoftmaxCrossEntropy(ignore_label=-1)
    record, outputs = train(backend_name, ids, WEIGHTS, loss=loss, metrics=metrics)
    kept = ids != -1
    y, x, w = ids[kept], outputs[kept], spread(WEIGHTS, ids)[kept]
    given = {"y_true": y, "y_pred": x.argmax(-1), "sample_weight": w}
    p = np.exp(x - x.max(-1, keepdims=True))
    entropy = oracle.log_loss(y, p / p.sum(-1, keepdims=True), sample_weight=w, labels=range(6))
    expected = {
        "precision": oracle.precision_score(average="macro", zero_division=0, **given),
        "recall": oracle.recall_score(average="weighted", zero_division=0, **given),
        "fbeta": oracle.fbeta_score(average=None, beta=2.0, labels=range(6), zero_division=0, **given)[1],
        "mean_iou": oracle.jaccard_score(average="macro", **given),
        "matthews_correlation": oracle.matthews_corrcoef(**given),
        "cohen_kappa": oracle.cohen_kappa_score(y, x.argmax(-1), weights="quadratic", sample_weight=w),
        "perplexity": np.exp(entropy),
    }
    for split in ("", "val_"):
        for name, value in expected.items():
            assert record[f"{split}{name}"] == pytest.approx(value, rel=1e-5), name
        assert f"{split}specificity" in record and f"{split}balanced_accuracy" in record
        assert f"{split}confusion_matrix" not in record  # no number


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_variances_about_a_large_mean(backend_name: str, dtype: Any) -> None:
    rng = np.random.default_rng(6)
    wanted = rng.integers(-50, 50, (203, 2)) / 1.0
    outputs = wanted + rng.integers(-20, 20, (203, 2))
    far = 2.0**20
    run = nn.train(
        nn.Sequential([nn.Dense(2)], [2]),
        (outputs + far, wanted + far),
        validation=(outputs + far, wanted + far),
        loss="MeanSquaredError",
        metrics=["r2", nn.ExplainedVariance("variance_weighted"), "pearson_correlation"],
        optimizer=nn.SGD(0.0),
        backend=backend_name,
        dtype=dtype,
        epochs=1,
        batch_size=16,
        progress=False,
    )
    engine = nn.backend(backend_name).engine(
        run.net, loss=run.experiment.loss, optimizer=run.experiment.optimizer, metrics=run.experiment.metrics
    )
    run.net.assign({"dense/kernel": np.eye(2), "dense/bias": np.zeros(2)})
    engine.load("validation", {"input": outputs + far, "targets": wanted + far})
    sums = engine.evaluate("validation", 16)
    found = {m: spec.result(*sums[m]) for m, spec in zip(list(sums)[1:], run.experiment.metrics, strict=True)}
    rel = 1e-12 if dtype == "float64" else 1e-6
    assert found["r2"] == pytest.approx(oracle.r2_score(wanted, outputs), rel=rel)
    explained = oracle.explained_variance_score(wanted, outputs, multioutput="variance_weighted")
    assert found["explained_variance"] == pytest.approx(explained, rel=rel)
    correlation = np.mean([np.corrcoef(wanted[:, k], outputs[:, k])[0, 1] for k in range(2)])
    assert found["pearson_correlation"] == pytest.approx(correlation, rel=rel)


def test_counts_are_exact_beyond_what_float32_tells_apart(backend_name: str) -> None:
    weights = np.ones(101)
    weights[0] = 2.0**24
    ids = np.arange(101, dtype=np.int32) % 2
    net = nn.backend(backend_name).build(nn.Sequential([nn.Dense(2)], [1]), seed=1)
    metrics = [nn.ConfusionMatrix(), nn.Recall()]
    engine = nn.backend(backend_name).engine(net, loss=nn.SoftmaxCrossEntropy(), optimizer=nn.SGD(0.0), metrics=metrics)
    net.assign({"dense/kernel": np.zeros((1, 2)), "dense/bias": np.zeros(2)})
    engine.load("train", {"input": np.ones((101, 1)), "targets": ids, "weights": weights})
    engine.train(np.arange(100, dtype=np.int32)[:, None], 0, 100)
    for sums, last in ((engine.totals(), 0), (engine.evaluate("train", 1), 1)):
        np.testing.assert_array_equal(sums["confusion_matrix"][0], [[2.0**24 + 49 + last, 0], [50, 0]])
        np.testing.assert_array_equal(sums["recall"][3], [2.0**24 + 99 + last] * 2)


def test_metrics_are_monitored_in_their_direction(backend_name: str) -> None:
    given = (X, np.where(IDS == -1, 0, IDS))
    options: dict[str, Any] = {"validation": given, "backend": backend_name, "epochs": 4, "progress": False}
    for name in ("fbeta", "perplexity"):
        run = nn.train(
            nn.Sequential([nn.Dense(6)], [5, 4]),
            given,
            loss="SoftmaxCrossEntropy",
            metrics=[name],
            monitor=f"val_{name}",
            early_stopping={"patience": 3, "monitor": f"val_{name}"},
            **options,
        )
        values = [record[f"val_{name}"] for record in run.history]
        best = max(values) if name == "fbeta" else min(values)
        assert run.best[f"val_{name}"] == best


def test_matrices_are_no_monitors_and_shown_by_evaluate(
    backend_name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = """
nnspec: 1
model: {layers: [{Dense: 3}]}
loss: SoftmaxCrossEntropy
metrics: [accuracy, confusion_matrix]
data: {sklearn: iris, standardize: true, validation_split: 0.3}
training: {epochs: 2}
"""
    (tmp_path / "spec.yaml").write_text(source)
    run = nn.train(tmp_path / "spec.yaml", backend=backend_name, out=tmp_path / "run", progress=False)
    assert "val_confusion_matrix" not in run.history[-1]
    found = evaluate_run(tmp_path / "run", backend=backend_name)
    matrix = np.array(found["confusion_matrix"])
    assert matrix.shape == (3, 3) and matrix.sum() == 45
    assert matrix.trace() / 45 == pytest.approx(found["accuracy"])
    assert command(["evaluate", str(tmp_path / "run"), "--backend", backend_name]) == 0
    rows = capsys.readouterr().out.splitlines()[-3:]
    assert [[float(number) for number in row.split()] for row in rows] == matrix.tolist()
    with pytest.raises(SpecError, match=r"nothing is called 'confusion_matrix' .*known: loss, val_loss, accuracy"):
        load_experiment(tmp_path / "spec.yaml", ["training.monitor=confusion_matrix"])


@pytest.mark.parametrize(
    ("metric", "loss", "features", "message"),
    [
        ("precision", "BinaryCrossEntropy", 1, "precision compares classes, but there is one output: set its"),
        ("auc", "SoftmaxCrossEntropy", 3, "auc compares values, but the targets are class ids: set data.one_hot"),
        ({"recall": {"class_id": 3}}, "SoftmaxCrossEntropy", 3, r"recall: class_id 3 is not one of 3 classes"),
        ("mean_iou", {"BinaryCrossEntropy": {"ignore_label": -1}}, 3, "of its elements: set its threshold"),
        ("cosine_similarity", {"BinaryCrossEntropy": {"ignore_label": -1}}, 3, "takes a position as a whole"),
    ],
)
def test_metrics_that_do_not_fit(metric: Any, loss: Any, features: int, message: str) -> None:
    one_hot = loss != "SoftmaxCrossEntropy" and features > 1
    with pytest.raises(SpecError, match=message):
        Experiment(
            nn.Sequential([nn.Dense(features)]),
            loss,
            metrics=[metric],
            data={"sklearn": "iris" if features > 1 else "breast_cancer", "one_hot": one_hot},
        )
