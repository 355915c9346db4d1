"""What becomes of KerasHub's backbones, as a page: ``python -m tests.porting.keras_hub.page`` writes docs/keras-hub.md.

It is made of facts.json alone, which ``python -m tests.porting.keras_hub --write`` writes where KerasHub is installed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.porting.keras_hub.outcome import REFERENCE, Outcome, told

FACTS = Path(__file__).with_name("facts.json")
TARGET = Path(__file__).resolve().parents[3] / "docs" / "keras-hub.md"
HEAD = """\
# KerasHub

<!-- Made by `python -m tests.porting.keras_hub --write`: change what is ported, not this file. -->

Every backbone class of KerasHub, built offline from a small configuration with random weights, read by
`porting.from_keras`, and run as the spec on JAX: compared with Keras node by node, as
[every port is](porting.md#what-is-compared). Where the table has a ¹, the NumPy reference ran it, and outputs alone
were compared, in the most exact dtype that Keras computes in. A test asks the installed package for its classes, so
that none is forgotten; another keeps this page current.

* **float64**, **float32**: the largest error of an output, over the output's largest magnitude, in inference. No
  float64: Keras rounds something in it to float32.
* **Gradients**, of inputs and parameters, in float64: the largest error over the gradient's scale. They are compared of
  some.
* **Lengths**: *given* where inputs need lengths, which `--inputs` with an example gives them, or a `keras.Model` with
  `keras.Input`s of these lengths around the backbone; *any* where axes of any length are ported as such.
"""
_LENGTHS = {"any": "any", "given": "given", "": ""}


def facts() -> dict[str, Any]:
    """What is known."""
    given: dict[str, Any] = json.loads(FACTS.read_text(encoding="utf-8"))
    return given


def render() -> str:
    """The whole page."""
    given = facts()
    outcomes = told(given)
    ported, read = ([each for each in outcomes if each.status == status] for status in ("ported", "read"))
    others = [each for each in outcomes if each not in ported and each not in read]
    counts = {
        "classes": {*map(_class, outcomes), *given["untried"]},
        "compared": set(map(_class, ported)),
        "read": set(map(_class, read)) - set(map(_class, ported)),
    }
    versions = ", ".join(f"{name} {number}" for name, number in given["versions"].items())
    text = f"{HEAD}\nMade with {versions}.\n\n"
    text += f"{len(counts['classes'])} classes, of which {len(counts['compared'])} are ported and compared"
    text += f", {len(counts['read'])} are ported and not compared yet" if read else ""
    text += ".\n\n## Ported\n\n"
    text += "| Backbone | Nodes | Numbers | float64 | float32 | Gradients | Lengths |\n"
    text += "|---|---:|---:|---:|---:|---:|---|\n"
    text += "".join(map(_ported, ported))
    if read:
        text += "\n## Ported, not compared yet\n\n"
        text += "".join(f"* {each.name}{' (given lengths)' if each.lengths == 'given' else ''}\n" for each in read)
    text += "\n## Not ported\n\n| Backbone | Why |\n|---|---|\n"
    text += "".join(f"| {each.name} | {_why(each)} |\n" for each in others)
    return text + "".join(f"| {name} | not tried: {why} |\n" for name, why in given["untried"].items())


def _class(each: Outcome) -> str:
    """The class that an outcome is of."""
    return each.name.split(" (")[0]


def _ported(each: Outcome) -> str:
    errors = [each.errors.get(name) for name in ("float64, inference", "float32, inference", "gradients")]
    shown = " | ".join("–" if error is None else f"{error:.0e}" for error in errors)
    if REFERENCE in each.errors:
        shown = f"{each.errors[REFERENCE]:.0e} ¹ | – | –"
    return f"| {each.name} | {each.nodes:,} | {each.parameters:,} | {shown} | {_LENGTHS[each.lengths]} |\n"


def _why(each: Outcome) -> str:
    before = {"refused": "", "not built": "not built offline: ", "diverges": "a fault: "}[each.status]
    return (before + each.reason).replace("|", "\\|").replace("<", "\\<")


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
