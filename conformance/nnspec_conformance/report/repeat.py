"""The command that repeats one test."""

from __future__ import annotations

import shlex

from nnspec_conformance.facts import Facts
from nnspec_conformance.outcome import Outcome

# What a shell replaces within double quotes.
_REPLACED = frozenset('$`"\\!')


def command(outcome: Outcome, facts: Facts) -> str:
    """The command line that runs this test alone, with the options of the run that decide what it does.

    The expression is the end of the test's id, in quotes: ``-k "'normalization-forward-LayerNorm-large mean'"``.
    """
    words = ["nnspec conformance"]
    for name, value in (("replay", facts.selection.get("replay")), ("against", facts.selection.get("against"))):
        if value is not None:
            words.append(f"--{name} {shlex.quote(str(value))}")
    words += [f"--backend {shlex.quote(name)}" for name in outcome.backend.split("~")]
    words.append(f"--dtype {outcome.dtype}")
    device = facts.selection.get("device")
    if device is not None:
        words.append(f"--device {shlex.quote(str(device))}")
    if facts.selection.get("extent") == "all":
        words.append("--all")
    words.append(f"-k {_expression(outcome)}")
    return " ".join(words)


def _expression(outcome: Outcome) -> str:
    """The end of the id for ``-k``, then quoted for the shell: in double quotes, which all shells know, if it can."""
    name = "-".join((outcome.family, outcome.check, outcome.case))
    if "'" not in name:
        word = f"'{name}'"
    elif '"' not in name:
        word = f'"{name}"'
    else:  # no word of -k holds both quotes: the parts between them, one by one
        word = " and ".join(f"'{part}'" for part in name.split("'") if part and "'" not in part)
    return shlex.quote(word) if _REPLACED & set(word) else f'"{word}"'
