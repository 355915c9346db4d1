"""What is covered, as a page: ``python -m tests.coverage.page`` writes docs/coverage.md, ``--check`` compares it."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.coverage.answers import Answer
from tests.coverage.lists import LISTS, List, versions

TARGET = Path(__file__).resolve().parents[2] / "docs" / "coverage.md"
HEAD = """\
# Coverage

<!-- Made by `python -m tests.coverage.page`: change tests/coverage, not this file. -->

Which layers, optimizers, losses, penalties, constraints and schedules of Keras, Flax and Optax can be said in nnspec,
and with what. The lists are those of the installed packages; a test fails where one of them has a class without an
answer here, and another keeps this page current.

* **In nnspec**: the class, or the nodes, that express it, with the options that matter. Options that only have another
  name or another default are not mentioned.
* **Without**: what of it cannot be expressed; where nothing expresses it yet, what the vocabulary lacks.
* **Mapped** is what can be expressed with its usual options. A class whose default cannot be is not mapped.
* A class that has several names counts once.

What holds for all classes stands in no row. Layers: weights are penalized and constrained by the experiment's
[penalties](reference.md#penalty) and [constraints](reference.md#constraint), and left out of training by
[Frozen](reference.md#frozen), not by the layer; they are not quantized or adapted (`lora_rank`); channels are last.
Optimizers: weights are averaged by [EMA](reference.md#ema) and gradients accumulated by
[GradientAccumulation](reference.md#gradientaccumulation), losses scaled by [LossScale](reference.md#lossscale), all of
them around the optimizer; decay is for all parameters or for kernels. Losses are always
[reduced](reference.md#loss-functions); Keras's `sum` is one of means over the last axis where a loss is by element.
"""


def render() -> str:
    """The whole page.

    Raises:
        SystemExit: a package is missing, or answers do not belong to its version.
    """
    problems = [problem for each in LISTS for problem in ([each.missing] if each.missing else each.problems())]
    if problems:
        raise SystemExit("\n".join(map(str, problems)))
    counts = "\n".join(map(_count, LISTS))
    table = f"| List | Classes | Mapped | Share |\n|---|---:|---:|---:|\n{counts}\n"
    return f"{HEAD}\nMade with {versions()}.\n\n{table}{''.join(map(_section, LISTS))}"


def _count(each: List) -> str:
    share = 100 * each.mapped / len(each.answers)
    return f"| [{each.title}](#{_anchor(each.title)}) | {len(each.answers)} | {each.mapped} | {share:.0f} % |"


def _anchor(title: str) -> str:
    return title.lower().replace(".", "").replace(":", "").replace(" ", "-")


def _section(each: List) -> str:
    rows = "\n".join(_row(name, answer) for name, answer in sorted(each.answers.items()))
    left_out = "".join(f"* {', '.join(map(_code, sorted(names)))}: {why}.\n" for why, names in each.left_out.items())
    return f"""
## {each.title}

| Class | In nnspec | Without |
|---|---|---|
{rows}
""" + (f"\nLeft out:\n\n{left_out}" if left_out else "")


def _row(name: str, answer: Answer) -> str:
    classes = answer.joint.join(f"[{cls}](reference.md#{cls.lower()})" for cls in answer.classes)
    ours = ": ".join(filter(None, (classes, answer.how))) if answer.mapped else "none yet"
    return f"| {_code(name)} | {ours} | {answer.lacking} |"


def _code(name: str) -> str:
    return f"`{name}`"


def unlike(page: str) -> str | None:
    """Why this page cannot be compared here: a package that is missing or of another version; None if it can."""
    missing = next((each.missing for each in LISTS if each.missing), None)
    return missing or (None if f"Made with {versions()}." in page else "the page was made with other versions")


def main() -> None:
    page = render()
    if "--check" in sys.argv[1:]:
        if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != page:
            raise SystemExit(f"{TARGET.name} is out of date: run python -m tests.coverage.page")
        return
    TARGET.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
