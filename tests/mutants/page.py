"""The table of mutants as a page of the documentation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from nnspec_conformance import suite
from tests.mutants.hunt import is_about
from tests.mutants.mutant import ANY, REFERENCE
from tests.mutants.table import MUTANTS, Mutant

TARGET = Path(__file__).resolve().parents[2] / "docs" / "mutants.md"
HEAD = """\
# Mutants

<!-- Made by `python -m tests.mutants --write`: change the tables in tests/mutants, not this file. -->

Who tests the tests? Each row of these tables is a mistake as people make them, planted in the running process: in the
NumPy reference, in the JAX or the TensorFlow adapter, or around any backend. Each must fail at least one check of a
case named after the guilty class, and that check must pass without the mistake. The last column is the first one that
did. There are {count} mutants, and all of them are found.

```sh
python -m tests.mutants                    # hunt all of them, and print the table
python -m tests.mutants -k LayerNorm       # those with a word in their line
pytest tests/mutants                       # one of every twelfth class, as tests; -m slow: the others
```

What cannot be found is no mutant: a change that computes the same, or another rounding where the suite promises
nothing ([how near results must be](conformance.md)).
"""
PLACES = {
    REFERENCE: "In the reference",
    "jax": "In the JAX adapter",
    "tensorflow": "In the TensorFlow adapter",
    ANY: "Around any backend",
}
COLUMNS = "| Guilty | Mistake | Change | Found by |\n|---|---|---|---|\n"
_ROW = re.compile(r"^(\| .* \|) ((.+?) of (.+?)(?: \(\w+\))?) \|$")


def render(killers: Mapping[str, str]) -> str:
    """The whole page; killers by the mutants' ids."""
    text = HEAD.format(count=len(MUTANTS))
    for where, mutants in groupby(MUTANTS, key=lambda mutant: mutant.where):
        rows = [f"{row(mutant)} {_cell(killers[mutant.id])} |\n" for mutant in mutants]
        text += f"\n## {PLACES[where]}\n\n{len(rows)} mutants.\n\n{COLUMNS}{''.join(rows)}"
    return text


def row(mutant: Mutant) -> str:
    """The line of a mutant, but for what found it."""
    dtype = "" if mutant.dtype == "float64" else f" ({mutant.dtype})"
    change = mutant.place if mutant.change == mutant.name else f"`{mutant.place}`: {mutant.change}"
    return f"| {_cell(mutant.guilty)} | {_cell(mutant.name)}{dtype} | {_cell(change)} |"


def _cell(text: str) -> str:
    # Outside of code a star is a star; within, only the bar has to be told apart from the table's own.
    parts = text.replace("|", "\\|").split("`")
    parts[::2] = [part.replace("*", "\\*").replace("_", "\\_") for part in parts[::2]]
    return "`".join(parts)


def found_before(text: str) -> dict[str, str]:
    """What a page says found those mutants that are as they were, by id, where that may still be so."""
    wrong = {line.partition(": ")[2] for line in outdated(text)}
    rows = {match[1]: match for match in _rows(text) if match[0] not in wrong}
    return {m.id: re.sub(r"\\([|*_])", r"\1", rows[row(m)][2]) for m in MUTANTS if row(m) in rows}


def _rows(text: str) -> list[re.Match[str]]:
    return [match for match in map(_ROW.match, text.splitlines()) if match and "| Guilty" not in match[0]]


def outdated(text: str) -> list[str]:
    """What a page says that no longer holds: mutants that are missing or gone, checks and cases that do not exist."""
    rows = {match[1]: match for match in _rows(text)}
    wanted = {row(mutant): mutant for mutant in MUTANTS}
    wrong = [f"missing: {line}" for line in wanted.keys() - rows.keys()]
    wrong += [f"no such mutant: {line}" for line in rows.keys() - wanted.keys()]
    known = {(_cell(check.name), _cell(case.name)): case.name for check in suite.CHECKS for _, case in check.cases}
    for line in wanted.keys() & rows.keys():
        killer = rows[line][3], rows[line][4]
        if killer not in known:
            wrong.append(f"no such check: {rows[line][0]}")
        elif not is_about(known[killer], wanted[line].guilty):
            wrong.append(f"found by a case of another class: {rows[line][0]}")
    if f"There are {len(MUTANTS)} mutants" not in " ".join(text.split()):
        wrong.append("the number of mutants")
    return sorted(wrong)
