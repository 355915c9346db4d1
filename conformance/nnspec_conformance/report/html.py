"""The report as one HTML page that needs no network and runs nothing but its own script."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nnspec import page, yaml12
from nnspec.files import write_atomically
from nnspec_conformance.facts import Facts
from nnspec_conformance.outcome import GOOD, STATUSES, Outcome
from nnspec_conformance.report import totals
from nnspec_conformance.report.repeat import command

_FIELDS = ("backend", "dtype", "family", "check", "case", "status")


def write(facts: Facts, path: Path) -> None:
    """Write the page, whole or not at all.

    Raises:
        FileError: what is in the way.
    """
    write_atomically(path, render(facts).encode("utf-8", errors="replace"))  # half of a surrogate pair is "?"


def render(facts: Facts) -> str:
    """The page. Whatever stands in names and messages is shown as text."""
    environment = page.environment("nnspec_conformance.report")
    style = page.look() + page.source(environment, "report.css")
    script = page.source(environment, "matrix.js") + page.source(environment, "filters.js")
    families = totals.grouped(facts.outcomes, lambda outcome: outcome.family)
    places = totals.places(facts)
    return environment.get_template("report.html.j2").render(
        facts=facts,
        style=style,
        script=script,
        policy=page.policy(style, script),
        whole=totals.Total(facts.outcomes),
        places=places,
        by_place=totals.grouped(facts.outcomes, totals.place_of),
        families=families,
        cells={family: totals.grouped(total.outcomes, totals.place_of) for family, total in families.items()},
        declared=totals.declared(facts),
        duration=totals.duration,
        verdict=totals.verdict(facts),
        data=_data(facts, places),
    )


def _data(facts: Facts, places: Sequence[totals.Place]) -> dict[str, Any]:
    """What the page's script makes tables of: a row per test, with words that occur often as numbers."""
    words = {name: list(dict.fromkeys(str(getattr(o, name)) for o in facts.outcomes)) for name in _FIELDS[:-1]}
    words["status"] = list(STATUSES)
    index = {name: {word: at for at, word in enumerate(found)} for name, found in words.items()}
    return {
        "words": words,
        "good": sorted(GOOD),
        "places": places,
        "ulp": {"ends": totals.ULP_BINS, "labels": totals.ULP_LABELS},
        "share": {"ends": totals.SHARE_BINS, "labels": totals.SHARE_LABELS},
        "cases": {name: _yaml(data) for name, data in facts.cases.items()},
        "outcomes": [[index[name][getattr(o, name)] for name in _FIELDS] + _figures(o, facts) for o in facts.outcomes],
    }


def _figures(outcome: Outcome, facts: Facts) -> list[Any]:
    figures = [
        [f.what, *map(page.number, (f.error, f.limit, f.ulp, f.relative, f.equal)), f.where, f.passed]
        for f in outcome.figures
    ]
    # These two decide on colors and bins: every digit counts.
    sizes = (x if abs(x) < float("inf") else str(x) for x in (outcome.ulp, outcome.nearness))
    rest = (page.number(outcome.equal), page.number(outcome.seconds))
    return [*sizes, *rest, outcome.compared, outcome.classes, outcome.message, command(outcome, facts), figures]


def _yaml(data: Any) -> str:
    return yaml12.dump(data) if isinstance(data, dict) else str(data)
