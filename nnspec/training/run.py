"""A run: what training leaves, in memory and in its directory.

::

    spec.yaml         the experiment as it was run
    metrics.jsonl     an object per epoch
    checkpoints/      best.safetensors (the best epoch's variables), last.safetensors (with the optimizer's state)
    data.json         what was learned from the data: classes, feature names, standardization
    environment.json  versions, devices, seed, commit
    history.png       curves of the history, where matplotlib is installed
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nnspec import backends, variables as variable_files
from nnspec.backends import Array, Net
from nnspec.errors import FileError, NNSpecError
from nnspec.experiment import Experiment, load_experiment
from nnspec.files import write_atomically
from nnspec.training.data import Classes, Dataset, Standardization, standardize

# So many curves stand beside each other.
_ACROSS = 5
SPEC, METRICS, DATA, ENVIRONMENT = "spec.yaml", "metrics.jsonl", "data.json", "environment.json"


@dataclass(frozen=True)
class Preparation:
    """What was learned from the training data and is applied to every later input."""

    classes: Classes = None
    feature_names: tuple[str, ...] | None = None
    standardization: dict[str, Standardization] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Dataset) -> Preparation:
        return cls(data.classes, data.feature_names, data.standardization)

    def dumps(self) -> str:
        written = {
            "format": 1,
            "classes": self.classes,
            "feature_names": None if self.feature_names is None else list(self.feature_names),
            "standardization": {
                name: {"mean": s.mean.tolist(), "scale": s.scale.tolist()} for name, s in self.standardization.items()
            },
        }
        return json.dumps(written, indent=1) + "\n"

    @classmethod
    def loads(cls, text: str) -> Preparation:
        read = json.loads(text)
        return cls(
            _classes(read["classes"]),
            None if read["feature_names"] is None else tuple(read["feature_names"]),
            {
                name: Standardization(np.array(s["mean"]), np.array(s["scale"]))
                for name, s in read["standardization"].items()
            },
        )


def _classes(read: Any) -> Classes:
    """Classes as they were before they went through JSON, which has lists in the place of tuples."""
    if isinstance(read, dict):
        return {output: tuple(classes) for output, classes in read.items()}
    return None if read is None else tuple(read)


@dataclass
class Run:
    """A finished (or interrupted) training run.

    Attributes:
        experiment: the experiment with the model's input shapes filled in.
        net: the trained net on its backend; after early stopping with ``restore_best``, and when a run is loaded, with
            the best epoch's variables.
        history: a record per epoch, as in ``metrics.jsonl``.
        preparation: what was learned from the data.
        best_epoch: the epoch whose variables ``checkpoints/best.safetensors`` holds (from 1).
        directory: the run directory, if there is one.
        stopped: why training ended: "finished", "early stopping", "interrupted" or "diverged".
    """

    experiment: Experiment
    net: Net
    history: list[dict[str, float]]
    preparation: Preparation
    best_epoch: int | None = None
    directory: Path | None = None
    stopped: str = "finished"

    @property
    def best(self) -> dict[str, float]:
        """The best epoch's record (the last one's where nothing was monitored)."""
        if not self.history:
            raise NNSpecError("the run has no finished epoch")
        return self.history[-1 if self.best_epoch is None else self.best_epoch - 1]

    def predict(self, inputs: Array | Mapping[str, Array], *, batch_size: int = 256) -> Any:
        """The model's outputs in inference mode, for raw inputs as the training data had them.

        Args:
            inputs: (n, ...) or, for several inputs, a mapping by name; standardized here as in training.

        Returns:
            An array (n, ...); of a model with several outputs a dict of them by name.
        """
        given = inputs if isinstance(inputs, Mapping) else {next(iter(self.experiment.model.inputs)): inputs}
        prepared = {
            name: standardize(np.asarray(value), self.preparation.standardization[name])
            if name in self.preparation.standardization
            else np.asarray(value)
            for name, value in given.items()
        }
        found = predict(self.net, prepared, batch_size=batch_size)
        return found if len(found) > 1 else next(iter(found.values()))


def predict(net: Net, inputs: Mapping[str, Array], *, batch_size: int = 256) -> dict[str, Array]:
    """The outputs of a net for inputs of any length, in batches of one shape (the last one is padded)."""
    sizes = {name: len(value) for name, value in inputs.items()}
    if len(set(sizes.values())) != 1:
        raise NNSpecError(f"inputs have different lengths: {sizes}")
    count = next(iter(sizes.values()))
    if count == 0:
        raise NNSpecError("there is nothing to predict: the inputs are empty")
    batch_size = min(batch_size, count)
    parts: dict[str, list[Array]] = {name: [] for name in net.model.outputs}
    for start in range(0, count, batch_size):
        batch = {name: value[start : start + batch_size] for name, value in inputs.items()}
        missing = batch_size - min(batch_size, count - start)
        if missing:
            # Repeating a row keeps the shape, hence the compiled program; rows do not interact in inference.
            batch = {name: np.concatenate([v, np.repeat(v[-1:], missing, axis=0)]) for name, v in batch.items()}
        for name, output in net.forward(batch).items():
            parts[name].append(output[: batch_size - missing])
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def load(directory: str | Path, *, backend: str | None = None, which: str = "best") -> Run:
    """Open a run directory.

    Args:
        directory: a directory that ``nnspec train`` or ``nnspec.train(out=...)`` made.
        backend: the backend to build the net on; by default the one the run was made with, if it is installed,
            else the only installed one.
        which: "best" or "last".

    Raises:
        FileError: not a run directory, or a file of it is missing or damaged.
    """
    place = Path(directory)
    if not (place / SPEC).is_file():
        raise FileError(f"{place} is not a run directory: it holds no {SPEC}")
    experiment = load_experiment(place / SPEC)
    checkpoint = place / "checkpoints" / f"{which}.safetensors"
    if not checkpoint.is_file():
        raise FileError(f"{place} holds no checkpoint yet: {checkpoint.relative_to(place)} is missing")
    try:
        made_with = json.loads((place / ENVIRONMENT).read_text())["backend"]
        preparation = Preparation.loads((place / DATA).read_text())
        history = [json.loads(text) for text in (place / METRICS).read_text().splitlines()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileError(f"{place}: the run directory is damaged: {error}") from None
    if backend is None and made_with in backends.installed():
        backend = made_with
    chosen = backends.backend(backend)
    variables, metadata = variable_files.load(checkpoint)
    kept = {name: value for name, value in variables.items() if not name.startswith("optimizer/")}
    net = chosen.build(experiment.model, kept, dtype=experiment.training.dtype)
    epoch = metadata.get("epoch")
    best = int(epoch) if which == "best" and epoch is not None else None
    return Run(experiment, net, history, preparation, best, place)


def write_checkpoint(path: Path, variables: Mapping[str, Array], epoch: int) -> None:
    """A checkpoint file, whole or not at all."""
    variable_files.save(path, variables, {"epoch": str(epoch)})


def write_history(path: Path, history: list[dict[str, float]]) -> None:
    """``metrics.jsonl`` of all epochs so far."""
    write_atomically(path, "".join(json.dumps(record) + "\n" for record in history))


def plot(history: list[dict[str, float]], path: Path) -> bool:
    """``history.png``: the curves of loss, metrics and learning rate. False where matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        return False
    skipped = ("epoch", "step", "seconds", "compile_seconds", "examples_per_second")
    names = [n for n in history[0] if n not in skipped and not n.startswith("val_")]
    across = min(len(names), _ACROSS)
    down = -(-len(names) // across)
    figure = Figure(figsize=(4.2 * across, 3.4 * down), layout="constrained")
    FigureCanvasAgg(figure)
    epochs = [record["epoch"] for record in history]
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for axis in axes[len(names) :]:
        axis.remove()
    for axis, name in zip(axes, names, strict=False):
        paired = f"val_{name}" in history[0]
        marker = "o" if len(history) < 3 else ""
        axis.plot(epochs, [r[name] for r in history], label="training" if paired else None, marker=marker)
        if paired:
            axis.plot(epochs, [r[f"val_{name}"] for r in history], label="validation", marker=marker)
            axis.legend(frameon=False)
        axis.set(title=name.replace("_", " "), xlabel="epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.3)
    from io import BytesIO

    image = BytesIO()
    figure.savefig(image, dpi=120, format="png")
    write_atomically(path, image.getvalue())
    return True
