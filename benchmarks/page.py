"""The report as one HTML file, plots included."""

from __future__ import annotations

import io
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from benchmarks import report
from benchmarks.facts import Facts

OURS, PEER = "#2b6cb0", "#a0aec0"


def render(facts: Facts) -> str:
    """The page.

    Raises:
        ImportError: matplotlib is not installed.
    """
    templates = FileSystemLoader(Path(__file__).parent / "templates")
    environment = Environment(
        loader=templates, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html").render(facts=facts, report=report, plot=plot)


def plot(facts: Facts, workload: str, dtype: str) -> Markup:
    """Bars of the steps per second, with the rounds' extremes, as SVG; nothing where nothing was measured."""
    from matplotlib import rc_context  # needed for nothing else
    from matplotlib.figure import Figure

    results = report.measured(facts, workload, dtype)[::-1]
    if not results:
        return Markup("")
    figure = Figure(figsize=(8, 0.5 + 0.34 * len(results)), layout="constrained")
    axes = figure.subplots()
    rates = [result.rate for result in results]
    spread = [
        [rate - min(result.rates) for rate, result in zip(rates, results, strict=True)],
        [max(result.rates) - rate for rate, result in zip(rates, results, strict=True)],
    ]
    colors = [OURS if report.is_ours(result) else PEER for result in results]
    names = [result.contender for result in results]
    axes.barh(names, rates, xerr=spread, color=colors, error_kw={"ecolor": "#2d3748", "capsize": 2})
    axes.set_xlabel("steps per second")
    axes.spines[["top", "right"]].set_visible(False)
    text = io.StringIO()
    # No date and no random ids: the same facts give the same page.
    with rc_context({"svg.hashsalt": "benchmarks"}):
        figure.savefig(text, format="svg", metadata={"Date": None}, transparent=True)
    return _inline(text.getvalue(), f"{workload}-{dtype}")


def _inline(svg: str, prefix: str) -> Markup:
    """An SVG to stand in a page: no XML head, and ids that no other plot of the page has."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\1{prefix}-", svg)
    return Markup(svg)
