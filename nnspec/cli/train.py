"""``nnspec train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nnspec.cli.options import AsJson, BackendName, Device, DType, Overrides, Seed, SpecFile, overrides, print_json


def train(
    spec: SpecFile,
    backend: BackendName = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The run directory, new. [default: runs/SPEC-BACKEND-TIME]")
    ] = None,
    seed: Seed = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="Overrides training.epochs.")] = None,
    dtype: DType = None,
    device: Device = None,
    set_: Overrides = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    json: AsJson = False,
) -> None:
    """Train the network of a spec file on its data.

    Leaves a run directory with the spec as it was run, metrics.jsonl (an object per epoch), checkpoints,
    environment.json and a plot of the history. Ctrl-C ends the run early and leaves all of that too.

    Examples:

        nnspec train examples/handbook_mlp.yaml --backend jax

        nnspec train examples/handbook_mlp.yaml --epochs 5 --set optimizer.AdamW.weight_decay=0.01
    """
    from nnspec.backends import backend as find_backend
    from nnspec.cli.cache import keep_programs
    from nnspec.cli.memory import keep_memory
    from nnspec.experiment import load_experiment
    from nnspec.training import data as datasets
    from nnspec.training.progress import choose
    from nnspec.training.trainer import Trainer

    experiment = load_experiment(spec, overrides(set_, seed=seed, dtype=dtype, epochs=epochs))
    keep_programs()
    keep_memory(experiment.model)
    chosen = find_backend(backend)
    settings = experiment.training
    dataset = datasets.load(
        experiment.data,
        model=experiment.model,
        loss=experiment.loss,
        seed=settings.seed,
        dtype=settings.dtype,
        base_dir=spec.parent,
    )
    place = out or _default_directory(spec, chosen.name)
    run = Trainer(experiment, dataset, chosen, device=device, out=place, progress=choose(not quiet and not json)).run()
    if json:
        print_json({"run": str(place), "stopped": run.stopped, "best": run.best if run.history else None})
    elif run.history:
        shown = "  ".join(
            f"{name} {value:.4f}" for name, value in run.best.items() if "loss" in name or name.startswith("val_")
        )
        after = "" if run.stopped == "finished" else f" ({run.stopped} after epoch {int(run.history[-1]['epoch'])})"
        typer.echo(f"best epoch {int(run.best['epoch'])}{after}: {shown}")
        typer.echo(f"run directory: {place}")
    if run.stopped == "interrupted":
        typer.echo(f"interrupted; {place} holds what was reached", err=True)
        raise typer.Exit(130)


def _default_directory(spec: Path, backend: str) -> Path:
    """A name that says what it is and is free."""
    from datetime import datetime

    base = f"{spec.stem}-{backend}-{datetime.now():%Y%m%d-%H%M%S}"
    place, n = Path("runs") / base, 1
    while place.exists():
        n += 1
        place = Path("runs") / f"{base}-{n}"
    return place
