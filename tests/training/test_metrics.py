"""Metrics beside a loss that ignores some targets, against scikit-learn on those that are left."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics as oracle

import nnspec as nn

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


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("label", [-1, 2, 255])
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


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("kind", [nn.BinaryCrossEntropy, nn.BinaryFocalCrossEntropy])
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
