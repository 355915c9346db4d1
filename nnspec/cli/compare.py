"""``nnspec compare``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nnspec.cli.options import AsJson, Device, DType, Overrides, Seed, SpecFile, overrides, print_json


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

    Both start from the same bits and see the same batches and masks. Differences are max|a - b| / max|b| per tensor (for
    gradients over at least 1e-3 of the largest gradient of the model). Parameters that have no effect, such as a bias in
    front of a batch norm, are listed apart: their gradient is rounding, and adaptive optimizers make steps of it.

    Example: nnspec compare examples/handbook_mlp.yaml --steps 300 --dtype float64
    """
    from nnspec.backends import backend
    from nnspec.experiment import load_experiment
    from nnspec.training import data as datasets
    from nnspec.training.compare import compare as run_comparison

    experiment = load_experiment(spec, overrides(set_, seed=seed, dtype=dtype))
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


def _print(found: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    first, second = found.backends
    table = Table(title=f"{first} against {second}, {found.dtype}: largest relative differences")
    kinds = ("loss", "gradients", "parameters", "statistics", "optimizer")
    for column in ("update", *kinds, "bit-equal"):
        table.add_column(column, justify="right")
    for step in found.steps:
        table.add_row(str(step.step), *(f"{getattr(step, kind):.1e}" for kind in kinds), f"{step.bit_equal:.1%}")
    table.add_section()
    largest = found.max_relative_difference
    table.add_row("largest", *(f"{largest[kind]:.1e}" for kind in kinds), "")
    console.print(table)
    for name, equal in found.bit_equal.items():
        console.print(f"{name.replace('_', ' ')}: {'equal bit for bit' if equal else 'DIFFERENT'}")
    if found.without_effect:
        console.print("without effect, not part of the figures above:")
        for name, what in found.without_effect.items():
            console.print(f"  {name}: {what['relative_difference']:.1e}, {what['reason']}", highlight=False)
    node = found.first_difference
    if node is None:
        console.print("computed from equal variables, no node differs by more than rounding")
    else:
        console.print(f"first node that differs by more than rounding: {node['node']} ({node['relative_difference']:.1e})")
