"""``nnspec predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nnspec.cli.options import BackendName, RunDirectory, print_json


def predict(
    run: RunDirectory,
    inputs: Annotated[Path, typer.Argument(metavar="INPUT", help=".npy, .npz or .csv with rows to predict.")],
    backend: BackendName = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write .npy, .npz, .csv or .json instead of printing.")
    ] = None,
    checkpoint: Annotated[str, typer.Option(metavar="NAME", help="best or last.")] = "best",
    batch_size: Annotated[int, typer.Option(metavar="N", min=1, help="Rows per compiled call.")] = 256,
    json: Annotated[bool, typer.Option("--json", help="Print JSON with outputs and, for classes, labels.")] = False,
) -> None:
    """The outputs of a trained run for new rows, standardized as in training.

    A CSV needs the columns that the run was trained on, by name; others are passed over. For classifiers the printed
    lines hold the predicted class and, where the loss knows any, its probability. Of several outputs each line, or row
    of a CSV, holds all under their names.

    Example: nnspec predict runs/mine new_rows.csv --out predictions.csv
    """
    from nnspec.cli.cache import keep_programs
    from nnspec.training.predict import predict_file

    keep_programs()
    predictions = predict_file(run, inputs, backend=backend, which=checkpoint, batch_size=batch_size)
    if out is not None:
        predictions.write(out)
        typer.echo(f"{len(predictions)} rows written to {out}")
    elif json:
        print_json(predictions.to_json())
    else:
        for text in predictions.lines():
            typer.echo(text)
