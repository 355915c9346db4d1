"""Predictions for files of rows."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnspec.backends import Array
from nnspec.errors import FileError
from nnspec.files import write_atomically
from nnspec.training.data import read_inputs
from nnspec.training.run import load


@dataclass(frozen=True)
class Predictions:
    """Outputs of a net for rows of a file; for classifiers the classes too, and probabilities where there are any."""

    outputs: Array
    classes: tuple[Any, ...] | None = None
    probabilities: Array | None = None

    @property
    def labels(self) -> list[Any] | None:
        """The class of each row's largest output, in the data's own words."""
        return None if self.classes is None else [self.classes[i] for i in self.outputs.argmax(-1).reshape(-1)]

    def lines(self) -> list[str]:
        labels = self.labels
        if labels is None:
            return [" ".join(f"{value:.6g}" for value in np.ravel(row)) for row in self.outputs]
        if self.probabilities is None:
            return [str(label) for label in labels]
        return [f"{label} {p.max():.4f}" for label, p in zip(labels, self.probabilities, strict=True)]

    def to_json(self) -> dict[str, Any]:
        made: dict[str, Any] = {"outputs": self.outputs.tolist()}
        if self.classes is not None:
            made["labels"] = self.labels
        if self.probabilities is not None:
            made["probabilities"] = self.probabilities.tolist()
        return made

    def write(self, path: Path) -> None:
        """Write the predictions, whole or not at all, in the form that the suffix names."""
        match path.suffix:
            case ".json":
                write_atomically(path, json.dumps(self.to_json()) + "\n")
            case ".csv":
                write_atomically(path, self._csv())
            case ".npy" | ".npz":
                buffer = io.BytesIO()
                if path.suffix == ".npy":
                    np.save(buffer, self.outputs, allow_pickle=False)
                else:
                    np.savez(buffer, outputs=self.outputs)
                write_atomically(path, buffer.getvalue())
            case _:
                raise FileError(f"cannot write {path}: choose a name that ends in .npy, .npz, .csv or .json")

    def _csv(self) -> str:
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        flat = self.outputs.reshape(len(self.outputs), -1)
        labels = self.labels
        writer.writerow([*(["label"] if labels else []), *(f"output_{i}" for i in range(flat.shape[1]))])
        for i, row in enumerate(flat):
            writer.writerow([*([labels[i]] if labels else []), *(repr(float(v)) for v in row)])
        return buffer.getvalue()


def predict_file(
    directory: str | Path,
    path: str | Path,
    *,
    backend: str | None = None,
    which: str = "best",
    batch_size: int = 256,
) -> Predictions:
    """The outputs of a run's net for the rows of a ``.npy``, ``.npz`` or ``.csv`` file.

    Raises:
        FileError, DataError, ShapeError: the run or the file cannot be used; the message names the column or the shape.
    """
    run = load(directory, backend=backend, which=which)
    inputs = read_inputs(Path(path), run.experiment.model, run.preparation.feature_names)
    outputs = run.predict(inputs, batch_size=batch_size).astype(np.float64)
    loss, classes = run.experiment.loss, run.preparation.classes
    if classes is None or loss.targets != "labels":
        return Predictions(outputs)
    if not loss.links():  # scores, which are no probabilities
        return Predictions(outputs, classes)
    if getattr(loss, "from_probabilities", False):
        return Predictions(outputs, classes, outputs)
    exponentials = np.exp(outputs - outputs.max(-1, keepdims=True))
    return Predictions(outputs, classes, exponentials / exponentials.sum(-1, keepdims=True))
