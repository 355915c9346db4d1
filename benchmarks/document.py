"""The generated parts of docs/performance.md.

A part stands between two comments, and the first says what it is made of: a file of facts in benchmarks/results and
the name of the part, as in ``<!-- cpu.json: mlp float32 -->`` … ``<!-- end -->``. The parts are those that
:func:`benchmarks.report.parts` names.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from benchmarks import facts, report
from benchmarks.process import ROOT

PAGE = ROOT / "docs/performance.md"
RESULTS = ROOT / "benchmarks/results"
PART = re.compile(r"(<!-- ([\w.-]+\.json): ([\w -]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def rendered(page: str, results: Path = RESULTS) -> str:
    """The page with its generated parts made anew. What no facts are there for stays as it is.

    Raises:
        ValueError: a file holds no facts, or has no such part.
    """

    @cache
    def parts_of(name: str) -> dict[str, str] | None:
        path = results / name
        return dict(report.parts(facts.read(path))) if path.is_file() else None

    def part(found: re.Match[str]) -> str:
        begin, name, wanted, end = found.groups()
        parts = parts_of(name)
        if parts is None:
            return found[0]
        if wanted not in parts:
            raise ValueError(f"{name} has no part {wanted!r}; it has: {', '.join(parts)}")
        return f"{begin}\n{parts[wanted]}\n\n{end}"

    return PART.sub(part, page)
