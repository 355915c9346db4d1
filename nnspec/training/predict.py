"""Predictions for files of rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
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

    def __len__(self) -> int:
        return len(self.outputs)

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

    def rows(self) -> tuple[list[str], list[list[Any]]]:
        """A table: the names of its columns, and its rows."""
        flat = self.outputs.reshape(len(self.outputs), -1)
        labels = self.labels
        columns = [*(["label"] if labels else []), *(f"output_{i}" for i in range(flat.shape[1]))]
        rows = [[*([labels[i]] if labels else []), *(repr(float(v)) for v in row)] for i, row in enumerate(flat)]
        return columns, rows

    def write(self, path: Path) -> None:
        """Write the predictions, whole or not at all, in the form that the suffix names."""
        _write(path, self, {"outputs": self.outputs})


@dataclass(frozen=True)
class PredictionsByOutput:
    """Predictions of each output of a net that has several."""

    outputs: dict[str, Predictions]

    def __len__(self) -> int:
        return len(next(iter(self.outputs.values())))

    def lines(self) -> list[str]:
        parts = [[f"{name} {text}" for text in found.lines()] for name, found in self.outputs.items()]
        return ["  ".join(row) for row in zip(*parts, strict=True)]

    def to_json(self) -> dict[str, Any]:
        return {name: found.to_json() for name, found in self.outputs.items()}

    def rows(self) -> tuple[list[str], list[list[Any]]]:
        """The tables of all outputs side by side, ``digit/label`` and so on."""
        columns: list[str] = []
        parts = []
        for name, found in self.outputs.items():
            own, rows = found.rows()
            columns += [f"{name}/{column}" for column in own]
            parts.append(rows)
        return columns, [[cell for part in row for cell in part] for row in zip(*parts, strict=True)]

    def write(self, path: Path) -> None:
        """Write the predictions, whole or not at all, in the form that the suffix names."""
        _write(path, self, {name: found.outputs for name, found in self.outputs.items()})


def _write(path: Path, predictions: Predictions | PredictionsByOutput, arrays: dict[str, Array]) -> None:
    match path.suffix:
        case ".json":
            write_atomically(path, json.dumps(predictions.to_json()) + "\n")
        case ".csv":
            text = io.StringIO()
            columns, rows = predictions.rows()
            csv.writer(text, lineterminator="\n").writerows([columns, *rows])
            write_atomically(path, text.getvalue())
        case ".npy" if len(arrays) == 1:
            (outputs,) = arrays.values()
            buffer = io.BytesIO()
            np.save(buffer, outputs, allow_pickle=False)
            write_atomically(path, buffer.getvalue())
        case ".npz":
            buffer = io.BytesIO()
            np.savez(buffer, **arrays)  # type: ignore[arg-type]
            write_atomically(path, buffer.getvalue())
        case _:
            one = ".npy, " if len(arrays) == 1 else ""
            raise FileError(f"cannot write {path}: choose a name that ends in {one}.npz, .csv or .json")


def predict_file(
    directory: str | Path,
    path: str | Path,
    *,
    backend: str | None = None,
    which: str = "best",
    batch_size: int = 256,
) -> Predictions | PredictionsByOutput:
    """The outputs of a run's net for the rows of a ``.npy``, ``.npz`` or ``.csv`` file.

    Raises:
        FileError, DataError, ShapeError: the run or the file cannot be used; the message names the column or the shape.
    """
    run = load(directory, backend=backend, which=which)
    inputs = read_inputs(Path(path), run.experiment.model, run.preparation.feature_names)
    outputs, objective = run.predict(inputs, batch_size=batch_size), run.experiment.objective
    classes = run.preparation.classes
    if not isinstance(outputs, dict):
        (name,) = run.experiment.model.outputs
        own = classes.get(name) if isinstance(classes, dict) else classes
        return _predictions(outputs, objective.losses(name), own)
    of = classes if isinstance(classes, dict) else {}
    return PredictionsByOutput(
        {name: _predictions(found, objective.losses(name), of.get(name)) for name, found in outputs.items()}
    )


def _predictions(outputs: Array, losses: Sequence[Any], classes: tuple[Any, ...] | None) -> Predictions:
    """What outputs are in the words of the data, by the first loss that takes classes."""
    outputs = outputs.astype(np.float64)
    loss = next((loss for loss in losses if loss.targets == "labels"), None)
    if classes is None or loss is None:
        return Predictions(outputs)
    if not loss.links():  # scores, which are no probabilities
        return Predictions(outputs, classes)
    if getattr(loss, "from_probabilities", False):
        return Predictions(outputs, classes, outputs)
    exponentials = np.exp(outputs - outputs.max(-1, keepdims=True))
    return Predictions(outputs, classes, exponentials / exponentials.sum(-1, keepdims=True))
