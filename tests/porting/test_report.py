"""Reports of ports: as JSON, as a page, and on a terminal."""

from __future__ import annotations

import html
import json
import re
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from nnspec.errors import FileError
from nnspec.porting.report import write_reports
from nnspec.porting.report.facts import Report
from nnspec.porting.report.html import render
from nnspec.porting.report.terminal import show
from nnspec.porting.verification import Figure, Pass, Verification

NASTY = "</script><b>&'\"[bold]x"


def figures(failed: bool) -> tuple[Figure, ...]:
    return (
        Figure("node", "block/conv", "Conv", NASTY, (2, 3), "passed", 1e-14, 1e-11, 1.0, 45.0),
        Figure("node", "block/norm", "BatchNorm", "norm", (2, 3), "missing"),
        Figure(
            "node",
            "block/gelu",
            "gelu",
            "act (GELU)",
            (2, 3),
            *(("failed", 3e-4, 1e-11, 2.0, 6e11, "element [0, 1] is 1 instead of 1.0003") if failed else ("passed",)),
        ),
        Figure("node", "out", "Dense", "", (2, 1), "failed" if failed else "passed", float("inf") if failed else 0.0),
        Figure("gradient", "block/conv/kernel", "Conv", NASTY, (3,), "rounding", 1e-20, 1e-22, 1e-20),
    )


def report(failed: bool = False) -> Report:
    sources = {"block/norm": ("block/conv",), "block/gelu": ("block/norm",), "out": ("block/gelu",)}
    check = Verification(
        "Keras 3 on TensorFlow",
        "nnspec on jax",
        (Pass("float64", False, figures(failed)), Pass("float32", True, figures(False))),
        {"x": ((2, 3), "float32")},
        sources,
        ("gradients of x were not compared",),
        1.5,
    )
    return Report(
        "model.keras",
        "flax",
        "out",
        "2026-01-01T00:00:00+00:00",
        12.5,
        {"import": check},
        None if failed else (),
        7,
        123456,
        ("a note",),
    )


def test_verdicts() -> None:
    good, bad = report(), report(True)
    assert good.passed and good.verdict.startswith("verified: what was read agrees")
    assert not bad.passed
    assert "the first node that diverges is block/gelu (act (GELU)): error 0.00015 of its scale" in bad.verdict
    assert "not compared right before it: block/norm" in bad.verdict


def test_json(tmp_path: Path) -> None:
    write_reports(report(True), [tmp_path / "r.json"])
    read = json.loads((tmp_path / "r.json").read_text())
    assert read["nnspec_port"] == 1 and read["bits"] is None
    check = read["checks"]["import"]
    assert check["first"]["name"] == "block/gelu" and check["first"]["suspects"] == ["block/norm"]
    assert check["missing"] == ["block/norm"] and check["rounding"] == ["block/conv/kernel"]
    assert [f["name"] for f in check["passes"][0]["figures"]][:2] == ["block/conv", "block/norm"]
    assert check["passes"][0]["figures"][3]["error"] == "inf"


@pytest.mark.parametrize("failed", [False, True])
def test_page(failed: bool) -> None:
    page = render(report(failed))
    assert NASTY not in page and html.escape(NASTY, quote=False).partition("&#39;")[0][:20] in page
    assert ("✕" in page.partition("</header>")[0]) == failed
    rows = re.findall(r'<tr data-name="([^"]*)"( data-bad)?( class="first")?>', page)
    assert len(rows) == 5
    firsts = [name for name, _, first in rows if first]
    assert len(firsts) == failed and all(name.startswith("block/gelu") for name in firsts)
    assert "http" not in page.replace("http-equiv", ""), "nothing is loaded from elsewhere"


@pytest.mark.parametrize("failed", [False, True])
def test_terminal(failed: bool) -> None:
    out = StringIO()
    show(report(failed), Console(file=out, width=140, color_system=None))
    text = out.getvalue()
    assert "float64, inference" in text and "not shown by it: block/norm" in text
    assert "rounding alone, not held to a bound: block/conv/kernel" in text
    assert ("✕ what was read" in text) == failed and ("2 of 3 ✕" in text) == failed
    assert failed or "[bold]x" in text, "names are no markup"


def test_names(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"choose a name that ends in \.json or \.html"):
        write_reports(report(), [tmp_path / "report.md"])
