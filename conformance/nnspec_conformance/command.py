"""Put a backend to the test: does it mean what the spec says?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nnspec.errors import NNSpecError

_TARGETS = typer.Option(metavar="FILE", help="Write a report: one HTML page that needs no network.")


def conformance(
    backend: Annotated[
        list[str] | None,
        typer.Option("--backend", "-b", metavar="NAME", help="Repeatable, or with commas; all that are installed."),
    ] = None,
    dtype: Annotated[
        list[str] | None,
        typer.Option(metavar="LIST", help="float64, float32, bfloat16, float16; the first two by default."),
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="D", help="Where nets are built (see: nnspec backends --devices).")
    ] = None,
    expression: Annotated[
        str | None, typer.Option("-k", metavar="EXPR", help='Only these tests: -k "BatchNorm and not gradients".')
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", metavar="N", min=1, help="Work in so many processes.")] = 1,
    quick: Annotated[bool, typer.Option("--quick", help="A subset for every day: float64, the main checks.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Ask sampled checks of every case, too.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Print the tests' names and run nothing.")] = False,
    report: Annotated[Path | None, _TARGETS] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write all facts as JSON.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a summary as Markdown.")] = None,
    fuzz: Annotated[
        float | None, typer.Option(metavar="MINUTES", min=0.0, help="Draw cases at random for so long instead.")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Of --fuzz; a new one each time by default.")] = None,
    failures: Annotated[Path, typer.Option(metavar="DIR", help="Where --fuzz leaves case files that fail.")] = Path(),
    replay: Annotated[Path | None, typer.Option(metavar="FILE", help="Run the checks of a case file instead.")] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write questions and this backend's answers for --against.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Check against answers that were recorded elsewhere.")
    ] = None,
) -> None:
    """Put a backend to the test: does it mean what the spec says?

    Every check of every case is judged by the NumPy reference, and two backends are compared with each other. The exit
    status is 0 only if all tests pass or are declared deviations, and 1 otherwise. A class that a backend does not
    realize is counted as not implemented.

    Examples:

        nnspec conformance --quick

        nnspec conformance --backend jax --dtype float64 -k "LayerNorm and gradients"

        nnspec conformance --jobs 2 --report report.html
    """
    from nnspec_conformance import session

    modes = {"--fuzz": fuzz, "--replay": replay, "--record": record, "--against": against, "--list": list_ or None}
    chosen = [name for name, value in modes.items() if value is not None]
    if len(chosen) > 1:
        raise NNSpecError(f"{chosen[0]} and {chosen[1]} exclude each other")
    if quick and everything:
        raise NNSpecError("--quick and --all exclude each other")
    plan = session.plan(
        session.names(backend),
        session.dtypes(dtype),
        extent="quick" if quick else "all" if everything else "standard",
        expression=expression,
        device=device,
    )
    wanted = session.Reports(html=report, json=json, markdown=markdown)
    wanted.check()
    if list_:
        session.list_tests(plan)
        return
    if fuzz is not None:
        found = session.fuzz(plan, fuzz, seed, failures)
    elif replay is not None:
        found = session.replay(plan, replay)
    elif record is not None:
        found = session.record(plan, record)
    elif against is not None:
        found = session.against(plan, session.dtypes(dtype), against)
    else:
        found = session.suite(plan, jobs)
    session.finish(found, wanted)
    if not found.passed:
        raise typer.Exit(1)
