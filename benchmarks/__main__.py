"""The command: measure, and report as a table, JSON, Markdown or HTML."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import document, facts as kept, limits, page, report, rounds
from benchmarks.contenders import CONTENDERS
from benchmarks.facts import Facts
from benchmarks.workloads import WORKLOADS

DTYPES = {"float32": None, "bfloat16": None}
DEVICES = {"cpu": None, "gpu": None}

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    workload: Annotated[str, typer.Option(help="Comma list of workloads; all by default.")] = "",
    contender: Annotated[str, typer.Option(help="Comma list of contenders; all by default.")] = "",
    number: Annotated[int, typer.Option("--rounds", min=1, help="How often all contenders take turns.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.01, help="About how long each works in a round.")] = 2.0,
    dtype: Annotated[str, typer.Option(help="Comma list of float32 and bfloat16.")] = "float32",
    device: Annotated[str, typer.Option(help="cpu or gpu; by default gpu where there is one.")] = "",
    json: Annotated[Path | None, typer.Option(help="Write all facts to this file, after each workload.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables to this file.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with plots to this file.")] = None,
    given: Annotated[
        Path | None, typer.Option("--from", help="Report on the facts in this file, and measure nothing.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Show workloads and contenders, and end.")] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Renew docs/performance.md from benchmarks/results, and end.")
    ] = False,
) -> None:
    """Compare nnspec on its backends with what people would use instead, side by side."""
    workloads = chosen(workload, WORKLOADS, "workload")
    contenders = chosen(contender, CONTENDERS, "contender")
    dtypes = chosen(dtype, DTYPES, "dtype") if dtype else ["float32"]
    place = chosen(device, DEVICES, "device")[0] if device else "gpu" if kept.gpu_names() else "cpu"
    if html is not None and find_spec("matplotlib") is None:
        raise typer.BadParameter("--html needs matplotlib, which is not installed: pip install 'nnspec[plots]'")
    for path in (json, markdown, html):
        if path is not None and not path.parent.is_dir():
            raise typer.BadParameter(f"there is no directory {path.parent} to write {path.name} to")
    if list_:
        show("Workloads", ((name, WORKLOADS[name].title) for name in workloads))
        show("Contenders", ((name, CONTENDERS[name].title) for name in contenders))
        return
    try:
        if write:
            made = document.rendered(document.PAGE.read_text(encoding="utf-8"))
            document.PAGE.write_text(made, encoding="utf-8")
            return
        facts = kept.read(given) if given is not None else None
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if facts is None:
        settings = {"rounds": number, "seconds": seconds, "dtypes": dtypes, "device": place, "contenders": contenders}
        facts = kept.begin(settings)
        measure(facts, workloads, json)
    if markdown is not None:
        markdown.write_text(report.markdown(facts), encoding="utf-8")
    if html is not None:
        html.write_text(page.render(facts), encoding="utf-8")
    print(report.markdown(facts))
    if any(result.status == "failed" for result in facts.results):
        raise typer.Exit(1)


def measure(facts: Facts, workloads: Iterable[str], json: Path | None) -> None:
    """All that the settings ask for."""
    settings = facts.settings
    contenders = [CONTENDERS[name] for name in settings["contenders"]]
    measure_limits(facts)
    for dtype in settings["dtypes"]:
        for name in workloads:
            workload = WORKLOADS[name]
            say(f"\n{name}, {dtype}: {workload.title}")
            facts.workloads[name] = kept.describe(workload)
            facts.results += rounds.measure(
                workload,
                contenders,
                dtype=dtype,
                device=settings["device"],
                rounds=settings["rounds"],
                seconds=settings["seconds"],
                say=say,
            )
            if json is not None:
                facts.write(json)  # what was measured is not lost if the rest is
    measure_limits(facts)
    if json is not None:
        facts.write(json)


def measure_limits(facts: Facts) -> None:
    """The hardware's limits, at the beginning and at the end: the larger ones count."""
    frameworks = dict.fromkeys(CONTENDERS[name].framework for name in facts.settings["contenders"])
    for dtype in facts.settings["dtypes"]:
        found = facts.limits.setdefault(dtype, {})
        for name in (*frameworks, "copy"):
            rate = limits.measured(name, dtype, facts.settings["device"])
            if rate is not None:
                found[name] = max(rate, found.get(name, 0.0))


def chosen(names: str, known: Mapping[str, Any], what: str) -> list[str]:
    """A comma list of known names, in the order given; all of them if it is empty."""
    given = [name.strip() for name in names.split(",") if name.strip()] or list(known)
    unknown = [name for name in given if name not in known]
    if unknown:
        raise typer.BadParameter(f"unknown {what} {', '.join(unknown)}; known are: {', '.join(known)}")
    return list(dict.fromkeys(given))


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def show(title: str, lines: Iterable[tuple[str, str]]) -> None:
    print(f"{title}:")
    for name, text in lines:
        print(f"  {name:<22}{text}")


if __name__ == "__main__":
    app()
