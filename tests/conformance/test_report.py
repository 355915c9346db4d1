"""Reports say what the facts say: totals, Markdown, and what is inert in HTML."""

from __future__ import annotations

import dataclasses
import json
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from nnspec.errors import FileError
from nnspec_conformance.report import html, markdown, totals
from tests.conformance.report_facts import HOSTILE, facts, outcome, planted


@pytest.fixture(scope="module")
def run() -> Any:
    return planted()


# -- totals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ulp", "label"),
    [
        (0.0, "0"),
        (1e-9, "≤ ½"),
        (0.5, "≤ ½"),
        (0.51, "≤ 1"),
        (4.0, "≤ 4"),
        (4.1, "≤ 16"),
        (1e3, "≤ 10³"),
        (2e6, "> 10⁶"),
        (float("inf"), "> 10⁶"),
        (float("nan"), "> 10⁶"),
    ],
)
def test_bins(ulp: float, label: str) -> None:
    assert totals.ULP_LABELS[totals.bin_of(ulp, totals.ULP_BINS)] == label
    found = totals.Total((outcome(ulp=ulp, compared=1),)).histogram
    assert [totals.ULP_LABELS[at] for at, count in enumerate(found) if count] == [label]


def test_sums_leave_out_what_compared_nothing() -> None:
    some = (
        outcome(ulp=1.0, nearness=0.5, equal=0.25, compared=2, status="passed"),
        outcome(ulp=4.0, nearness=0.1, equal=0.75, compared=1, status="passed"),
        outcome(ulp=9.0, nearness=2.0, equal=0.5, compared=1),
        outcome(status="error", equal=1.0),
        outcome(status="not implemented", equal=1.0),
    )
    total = totals.Total(some)
    assert (total.tests, total.bad, len(total.compared)) == (5, 2, 3)
    assert (total.median, total.ulp, total.nearness, total.equal) == (4.0, 9.0, 2.0, 0.5)
    assert sum(total.histogram) == 3
    nothing = totals.Total(some[3:])
    assert (nothing.median, nothing.ulp, nothing.nearness, nothing.equal) == (0.0, 0.0, 0.0, 0.0)


def test_places_of_one_backend_stand_together_and_pairs_last() -> None:
    found = [("jax~b", "float64"), ("jax", "float32"), ("b", "float64"), ("jax", "float64"), ("b", "float32")]
    run = facts([], *(outcome(backend=name, dtype=dtype) for name, dtype in found))
    assert totals.places(run) == [
        ("jax", "float64"),
        ("jax", "float32"),
        ("b", "float64"),
        ("b", "float32"),
        ("jax~b", "float64"),
    ]


@pytest.mark.parametrize(
    ("statuses", "sentence"),
    [
        ([], "0 tests pass"),
        (["passed"], "1 test passes"),
        (["passed"] * 1200, "1,200 tests pass"),
        (["passed", "passed", "deviation"], "2 of 3 tests pass, 1 deviating as declared"),
        (["not implemented"] * 2, "0 of 2 tests pass, 2 not implemented"),
        (["passed", "stale"], "1 of 2 tests fails"),
        (["passed", "failed", "error", "deviation"], "2 of 4 tests fail"),
    ],
)
def test_the_verdict(statuses: list[Any], sentence: str) -> None:
    run = facts([], *(outcome(f"case {at}", status=status) for at, status in enumerate(statuses)))
    assert totals.verdict(run) == sentence
    assert f"{sentence}\n" in markdown.render(run)
    assert sentence in html.render(run)


# -- Markdown ---------------------------------------------------------------------------------------------------------


def test_markdown_says_what_the_facts_say(run: Any) -> None:
    page = markdown.render(run)
    assert page.startswith(f"# nnspec conformance: ✕ 4 of {len(run.outcomes):,} tests fail\n")
    assert "* `nnspec conformance --jobs 2`" in page
    assert "jax 0.10.2, flax 0.12.8; on cpu:0" in page
    assert "tensorflow 2.21.0; on gpu:0" in page
    assert "1,226 on jax, 1,227 on tensorflow" in page
    assert "`jax-float32-normalization-forward-LayerNorm-large mean`: failed" in page
    assert "error 3.2e-05 > 4e-07 (268 ULP, 12% equal); element [3, 1]: 0.7312 instead of 0.7301" in page
    assert """-k "'jax-float32-normalization-forward-LayerNorm-large mean'\"""" in page
    assert (
        "| jax | float64 | gradients | `LayerNorm` | upstream | rounds &lt;twice&gt; (<https://example.org/17>)" in page
    )
    assert "* not implemented by tensorflow: BinaryCrossEntropy: 1" in page
    tested = [o for o in run.outcomes if (o.backend, o.dtype, o.family) == ("jax", "float32", "normalization")]
    row = re.search(r"^\| normalization \| ([^|]*) \| ([^|]*) \|", page, re.MULTILINE)
    assert row is not None
    assert row.group(2) == f"{len(tested) - 1}, **1 ✕**"
    bins = re.search(r"^\| tensorflow float32 \| (.*) \|$", page, re.MULTILINE)
    assert bins is not None
    counts = [int(cell or 0) for cell in bins.group(1).split(" | ")[: len(totals.ULP_LABELS)]]
    here = [o for o in run.outcomes if (o.backend, o.dtype) == ("tensorflow", "float32") and o.compared]
    assert counts[0] == sum(o.ulp == 0 for o in here)
    assert sum(counts) == len(here)


def test_markdown_of_a_run_that_passes_names_no_test() -> None:
    page = markdown.render(facts())
    assert page.startswith("# nnspec conformance: ✓ ")
    assert "## Failures" not in page
    assert "## Deviations" not in page
    assert "LayerNorm" not in page


def test_markdown_of_many_failures_fits_into_a_comment() -> None:
    bad = [outcome(f"case {at} " + "x" * 80, message="y" * 5000) for at in range(3000)]
    page = markdown.render(facts([], *bad))
    assert len(page) < 65_536
    assert "## Failures (3,000)" in page
    assert f"* {3000 - markdown.NAMED:,} further ones of jax float64 normalization" in page


def test_nothing_in_a_name_is_read_as_markdown_or_html(run: Any) -> None:
    """Outside of code, no tag is left; every table row has as many cells as its head."""
    page = markdown.render(run)
    plain = re.sub(r"^ *(`{3,}).*?^ *\1$", "", page, flags=re.MULTILINE | re.DOTALL)
    assert HOSTILE.split()[0] in page
    assert "<script" not in re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", plain)
    cells = 0
    for line in plain.splitlines():
        if line.startswith("| --- |"):
            cells = line.count("|")
        elif line.startswith("|") and cells:
            assert len(re.findall(r"(?<!\\)\|", line)) == cells, line
        else:
            cells = 0


# -- HTML -------------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The tags of a page, the embedded data, and what would be requested."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.targets: list[str] = []
        self.data: Any = None
        self.policy = ""
        self._script: str | None = None
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self._script = given.get("type", "") if tag == "script" else None
        if tag not in ("a", "link"):
            self.targets += [value or "" for name, value in attrs if name in ("src", "href", "action", "style")]
        elif tag == "link":
            self.targets.append(given.get("href") or "")
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given.get("content") or ""

    def handle_endtag(self, tag: str) -> None:
        self._script = None

    def handle_data(self, data: str) -> None:
        if self._script == "application/json":
            self.data = json.loads(data)


def test_a_hostile_name_adds_nothing_to_the_page(run: Any) -> None:
    hostile, plain = Page(html.render(run)), Page(html.render(facts()))
    assert hostile.tags.count("script") == plain.tags.count("script") == 2
    assert hostile.tags.count("style") == 1
    assert "<b>family</b>" not in html.render(run)
    assert hostile.data["cases"][HOSTILE].count("owned") == 1
    assert HOSTILE in hostile.data["words"]["case"]
    assert hostile.targets == plain.targets == ["data:,"]


def test_the_page_allows_its_own_script_and_style_alone(run: Any) -> None:
    policy = Page(html.render(run)).policy
    assert policy.startswith("default-src 'none';")
    assert re.search(r"script-src 'sha256-[\w+/]{43}='(;|$)", policy)
    assert re.search(r"style-src 'sha256-[\w+/]{43}='(;|$)", policy)
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_page_embeds_every_outcome(run: Any) -> None:
    data = Page(html.render(run)).data
    names = ("backend", "dtype", "family", "check", "case", "status")
    for row, known in zip(data["outcomes"], run.outcomes, strict=True):
        assert [data["words"][name][at] for name, at in zip(names, row, strict=False)] == [
            getattr(known, n) for n in names
        ]
        assert float(row[6]) == known.ulp
        assert row[12] == known.message
    assert [float(x) for x in data["ulp"]["ends"]] == list(totals.ULP_BINS)
    case = data["cases"]["LayerNorm-large mean"]
    assert "kind: layer" in case
    assert "offset: 1000" in case


def test_a_report_appears_whole_or_not_at_all(tmp_path: Path, run: Any) -> None:
    odd = dataclasses.replace(run, platform="half of a pair \ud800")
    for write in (html.write, markdown.write):
        write(odd, tmp_path / "report")
        assert "half of a pair ?" in (tmp_path / "report").read_text(encoding="utf-8")
        with pytest.raises(FileError, match="does not exist"):
            write(run, tmp_path / "none" / "report")
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


@pytest.mark.slow
def test_templates_are_in_the_wheel(root: Path, tmp_path: Path) -> None:
    hatchling = pytest.importorskip("hatchling.builders.wheel", reason="the build backend is not installed")
    [built] = hatchling.WheelBuilder(str(root)).build(directory=str(tmp_path), versions=["standard"])
    names = zipfile.ZipFile(built).namelist()
    for name in ("report.html.j2", "report.css", "matrix.js", "filters.js"):
        assert f"nnspec_conformance/report/templates/{name}" in names
