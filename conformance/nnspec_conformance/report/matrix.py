"""The support matrix: every class of the vocabulary on every backend and in every dtype, from the facts of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from nnspec import vocabulary
from nnspec_conformance.deviations import Deviation
from nnspec_conformance.facts import Facts
from nnspec_conformance.outcome import Outcome
from nnspec_conformance.report import markdown, totals
from nnspec_conformance.report.totals import Place, Total

HEAD = """\
# Support matrix

<!-- Made by `python docs/generate.py --facts FILE` from a run's JSON: change nothing here. -->

What the [conformance suite](conformance.md) found on each backend and in each dtype, class by class.
"""
SIGNS = """\
Of the tests that involve a class, ✓ so many pass, △ so many fail as declared below, ✕ so many fail; – stands for a
class that is not implemented, and an empty cell for one of which nothing is asked. A test of a model counts for every
class in it.
"""
BY_CHECK = """\
By check: the median of the largest errors in ULP, the largest share of its limit that an error takes, and the share of
elements that are equal bit for bit. Gradients in float64 are judged by difference quotients, which are good to 1e-10
themselves: thousands of ULP are the expected answer there.
"""
# Where a class stands in the suite, for those that no backend has to realize.
MODEL = "model"
# What an experiment holds beside the vocabulary.
PARTS = ("Constraint", "Penalty")


def render(facts: Facts, declared: Iterable[Deviation] = ()) -> str:
    """The page.

    Args:
        declared: all deviations that are declared, whether the run met them or not.
    """
    parts = (_run(facts), _classes(facts), _deviations(declared), markdown.near(facts), _checks(facts))
    return "\n".join([HEAD, *("\n".join(part) + "\n" for part in map(list, parts))])


def classes_of(outcome: Outcome) -> frozenset[str]:
    """The classes of the vocabulary that a test is about.

    Those a backend has to realize; the one that the case is named after (initializers draw on the host, so that no
    backend realizes them); ``Model`` in the cases of models.
    """
    model = ("Model",) if outcome.family == MODEL else ()
    return frozenset((*outcome.classes, outcome.case.partition("-")[0], *model))


def _run(facts: Facts) -> Iterator[str]:
    whole = Total(facts.outcomes)
    yield f"One run of {whole.tests:,} tests on {facts.started[:10]}, with nnspec {facts.nnspec}:"
    yield ""
    yield from (f"* {markdown.text(str(place))}" for place in facts.places)


def _classes(facts: Facts) -> Iterator[str]:
    places = [place for place in totals.places(facts) if "~" not in place[0]]
    by_class: dict[str, dict[Place, list[Outcome]]] = {}
    for outcome in facts.outcomes:
        for name in classes_of(outcome):
            by_class.setdefault(name, {}).setdefault(totals.place_of(outcome), []).append(outcome)
    kinds = {**{kind: vocabulary.class_names(kind) for kind in vocabulary.KINDS}, "experiment": PARTS}
    known = {name for names in kinds.values() for name in names}
    others = sorted({name for o in facts.outcomes for name in o.classes} - known)
    yield "## Classes"
    yield ""
    yield from SIGNS.splitlines()
    for kind, names in (*kinds.items(), *([("of other packages", others)] if others else ())):
        yield ""
        yield f"### {'Losses' if kind == 'loss' else kind.capitalize() + ('s' if kind in kinds else '')}"
        yield ""
        yield from markdown.table(
            ["class", *map(" ".join, places)],
            [
                [_link(name, known), *(_cell(by_class.get(name, {}).get(place, ())) for place in places)]
                for name in names
            ],
        )


def _link(name: str, known: set[str]) -> str:
    return f"[{name}](reference.md#{name.lower()})" if name in known else markdown.code(name)


def _cell(outcomes: Sequence[Outcome]) -> str:
    """What became of the tests that involve a class."""
    asked = Total(tuple(outcome for outcome in outcomes if outcome.status != "not implemented"))
    if not asked.tests:
        return "–" if outcomes else ""
    deviating = asked.counts["deviation"]
    signs = [f"✕ {asked.bad}"] if asked.bad else []
    signs += [f"△ {deviating}"] if deviating else []
    return ", ".join([*signs, f"✓ {asked.counts['passed']}"])


def _deviations(declared: Iterable[Deviation]) -> Iterator[str]:
    rows = [
        [
            *(
                d.backend,
                ", ".join(d.dtypes),
                d.check,
                markdown.code(d.case),
                d.kind,
                f"{markdown.text(d.reason)} (<{d.link}>)",
            )
        ]
        for d in declared
    ]
    yield "## Deviations"
    yield ""
    if rows:
        yield '"ours" is to be fixed, "upstream" is the framework\'s, "nature" is what no one can do better.'
        yield ""
        yield from markdown.table(["backend", "dtypes", "check", "case", "kind", "reason"], rows)
    else:
        yield "None is declared."


def _checks(facts: Facts) -> Iterator[str]:
    """How near the results of each check come."""
    places = totals.places(facts)
    compared = [outcome for outcome in facts.outcomes if outcome.compared]
    yield from BY_CHECK.splitlines()
    yield ""
    yield from markdown.table(
        ["check", *map(" ".join, places)],
        [
            [str(check), *(_near(cells.get(place)) for place in places)]
            for check, cells in (
                (check, totals.grouped(total.outcomes, totals.place_of))
                for check, total in totals.grouped(compared, lambda outcome: outcome.check).items()
            )
        ],
    )


def _near(total: Total | None) -> str:
    return "" if total is None else f"{total.median:.3g} ULP, {total.nearness:.0%}, {total.equal:.0%}"
