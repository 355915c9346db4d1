"""``python -m tests.mutants``: hunts the mutants, and prints each with what found it.

``-k WORDS`` hunts those with these words in their line; ``--write`` writes docs/mutants.md, and with ``--new`` hunts
only those that the page does not have; ``--check`` hunts nothing, and exits with status 1 if that page is out of date.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings

from nnspec import backends
from tests.mutants import page
from tests.mutants.hunt import hunt, needs
from tests.mutants.table import MUTANTS, Mutant


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Hunt the mutants.")
    parser.add_argument("-k", default="", metavar="WORDS", help="only those with these words in their line")
    parser.add_argument("--write", action="store_true", help="write docs/mutants.md")
    parser.add_argument("--new", action="store_true", help="only those that docs/mutants.md does not have")
    parser.add_argument("--check", action="store_true", help="only check that docs/mutants.md is up to date")
    chosen = parser.parse_args()
    written = page.TARGET.read_text(encoding="utf-8") if page.TARGET.is_file() else ""
    if chosen.check:
        wrong = page.outdated(written)
        print(*wrong, sep="\n", file=sys.stderr) if wrong else None
        return 1 if wrong else 0
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore")
    before = page.found_before(written) if chosen.new else {}
    hunted = [mutant for mutant in MUTANTS if chosen.k in mutant.id and mutant.id not in before]
    killers = {mutant.id: killer for mutant in hunted if (killer := _report(mutant))}
    found = {name: killer for name, killer in killers.items() if killer != "nothing"}
    print(f"{len(found)} of {len(killers)} mutants were found")
    whole = len(before | found) == len(MUTANTS)
    if chosen.write and whole:
        page.TARGET.write_text(page.render(before | found), encoding="utf-8")
    return 0 if len(found) == len(killers) and (whole or not chosen.write) else 1


def _report(mutant: Mutant) -> str | None:
    """What found a mutant, printed; None where its backend is not installed."""
    if backends.missing_packages(needs(mutant)):
        return None
    try:
        kill = hunt(mutant)
    except AssertionError as error:  # it can't be planted, or no case is about it
        print(error, file=sys.stderr)
        kill = None
    killer, seconds = ("nothing", 0.0) if kill is None else (str(kill), kill.seconds)
    print(f"{mutant.id:80}  {seconds:5.1f} s  {killer}", flush=True)
    return killer


if __name__ == "__main__":
    raise SystemExit(main())
