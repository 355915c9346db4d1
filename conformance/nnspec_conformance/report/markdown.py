"""The report in Markdown, short enough for a comment on GitHub: totals, and everything that did not pass."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from nnspec.files import write_atomically
from nnspec_conformance.facts import Facts
from nnspec_conformance.outcome import Outcome
from nnspec_conformance.report import totals
from nnspec_conformance.report.repeat import command
from nnspec_conformance.report.totals import Total

# So many failures are shown in full and so many by name; the rest is counted. GitHub takes 65,536 characters.
FULL, NAMED = 20, 150
# Characters of a message that are shown.
_LONGEST = 1000


def write(facts: Facts, path: Path) -> None:
    """Write the summary, whole or not at all.

    Raises:
        FileError: what is in the way.
    """
    write_atomically(path, render(facts).encode("utf-8", errors="replace"))


def render(facts: Facts) -> str:
    """The summary. Names and messages are shown as code, so that nothing in them is read as Markdown or HTML."""
    parts = (_head(facts), _families(facts), _failures(facts), _deviations(facts), _lacking(facts), near(facts))
    return "\n".join("\n".join(part) + "\n" for part in map(list, parts) if part)


def _head(facts: Facts) -> Iterator[str]:
    yield f"# nnspec conformance: {'✓' if facts.passed else '✕'} {totals.verdict(facts)}"
    yield ""
    yield f"* {code(facts.command)}"
    yield f"* started {facts.started}, took {totals.duration(facts.seconds)}"
    yield from (f"* {text(str(place))}" for place in facts.places)
    yield f"* {text(facts.platform)}, Python {facts.python}, nnspec {facts.nnspec}"
    chosen = [f"{name} {value}" for name, value in facts.selection.items() if value not in (None, [])]
    if chosen:
        yield f"* selection: {code('; '.join(chosen))}"
    if facts.compilations:
        made = ", ".join(f"{count:,} on {text(name)}" for name, count in sorted(facts.compilations.items()))
        yield f"* compilations: {made}"


def _families(facts: Facts) -> Iterator[str]:
    places = totals.places(facts)
    by_place = totals.grouped(facts.outcomes, totals.place_of)
    families = totals.grouped(facts.outcomes, lambda outcome: outcome.family)
    yield "## Families"
    yield ""
    yield "Tests that pass; ✕ fail, △ deviate as declared, – are not implemented."
    yield ""
    yield from table(
        ["family", *map(" ".join, places)],
        [
            [str(family), *(_tally(cells.get(place)) for place in places)]
            for family, cells in ((name, totals.grouped(t.outcomes, totals.place_of)) for name, t in families.items())
        ]
        + [["**all**", *(_tally(by_place[place]) for place in places)]],
    )


def _tally(total: Total | None) -> str:
    if total is None:
        return ""
    counts = total.counts
    further = ((total.bad, "**{} ✕**"), (counts["deviation"], "{} △"), (counts["not implemented"], "{} –"))
    return ", ".join([str(counts["passed"]), *(sign.format(count) for count, sign in further if count)])


def _failures(facts: Facts) -> Iterator[str]:
    bad = [outcome for outcome in facts.outcomes if not outcome.good]
    if not bad:
        return
    yield f"## Failures ({len(bad):,})"
    yield ""
    for outcome in bad[:FULL]:
        yield f"* {code(outcome.id)}: {outcome.status}"
        yield ""
        yield from (f"  {line}" for line in _block(_shown(outcome), "text"))
        yield ""
        if again := command(outcome, facts):
            yield from (f"  {line}" for line in _block(again, "sh"))
            yield ""
    yield from (f"* {code(outcome.id)}: {outcome.status}, {_worst(outcome)}" for outcome in bad[FULL:NAMED])
    rest = Counter(f"{outcome.backend} {outcome.dtype} {outcome.family}" for outcome in bad[NAMED:])
    yield from (f"* {count:,} further ones of {text(name)}" for name, count in rest.items())


def _shown(outcome: Outcome) -> str:
    message = outcome.message or "\n".join(map(str, outcome.figures))
    return message if len(message) <= _LONGEST else f"{message[:_LONGEST]}…"


def _worst(outcome: Outcome) -> str:
    if outcome.worst is not None:
        return code(str(outcome.worst)[:150])
    return code((outcome.message.splitlines() or [""])[-1][:150])


def _deviations(facts: Facts) -> Iterator[str]:
    declared = totals.declared(facts)
    if not declared:
        return
    yield "## Deviations"
    yield ""
    yield from table(
        ["backend", "dtypes", "check", "case", "kind", "reason", "now"],
        [
            [
                *(d.backend, ", ".join(d.dtypes), d.check, code(d.case), d.kind, f"{text(d.reason)} (<{d.link}>)"),
                "**passes: remove it**" if total.bad else f"fails in {total.tests}",
            ]
            for d, total in declared
        ],
    )


def _lacking(facts: Facts) -> Iterator[str]:
    lacking = Counter(outcome.message for outcome in facts.outcomes if outcome.status == "not implemented")
    if not lacking:
        return
    yield f"## Not implemented ({lacking.total():,} tests)"
    yield ""
    yield from (f"* {text(message)}: {count:,}" for message, count in lacking.most_common(NAMED))


def near(facts: Facts) -> Iterator[str]:
    """How near results come: tests by their largest error, and the share of elements that are equal bit for bit."""
    found = totals.grouped((outcome for outcome in facts.outcomes if outcome.compared), totals.place_of)
    if not found:
        return
    yield "## Errors"
    yield ""
    yield "Tests by their largest error, in units in the last place (ULP) of the tensor's scale."
    yield ""
    yield from table(
        ["", *totals.ULP_LABELS, "median", "nearest to its limit", "bit-equal"],
        [
            [
                " ".join(place),
                *(str(count or "") for count in found[place].histogram),
                f"{found[place].median:.3g}",
                f"{found[place].nearness:.2%}",
                f"{found[place].equal:.0%}",
            ]
            for place in totals.places(facts)
            if place in found
        ],
    )


# -- Markdown ---------------------------------------------------------------------------------------------------------


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table; a cell holds neither a line break nor a bare "|"."""
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in row)} |"


def code(content: str) -> str:
    """A text as code in a line, whatever it holds."""
    content = " ".join(content.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", content)), default=0))
    space = " " if content.startswith("`") or content.endswith("`") else ""
    return f"{fence}{space}{content}{space}{fence}"


def text(content: str) -> str:
    """A text of which nothing is read as Markdown or HTML."""
    escaped = re.sub(r"([\\`*_{}\[\]#|~])", r"\\\1", " ".join(content.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _block(content: str, language: str) -> Iterator[str]:
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", content)), default=0))
    yield f"{fence}{language}"
    yield from content.splitlines()
    yield fence
