"""``nnspec evaluate``."""

from __future__ import annotations

from typing import Annotated

import typer

from nnspec.cli.options import AsJson, BackendName, RunDirectory, print_json


def evaluate(
    run: RunDirectory,
    backend: BackendName = None,
    split: Annotated[str, typer.Option(metavar="NAME", help="validation or train.")] = "validation",
    checkpoint: Annotated[str, typer.Option(metavar="NAME", help="best or last.")] = "best",
    json: AsJson = False,
) -> None:
    """Loss and metrics of a trained run on its data, on any backend.

    The data are read again from where the spec says, split by the same random bits.

    Example: nnspec evaluate runs/mine --backend tensorflow
    """
    from nnspec.cli.cache import keep_programs
    from nnspec.training.evaluate import evaluate_run

    keep_programs()
    values = evaluate_run(run, backend=backend, split=split, which=checkpoint)
    if json:
        print_json(values)
    else:
        column = max(20, *map(len, values))
        for name, value in values.items():
            if isinstance(value, float):
                typer.echo(f"{name:<{column}} {value:.6g}")
            else:
                # A matrix, a row on each line.
                width = max(len(f"{number:.6g}") for row in value for number in row)
                typer.echo("\n".join([name, *("  " + "  ".join(f"{x:>{width}.6g}" for x in row) for row in value)]))
