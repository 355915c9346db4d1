"""Loss and metrics of a run on the data it was made with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nnspec.errors import DataError, did_you_mean
from nnspec.training import data as datasets
from nnspec.training.engines import engine_of
from nnspec.training.run import Run, load


def evaluate_run(
    directory: str | Path, *, backend: str | None = None, split: str = "validation", which: str = "best"
) -> dict[str, Any]:
    """``loss``, each loss of an output and each metric of a run directory's net over a split, in inference mode.

    Numbers, and of metrics that are none lists, such as the rows of a confusion matrix.

    Raises:
        DataError: the run was trained on arrays in memory, or has no such split.
        FileError: not a run directory.
    """
    run = load(directory, backend=backend, which=which)
    experiment = run.experiment
    if experiment.data is None:
        raise DataError(
            f"{directory} was trained on arrays in memory, which a run does not keep: compare "
            "nnspec.load(...).predict(x) with the targets, or name the data in the spec"
        )
    settings = experiment.training
    data = datasets.load(
        experiment.data,
        model=experiment.model,
        loss=experiment.loss,
        seed=settings.seed,
        dtype=settings.dtype,
        base_dir=Path.cwd(),
    )
    known = [name for name in data.splits if data.rows(name)]
    if split not in known:
        raise DataError(f"the data has no split {split!r}{did_you_mean(split, known)} (splits: {', '.join(known)})")
    return evaluate(run, data, split)


def evaluate(run: Run, data: datasets.Dataset, split: str = "validation") -> dict[str, Any]:
    """Losses and metrics of a run's net over a split of a prepared dataset: numbers, and lists of numbers."""
    from nnspec.backends import backend

    experiment = run.experiment
    engine = engine_of(experiment, backend(run.net.backend), run.net)
    engine.load(split, data.splits[split])
    totals = engine.evaluate(split, experiment.training.batch_size)
    found = experiment.objective.results(totals, scalar=False)
    return {name: value if isinstance(value, float) else value.tolist() for name, value in found.items()}
