"""``nnspec diff``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nnspec.cli.options import AsJson, BackendName, print_json
from nnspec.cli.port import Custom, Inputs, Weights, checked_dtype, custom_objects, doing, read_examples

if TYPE_CHECKING:
    from nnspec.porting.diff import Difference

# So many nodes are listed, and names of those without a counterpart.
_LISTED = 12


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A model, as for nnspec port.", show_default=False)],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one, of any kind.", show_default=False)],
    custom: Custom = None,
    weights: Weights = None,
    inputs: Inputs = None,
    backend: BackendName = None,
    dtype: Annotated[str, typer.Option(metavar="D", help="The arithmetic.")] = "float64",
    every: Annotated[bool, typer.Option("--all", help="List every node.")] = False,
    json: AsJson = False,
) -> None:
    """Compare two models node by node, whatever each of them comes from.

    Both are read into the spec and run on equal inputs. Nodes stand for each other by name, class and shapes, or else
    by their place among nodes of equal class and shapes. The exit status is 1 if outputs differ by more than rounding.

    Example: nnspec diff model.keras exported_model
    """
    from pathlib import Path

    from nnspec.cli.cache import keep_programs
    from nnspec.porting.diff import diff as run
    from nnspec.porting.formats import Reading
    from nnspec.porting.registry import read

    given = None if inputs is None else read_examples(inputs)
    keep_programs()
    chosen = checked_dtype(dtype, "--dtype")
    how = Reading(given, custom_objects(custom or ()), None if weights is None else Path(weights))
    with doing(json) as progress:
        ports = []
        for source in (a, b):
            progress(f"reading {source}")
            ports.append(read(source, how))
        found = run(*ports, inputs=given, backend=backend, dtype=chosen, progress=progress)  # type: ignore[arg-type]
    if json:
        print_json(found.to_json())
    else:
        _print(found, every)
    if not found.equal:
        raise typer.Exit(1)


def _print(found: Difference, every: bool) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    shown = [p for p in found.pairs if every or p.parts or p.options or any(p.variables.values())]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("", "node", "class", "differs by", "variables", "options"):
        table.add_column(column, justify="right" if column == "differs by" else "left", overflow="fold")
    for pair in shown if every else shown[:_LISTED]:
        name = pair.a if pair.a == pair.b else f"{pair.a} → {pair.b}"
        apart = "shape" if pair.difference is None else f"{pair.difference:.1e}" if pair.difference else "0"
        variables = ", ".join(f"{held} {size:.1e}" for held, size in pair.variables.items() if size)
        options = ", ".join(f"{held} {one} → {other}" for held, (one, other) in pair.options.items())
        sign = "[bold red]✕[/]" if pair.parts else "[green]✓[/]"
        table.add_row(sign, escape(name), pair.what, apart, escape(variables), escape(options))
    if shown:
        console.print(table)
    if not every and len(shown) > _LISTED:
        console.print(f"and {len(shown) - _LISTED} more (--all lists every node)")
    for which, paths in (("first", found.only_a), ("second", found.only_b)):
        if paths:
            more = f" and {len(paths) - _LISTED} more" if len(paths) > _LISTED else ""
            listed = ", ".join(paths[:_LISTED]) + more
            console.print(f"in the {which} alone: {escape(listed)}", soft_wrap=True)
    for note in found.notes:
        console.print(f"[yellow]note[/] {escape(note)}", soft_wrap=True)
    sign = "[bold green]✓[/]" if found.equal else "[bold red]✕[/]"
    console.print(f"{sign} {escape(found.message())}", soft_wrap=True)
