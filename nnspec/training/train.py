"""``nnspec.train``: from a model and data to a run, in one call."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnspec import backends
from nnspec.backends import Backend
from nnspec.errors import NNSpecError
from nnspec.experiment import Data, Experiment, Training, load_experiment
from nnspec.model import Model
from nnspec.training import data as datasets
from nnspec.training.progress import Progress, choose
from nnspec.training.run import Run
from nnspec.training.trainer import Trainer


def train(
    model: Model | Experiment | str | Path,
    data: Any = None,
    *,
    loss: Any = None,
    optimizer: Any = "Adam",
    metrics: Sequence[Any] | Mapping[str, Any] = (),
    clip: Any = None,
    penalties: Any = (),
    constraints: Any = (),
    mixing: Any = None,
    backend: str | Backend | None = None,
    epochs: int = 10,
    batch_size: int = 32,
    seed: int = 0,
    dtype: backends.FloatType = "float32",
    validation: Any = None,
    validation_split: float = 0.0,
    standardize: bool = False,
    early_stopping: Any = None,
    monitor: str = "val_loss",
    shuffle: bool = True,
    drop_remainder: bool = False,
    device: str | None = None,
    out: str | Path | None = None,
    progress: bool | Progress = True,
) -> Run:
    """Train a model and return the run.

    Args:
        model: a model; or an experiment, or the path of its spec file, which brings all of the arguments from ``loss``
            to ``drop_remainder`` itself.
        data: arrays ``(x, y)`` or ``(x, y, weights)``, a mapping of input names with "targets" and "weights", a
            ``Data`` spec, or the name of a scikit-learn set.
        loss, optimizer, metrics, clip, penalties, constraints, mixing: specs or their short forms (``"Huber"``,
            ``{"AdamW": {...}}``). A model of several outputs has ``Losses({"digit": ..., "parity": ...},
            weights={"parity": 0.3})``, metrics by output, ``{"digit": ["accuracy"]}``, and y by output in ``data``.
        backend: "jax", "tensorflow" or another registered one; may be left out where one is installed.
        epochs, batch_size, seed, dtype: how long, how large, from which random bits, in which arithmetic.
        validation: validation arrays ``(x, y)``; or ``validation_split``, the share of the data to keep for it.
        standardize: whether inputs are scaled to mean 0 and standard deviation 1 of the training rows.
        early_stopping: ``{"patience": 5}`` or an ``EarlyStopping``.
        monitor: what decides which epoch was best.
        shuffle: a new order of the rows in every epoch.
        drop_remainder: leave out the rows that do not fill the last batch of an epoch.
        device: "cpu:0", "gpu:0", …
        out: a new directory for the run; without it nothing is written.
        progress: a bar or lines on standard error; ``False`` for silence.

    Raises:
        NNSpecError: a spec, data or files that cannot be used.
        Diverged: the loss became NaN or infinite; with ``out`` the run directory holds the best epoch so far.
    """
    if isinstance(model, Experiment | str | Path):
        base = Path.cwd() if isinstance(model, Experiment) else Path(model).parent
        experiment = model if isinstance(model, Experiment) else load_experiment(model)
        source = experiment.data if data is None else data
    else:
        if loss is None:
            raise NNSpecError("train() needs a loss, such as loss='SoftmaxCrossEntropy'")
        source, base = data, Path.cwd()
        if isinstance(data, str):
            source = Data(sklearn=data, standardize=standardize, validation_split=validation_split)
        experiment = Experiment(
            model=model,
            loss=loss,
            optimizer=optimizer,
            metrics=metrics,
            clip=clip,
            penalties=penalties,
            constraints=constraints,
            mixing=mixing,
            data=source if isinstance(source, Data) else None,
            training=Training(
                epochs=epochs,
                batch_size=batch_size,
                seed=seed,
                dtype=dtype,
                early_stopping=early_stopping,
                monitor=monitor,
                shuffle=shuffle,
                drop_remainder=drop_remainder,
            ),
        )
    if source is None:
        raise NNSpecError("there is no data: give arrays, or name them in the spec (data: {sklearn: digits})")
    settings = experiment.training
    if isinstance(source, Data):
        # A run is read again from elsewhere: it names its files by absolute paths.
        source = source.located(base)
        experiment = dataclasses.replace(experiment, data=source)
        dataset = datasets.load(
            source,
            model=experiment.model,
            loss=experiment.loss,
            seed=settings.seed,
            dtype=settings.dtype,
            base_dir=base,
        )
    else:
        dataset = datasets.from_arrays(
            source,
            model=experiment.model,
            loss=experiment.loss,
            seed=settings.seed,
            dtype=settings.dtype,
            validation=validation,
            validation_split=validation_split,
            standardize=standardize,
        )
    chosen = backends.backend(backend) if backend is None or isinstance(backend, str) else backend
    return Trainer(experiment, dataset, chosen, device=device, out=out, progress=choose(progress)).run()
