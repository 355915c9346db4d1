"""Predictions for files, of losses of classes: names for all of them, probabilities where there are any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris

import nnspec as nn
from nnspec.experiment import Data
from nnspec.training.predict import Predictions, predict_file

NAMES = ("setosa", "versicolor", "virginica")


def predictions(backend_name: str, tmp_path: Path, loss: Any, last: Any = None) -> tuple[Predictions, Any]:
    """Predictions for the irises, and the outputs of the same run."""
    model = nn.Sequential([nn.Dense(3, last)])
    data = Data(sklearn="iris", standardize=True, one_hot=loss.targets == "values")
    run = nn.train(model, data, loss=loss, backend=backend_name, epochs=1, progress=False, out=tmp_path / "run")
    x, _ = load_iris(return_X_y=True)
    np.save(tmp_path / "x.npy", x)
    return predict_file(tmp_path / "run", tmp_path / "x.npy", backend=backend_name), run.predict(x)


def test_scores_name_classes_without_probabilities(backend_name: str, tmp_path: Path) -> None:
    found, outputs = predictions(backend_name, tmp_path, nn.CategoricalHinge())
    assert found.labels == [NAMES[i] for i in outputs.argmax(-1)] and len(set(found.labels)) > 1
    assert found.probabilities is None and found.lines() == found.labels
    assert "probabilities" not in found.to_json() and found.to_json()["labels"] == found.labels
    found.write(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines()[1].startswith(found.labels[0] + ",")


@pytest.mark.parametrize("loss", [nn.NegativeLogLikelihood(), nn.SoftmaxCrossEntropy()])
def test_probabilities_of_logits_and_of_log_probabilities(backend_name: str, tmp_path: Path, loss: Any) -> None:
    last = "log_softmax" if isinstance(loss, nn.NegativeLogLikelihood) else None
    found, outputs = predictions(backend_name, tmp_path, loss, last)
    expected = np.exp(outputs.astype(np.float64))
    np.testing.assert_allclose(found.probabilities, expected / expected.sum(-1, keepdims=True), rtol=1e-5)
    assert found.labels == [NAMES[i] for i in outputs.argmax(-1)]


def test_numbers_have_no_classes(backend_name: str, tmp_path: Path) -> None:
    found, outputs = predictions(backend_name, tmp_path, nn.CosineDistance())
    assert found.labels is None and found.classes is None
    np.testing.assert_allclose(found.outputs, outputs, rtol=1e-5)
