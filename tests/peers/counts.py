"""Counts of peers' cases: ``python -m tests.peers.counts`` writes docs/peers.md, ``--check`` says if it is current."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from nnspec import backends
from nnspec.backends import Backend
from tests.peers.outcome import Count, counted
from tests.peers.peers import PEERS, Peer
from tests.peers.subjects import Reference, Subject, realized

TARGET = Path(__file__).resolve().parents[2] / "docs" / "peers.md"
HEAD = """\
# Peers' own cases

<!-- Made by `python -m tests.peers.counts`: change tests/peers, not this file. -->

What other projects wrote to test themselves is run against the reference and the backends, in float32, with the
expected values and the tolerances of these projects. ONNX's node cases run through an `onnx.backend` made of our specs
(`tests/peers/onnx_backend.py`). The tests of Keras and Optax that ship in their wheels run as they are, with our
objects in place of theirs (`tests/peers/driver.py`): inputs and expected values are those of the installed version.
For ONNX, results are also within 32 roundings of float32 (2⁻²⁴ of the tensor's scale each; for losses one rounding for
each position), far inside ONNX's own tolerance of 1e-3.

* **Tried**: the cases about values; tests of serialization, symbolic shapes or error messages are left out.
* **Passed**: on the reference and on every backend. **In part**: right up to a point from which on the test asks for
  something that the vocabulary lacks, or in the outputs that it has.
* **Not expressible**: what the vocabulary lacks, also for cases in part, with the number of cases where it is more than
  one.
* **Error**: the power of ten above the largest difference on any subject, over the scale of its tensor. Keras and
  Optax write expected values with few digits, so that theirs is mostly the digits' own.

A test keeps this page current, and another shows that the cases notice a subject whose answers are a few percent off.
"""
ROW = "| {operator} | {tried} | {passed} | {part} | {reasons} | {error} |"


def subjects(found: Sequence[Backend]) -> list[Subject]:
    return [Reference(), *map(realized, found)]


def render(found: Sequence[Backend]) -> str:
    """The whole page for the reference and these backends.

    Raises:
        SystemExit: a peer's package is missing, or a case fails.
    """
    judges = subjects(found)
    sections = [_section(peer, judges) for peer in PEERS.values()]
    versions = ", ".join(f"{p.package} {p.version}" for p in PEERS.values() if p.package)
    names = ", ".join(s.name for s in judges)
    return f"{HEAD}\nMade with {versions}, on: {names}.\n{''.join(sections)}"


def _section(peer: Peer, judges: Sequence[Subject]) -> str:
    if peer.missing:
        raise SystemExit(f"{peer.title}: {peer.missing}")
    by_subject = [counted(peer.outcomes(subject)) for subject in judges]
    rows = [_merged(counts) for counts in zip(*by_subject, strict=True)]
    total = Count(
        "**all**", *(sum(getattr(r, f) for r in rows) for f in ("tried", "passed", "in_part", "failed")), {}, 0
    )
    lines = "\n".join(map(_row, [*rows, total]))
    lacking = ", ".join(f"`{name}`" for name in peer.cases.without_counterpart())
    return f"""
## {peer.title}

| Case of | Tried | Passed | In part | Not expressible | Error |
|---|---:|---:|---:|---|---:|
{lines}

No counterpart yet: {lacking}.
"""


def _merged(counts: Sequence[Count]) -> Count:
    """The counts of all subjects, which agree but for the error."""
    first = counts[0]
    for other in counts[1:]:
        if (other.tried, other.passed, other.failed, other.reasons) != (
            first.tried,
            first.passed,
            first.failed,
            first.reasons,
        ):
            raise SystemExit(f"{first.operator}: subjects differ: {first} and {other}")
    if first.failed:
        raise SystemExit(f"{first.operator}: {first.failed} cases fail")
    return Count(
        first.operator,
        first.tried,
        first.passed,
        first.in_part,
        first.failed,
        first.reasons,
        max(c.error for c in counts),
    )


def _row(count: Count) -> str:
    reasons = "; ".join(f"{reason} ({n})" if n > 1 else reason for reason, n in sorted(count.reasons.items()))
    lacking = count.tried - count.passed - count.in_part
    if count.operator == "**all**":
        reasons = str(lacking)
    error = f"1e{math.ceil(math.log10(count.error))}" if count.error else "0"
    return ROW.format(
        operator=count.operator if count.operator.startswith("**") else f"`{count.operator}`",
        tried=count.tried,
        passed=count.passed,
        part=count.in_part or "",
        reasons=reasons,
        error="" if count.operator == "**all**" else error,
    )


def comparable(page: str) -> str:
    """The page without the errors, which depend on the machine."""
    return re.sub(r"\|[^|]*\|$", "|", page, flags=re.MULTILINE)


def unlike(page: str) -> str | None:
    """Why this page cannot be compared here: a package that is missing or of another version; None if it can."""
    for peer in PEERS.values():
        if peer.missing:
            return peer.missing
        if peer.package and f"{peer.package} {peer.version}" not in page:
            return f"the page was made with another version of {peer.package}"
    return None


def main() -> None:
    page = render([backends.backend(name) for name in ("jax", "tensorflow")])
    if "--check" in sys.argv[1:]:
        if not TARGET.exists() or comparable(TARGET.read_text(encoding="utf-8")) != comparable(page):
            raise SystemExit(f"{TARGET.name} is out of date: run python -m tests.peers.counts")
        return
    TARGET.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
