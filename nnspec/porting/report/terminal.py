"""The report on a terminal: a line for each pass, the nodes nearest to their limits, and what went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnspec.porting.optimizer import UPDATES
from nnspec.porting.report.facts import Report
from nnspec.porting.verification import Figure, Kind, Pass, Verification

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# So many nodes are shown of each check: all that fail first.
_SHOWN = 12
_SIGNS = {"passed": "[green]✓[/]", "failed": "[bold red]✕[/]", "rounding": "[yellow]~[/]", "missing": "[dim]·[/]"}


def show(report: Report, console: Console, *, every: bool = False) -> None:
    """Print the report.

    Args:
        every: list every node instead of those that are nearest to their limits.
    """
    from rich.markup import escape

    for name, check in report.checks.items():
        console.print(f"[bold]{name}[/]  {escape(check.subject)}  [dim]beside[/]  {escape(check.net)}", soft_wrap=True)
        if any(each.of("update") for each in check.passes):
            console.print(f"  {check.counted('update')} parameters and slots after {UPDATES} updates", highlight=False)
        else:
            console.print(_passes(check))
        console.print(_figures(check, every))
        if check.missing:
            console.print(f"  not shown by it: {escape(_listed(check.missing))}", soft_wrap=True)
        if check.rounding:
            console.print(f"  rounding alone, not held to a bound: {escape(_listed(check.rounding))}", soft_wrap=True)
        for note in check.notes:
            console.print(f"  {escape(note)}", soft_wrap=True)
        console.print()
    for note in report.notes:
        console.print(f"[yellow]note[/] {escape(note)}", soft_wrap=True)
    sign = "[bold green]✓[/]" if report.passed else "[bold red]✕[/]"
    console.print(f"{sign} {escape(report.verdict)}", soft_wrap=True)


def _passes(check: Verification) -> Table:
    table = _table("", "nodes", "", "statistics", "", "gradients", "")
    for each in check.passes:
        cells: list[str] = []
        kinds: tuple[Kind, ...] = ("node", "statistic", "gradient")
        for kind in kinds:
            cells += _cells(each, kind)
        table.add_row(each.name, *cells)
    return table


def _cells(each: Pass, kind: Kind) -> tuple[str, str]:
    """How many were compared, and how far the worst is off."""
    compared = [figure for figure in each.of(kind) if figure.status != "missing"]
    if not compared:
        return "[dim]-[/]", ""
    failed = sum(figure.status == "failed" for figure in compared)
    held = [figure for figure in compared if figure.status != "rounding"]
    worst = max((figure.relative for figure in held), default=0.0)
    count = f"{len(compared)}" if not failed else f"[bold red]{failed} of {len(compared)} ✕[/]"
    return count, f"{worst:.1e}"


def _figures(check: Verification, every: bool) -> Table:
    from rich.markup import escape

    chosen: list[tuple[Pass, Figure]] = []
    for each in check.passes:
        chosen += [(each, figure) for figure in each.figures if every or figure.status in ("passed", "failed")]
    if not every:
        failing = [held for held in chosen if held[1].status == "failed"]
        nearest = sorted((h for h in chosen if h[1].status == "passed"), key=lambda held: -held[1].nearness)
        chosen = failing[:_SHOWN] or nearest[:3]
    table = _table("", "node", "error", "limit", "ulp", "in", "")
    for each, figure in chosen:
        what = f"gradient of {figure.name}" if figure.kind == "gradient" else figure.name
        called = f"{escape(what)}  [dim]{escape(figure.origin or figure.what)}[/]"
        numbers = (f"{figure.error:.2e}", f"{figure.limit:.2e}", f"{figure.ulp:.3g}")
        shown = numbers if figure.status != "missing" else ("", "", "")
        table.add_row(_SIGNS[figure.status], called, *shown, each.name, escape(figure.where))
    return table


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for i, column in enumerate(columns):
        numbers = column in ("error", "limit", "ulp", "nodes", "statistics", "gradients")
        table.add_column(column, justify="right" if numbers else "left", overflow="fold", no_wrap=i == 0)
    return table


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
