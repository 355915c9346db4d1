"""The report as one HTML page that needs no network and runs nothing but its own script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nnspec import page
from nnspec.files import write_atomically
from nnspec.porting.report.facts import Report
from nnspec.porting.verification import Figure, Kind, Pass, Verification

_KINDS: tuple[tuple[Kind, str], ...] = (
    ("node", "Nodes"),
    ("statistic", "Statistics"),
    ("gradient", "Gradients"),
    ("update", "Parameters and slots after a few updates"),
)
_TITLES = {
    "import": "Import: the original and the spec",
    "export": "Export: what was written and the spec",
    "optimizer import": "Import: the original's optimizer and the spec's",
    "optimizer export": "Export: the optimizer that was written and the spec's",
}
_SIGNS = {"passed": "✓", "failed": "✕", "rounding": "~", "missing": "·"}
# Classes of the look's colors, from far below the limit to right at it.
_SHADES = (1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.2, 0.4, 0.6, 0.8)


def write(report: Report, path: Path) -> None:
    """Write the page, whole or not at all.

    Raises:
        FileError: what is in the way.
    """
    write_atomically(path, render(report).encode("utf-8", errors="replace"))


def render(report: Report) -> str:
    """The page. Whatever stands in names and messages is shown as text."""
    templates = page.environment("nnspec.porting.report")
    style = page.look() + page.source(templates, "port.css")
    script = page.source(templates, "port.js")
    return templates.get_template("port.html.j2").render(
        report=report,
        style=style,
        script=script,
        policy=page.policy(style, script),
        checks=[
            (_TITLES[name], check, [_table(check, *kind) for kind in _KINDS]) for name, check in report.checks.items()
        ],
        size=_size(report.bytes),
    )


def _table(check: Verification, kind: Kind, title: str) -> dict[str, Any]:
    """All that was compared of one kind: a row for each, a cell for each pass."""
    passes = [each for each in check.passes if each.of(kind)]
    names = list(dict.fromkeys(figure.name for each in passes for figure in each.of(kind)))
    found = [{figure.name: figure for figure in each.of(kind)} for each in passes]
    first = check.diverging
    rows = []
    for name in names:
        figures = [held.get(name) for held in found]
        known = next(figure for figure in figures if figure is not None)
        rows.append(
            {
                "name": name,
                "what": known.what,
                "origin": known.origin,
                "shape": " × ".join(map(str, known.shape)),
                "first": first is not None and first[1].name == name and first[1].kind == kind,
                "bad": any(figure is not None and figure.status == "failed" for figure in figures),
                "cells": [_cell(figure) for figure in figures],
            }
        )
    return {"kind": kind, "title": title, "passes": [_head(each) for each in passes], "rows": rows}


def _head(each: Pass) -> dict[str, str]:
    return {"dtype": each.dtype, "mode": "training" if each.training else "inference"}


def _cell(figure: Figure | None) -> dict[str, Any]:
    if figure is None:
        return {"text": "", "status": "none", "title": "", "shade": ""}
    if figure.status == "missing":
        return {"text": _SIGNS["missing"], "status": "missing", "title": "not shown", "shade": ""}
    shade = sum(figure.nearness > bound for bound in _SHADES)
    title = f"error {figure.error:.3g}, limit {figure.limit:.3g}, scale {figure.scale:.3g}, {figure.ulp:.3g} ULP"
    if figure.where:
        title += f"; {figure.where}"
    text = "0" if not figure.error else f"{figure.relative:.1e}"
    sign = "" if figure.status == "passed" else f" {_SIGNS[figure.status]}"
    return {"text": text + sign, "status": figure.status, "title": title, "shade": f"b{shade}"}


def _size(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
