"""The command that repeats one test."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from nnspec_conformance.facts import Facts
from nnspec_conformance.outcome import Outcome

# What a shell replaces within double quotes.
_REPLACED = frozenset('$`"\\!')
# The options of a run that say what its tests are; all others only choose among them, or say where reports go.
_KEPT = ("--replay", "--against")
# How the outcome of a drawn case that fails says how to run it.
_AGAIN = "run it again: "


def command(outcome: Outcome, facts: Facts) -> str:
    """The command line that runs this test alone: ``… -k "'jax-float64-normalization-forward-LayerNorm'"``.

    It keeps the options of the run that decide what the test does. Cases that ``--fuzz`` drew have no name to find them
    by: the command is empty for them, unless they failed and stand in a file.
    """
    first, _, _ = outcome.message.partition("\n")
    if first.startswith(_AGAIN):
        return first.removeprefix(_AGAIN)
    given = _words(facts.command)
    if _option(given, "--fuzz") is not None:
        return ""
    words = ["nnspec conformance"]
    words += [f"{name} {shlex.quote(value)}" for name in _KEPT if (value := _option(given, name)) is not None]
    words += [f"--backend {shlex.quote(name)}" for name in outcome.backend.split("~")]
    words.append(f"--dtype {outcome.dtype}")
    device = facts.selection.get("device")
    if device is not None:
        words.append(f"--device {shlex.quote(str(device))}")
    if facts.selection.get("extent") == "all":
        words.append("--all")
    words.append(f"-k {_expression(outcome)}")
    return " ".join(words)


def _words(line: str) -> list[str]:
    """The words of a command line; none if it is not one."""
    try:
        return shlex.split(line)
    except ValueError:
        return []


def _option(words: Sequence[str], name: str) -> str | None:
    """The value of an option, given as ``--name value`` or ``--name=value``."""
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word == name:
            return after
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None


def _expression(outcome: Outcome) -> str:
    """The id, quoted for ``-k`` and then for the shell: in double quotes, which all shells know, if it can."""
    name = outcome.id
    if "'" not in name:
        word = f"'{name}'"
    elif '"' not in name:
        word = f'"{name}"'
    else:  # no word of -k holds both quotes: the parts between them, one by one
        word = " and ".join(f"'{part}'" for part in name.split("'") if part)
    return shlex.quote(word) if _REPLACED & set(word) else f'"{word}"'
