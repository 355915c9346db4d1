"""``nnspec compare``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nnspec.cli.options import AsJson, Device, DType, Overrides, Seed, SpecFile, overrides, print_json

if TYPE_CHECKING:
    from nnspec.training.comparison import Comparison


def compare(
    spec: SpecFile,
    backends: Annotated[str, typer.Option(metavar="A,B", help="The two backends.")] = "jax,tensorflow",
    steps: Annotated[int, typer.Option(metavar="N", min=1, help="How many updates to make.")] = 100,
    dtype: DType = None,
    seed: Seed = None,
    device: Device = None,
    set_: Overrides = None,
    json: AsJson = False,
) -> None:
    """Train a spec on two backends side by side and show how far the numbers part.

    Both start from the same bits and see the same batches and masks. Differences are max|a - b| / max|b| per tensor
    (for gradients over at least 1e-3 of the largest gradient of the model). Parameters that have no effect, such as a
    bias in front of a batch norm, are listed apart: their gradient is rounding, and adaptive optimizers make steps of
    it.

    Example: nnspec compare examples/handbook_mlp.yaml --steps 300 --dtype float64
    """
    from nnspec.backends import backend
    from nnspec.cli.cache import keep_programs
    from nnspec.experiment import load_experiment
    from nnspec.training import data as datasets
    from nnspec.training.compare import compare as run_comparison

    experiment = load_experiment(spec, overrides(set_, seed=seed, dtype=dtype))
    keep_programs()
    chosen = [backend(name.strip()) for name in backends.split(",") if name.strip()]
    settings = experiment.training
    dataset = datasets.load(
        experiment.data,
        model=experiment.model,
        loss=experiment.loss,
        seed=settings.seed,
        dtype=settings.dtype,
        base_dir=spec.parent,
    )
    found = run_comparison(experiment, dataset, chosen, steps=steps, dtype=settings.dtype, device=device)
    if json:
        print_json(found.to_json())
    else:
        _print(found)


def _print(found: Comparison) -> None:
    kinds = ("loss", "gradients", "parameters", "statistics", "optimizer")
    columns = ("update", *kinds, "bit-equal")

    def line(*cells: str) -> str:
        return "  ".join(cell.rjust(max(len(column), 7)) for cell, column in zip(cells, columns, strict=True)).rstrip()

    first, second = found.backends
    typer.echo(f"{first} against {second} in {found.dtype}: largest relative differences\n")
    typer.echo(line(*columns))
    for step in found.steps:
        typer.echo(line(str(step.step), *(f"{getattr(step, kind):.1e}" for kind in kinds), f"{step.bit_equal:.1%}"))
    largest = found.max_relative_difference
    typer.echo(line("largest", *(f"{largest[kind]:.1e}" for kind in kinds), "") + "\n")
    for name, equal in found.bit_equal.items():
        typer.echo(f"{name.replace('_', ' ')}: {'equal bit for bit' if equal else 'DIFFERENT'}")
    if found.without_effect:
        typer.echo("without effect, not part of the figures above:")
        for name, what in found.without_effect.items():
            typer.echo(f"  {name}: {what['relative_difference']:.1e}, {what['reason']}")
    node = found.first_difference
    if node is None:
        typer.echo("computed from equal variables, no node differs by more than rounding")
    else:
        typer.echo(f"first node that differs by more than rounding: {node['node']} ({node['relative_difference']:.1e})")
