"""The facts of a run: through JSON and back, and their summary."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest

from nnspec.errors import FileError
from nnspec_conformance import facts, summary
from nnspec_conformance.deviations import Deviation
from nnspec_conformance.facts import Facts, Place
from nnspec_conformance.outcome import STATUSES, Outcome
from nnspec_conformance.result import Figure

DEVIATION = Deviation("jax", "forward", "GELU", ("float64",), "nature", "a reason", "https://example.org/1")


def outcome(status: str = "passed", **changes: object) -> Outcome:
    figures = (Figure("y", math.inf, 0.25, 12.5, 0.125, 0.5, "element [3]: nan instead of 1"),)
    made = Outcome(
        "jax",
        "float64",
        "activation",
        "forward",
        f"GELU-{status}",
        status,
        ("GELU",),
        figures,
        3,
        12.5,
        0.7,
        0.5,
        "why",
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def run(*outcomes: Outcome) -> Facts:
    places = (Place("jax", {"jax": "0.1"}, ("cpu:0",)), Place("mine", {}, ("gpu:0", "gpu:1"), "gpu:1"))
    return Facts(
        "nnspec conformance", "2026-01-02T03:04:05+00:00", 61.5, places, outcomes, {"jax": 7}, {"GELU": {"a": 1}}
    )


def test_through_json_and_back(tmp_path: Path) -> None:
    found = run(*(outcome(status, deviation=DEVIATION) for status in STATUSES))
    facts.write(found, tmp_path / "facts.json")
    assert facts.read(tmp_path / "facts.json") == found


def test_json_has_no_infinities(tmp_path: Path) -> None:
    facts.write(run(outcome(ulp=math.nan)), tmp_path / "facts.json")
    text = (tmp_path / "facts.json").read_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_an_outcome_as_a_line() -> None:
    made = outcome("deviation", deviation=DEVIATION)
    assert facts.decode(facts.encode(made)) == made
    assert "\n" not in facts.encode(made)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no facts"),
        ("[]", "no facts"),
        ("{}", "no facts"),
        ('{"nnspec_conformance": 2}', "format 2"),
        ('{"nnspec_conformance": 1, "outcomes": [{}]}', "no facts"),
        ('{"nnspec_conformance": 1, "outcomes": [], "places": [], "surprise": 1}', "no facts"),
    ],
)
def test_other_files_are_refused(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_text(text)
    with pytest.raises(FileError, match=why):
        facts.read(path)


@pytest.mark.parametrize("status", STATUSES)
def test_what_lets_a_run_pass(status: str) -> None:
    found = run(outcome(), outcome(status))
    assert found.passed is (status in ("passed", "deviation", "not implemented"))


def test_the_summary_counts_everything_once() -> None:
    found = run(*(outcome(status) for status in STATUSES), outcome(case="another", nearness=0.9, ulp=20.0))
    text = "\n".join(summary.lines(found))
    (row,) = [line for line in text.splitlines() if line.startswith("jax  ")]
    #                      passed failed deviating lacking nearest median bit-equal
    assert row.split()[3:] == ["2", "3", "1", "1", "90.0%", "12.5", "50%"]
    assert "7 tests in 1 min 2 s" in text and "2 passed" in text and "1 not implemented" in text
    assert "jax: jax 0.1; on cpu:0" in text and "mine: ; on gpu:1" in text
    assert "7 compilations: 7 on jax" in text
