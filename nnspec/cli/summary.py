"""``nnspec summary``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nnspec.cli.options import AsJson, Overrides, SpecFile, print_json

if TYPE_CHECKING:
    from nnspec.summary import Row, Summary


def summary(
    spec: SpecFile,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Batch size of the memory. [default: training.batch_size]")
    ] = None,
    set_: Overrides = None,
    json: AsJson = False,
) -> None:
    """Layers, output shapes, parameters, FLOPs and memory of a spec file, without any framework.

    FLOPs are those of a forward pass per example: a multiplication and an addition are two. Memory is what training
    needs at the batch size: parameters, gradients, optimizer slots, statistics, and the outputs of all layers. Below
    stands what could be better, such as a bias that a batch norm takes away.

    The file may hold a model alone.

    Examples:

        nnspec summary examples/handbook_mlp.yaml

        nnspec summary examples/handbook_mlp.yaml --batch-size 4096 --set training.dtype=bfloat16
    """
    from nnspec.experiment import load_model
    from nnspec.summary import summarize

    model, experiment = load_model(spec, set_ or [])
    found = summarize(model, experiment, batch_size)
    if json:
        print_json(found.to_json())
    else:
        _print(found)


def _print(found: Summary) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from nnspec.layers.base import show

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 160
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_footer=True)
    flops = "?" if found.flops is None else f"{found.flops:,}"
    table.add_column("node", "total", overflow="fold")
    table.add_column("layer", overflow="fold")
    table.add_column("output", overflow="fold")
    for title, total in (
        ("parameters", f"{found.parameters:,}"),
        ("statistics", f"{found.statistics:,}"),
        ("FLOPs", flops),
    ):
        table.add_column(title, total, justify="right", no_wrap=True)
    for name, shape in found.inputs.items():
        table.add_row(name, "input", show(shape), "", "", "")
    for row in found.rows:
        table.add_row(*_cells(row))
    console.print(table)
    parts = ", ".join(f"{name} {_bytes(size)}" for name, size in found.memory.items() if size)
    total = _bytes(sum(found.memory.values()))
    console.print(f"memory in training ({found.dtype}, batches of {found.batch_size}): {total}: {parts}")
    for line in found.advice:
        console.print(f"advice: {line}")


def _cells(row: Row) -> tuple[str, ...]:
    from nnspec.layers.base import show

    parameters = f"as {row.shares}" if row.shares else f"{row.parameters:,}" if row.parameters else ""
    statistics = f"{row.statistics:,}" if row.statistics else ""
    flops = "?" if row.flops is None else f"{row.flops:,}" if row.flops else ""
    return row.path, row.layer, show(row.output), parameters, statistics, flops


def _bytes(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
