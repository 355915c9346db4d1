"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

SpecFile = Annotated[Path, typer.Argument(metavar="SPEC", help="The spec file (YAML or JSON).", show_default=False)]
RunDirectory = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.", show_default=False)]
Device = Annotated[str | None, typer.Option(metavar="D", help="cpu:0, gpu:0, … (see: nnspec backends --devices).")]
Seed = Annotated[int | None, typer.Option(metavar="N", help="Overrides training.seed: all random bits follow from it.")]
DType = Annotated[
    str | None, typer.Option(metavar="D", help="Overrides training.dtype: float64, float32, bfloat16 or float16.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Overrides any field, e.g. optimizer.AdamW.b1=0.95. Repeatable."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
BackendName = Annotated[
    str | None,
    typer.Option(
        "--backend",
        "-b",
        metavar="NAME",
        envvar="NNSPEC_BACKEND",
        help="jax, tensorflow, or another one (see: nnspec backends). Not needed where only one is installed.",
    ),
]


def overrides(
    given: list[str] | None, *, seed: int | None = None, dtype: str | None = None, epochs: int | None = None
) -> list[str]:
    """All overrides of a command line as path=value; the named options come last and win."""
    named = {"training.seed": seed, "training.dtype": dtype, "training.epochs": epochs}
    return [*(given or []), *(f"{path}={value}" for path, value in named.items() if value is not None)]


def print_json(value: Any) -> None:
    """JSON on standard output; NaN and infinities as null, since JSON has none."""
    import json
    import math

    def clean(part: Any) -> Any:
        if isinstance(part, dict):
            return {k: clean(v) for k, v in part.items()}
        if isinstance(part, list | tuple):
            return [clean(v) for v in part]
        return None if isinstance(part, float) and not math.isfinite(part) else part

    typer.echo(json.dumps(clean(value), indent=2))
