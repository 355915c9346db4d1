"""``nnspec conformance``: what it prints, writes and refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnspec.cli.main import run
from nnspec_conformance import facts

pytestmark = pytest.mark.jax
JAX = ["conformance", "--backend", "jax", "--dtype", "float64"]


def test_a_run_that_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {name: tmp_path / f"found.{name}" for name in ("json", "markdown", "report")}
    options = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    assert run([*JAX, "-k", "schedules and Cosine", *options]) == 0
    out, err = capsys.readouterr()
    found = facts.read(files["json"])
    assert found.passed and len(found.outcomes) > 5
    assert {o.family for o in found.outcomes} == {"schedules"} and all(
        "cosine" in o.case.lower() for o in found.outcomes
    )
    assert set(found.cases) == {o.case for o in found.outcomes}
    chosen = {"dtypes": ["float64"], "extent": "standard", "expression": "schedules and Cosine", "device": None}
    assert found.selection == chosen
    count = len(found.outcomes)
    assert f"{count} tests" in out and f"{count} passed" in out and "jax float64" in " ".join(out.split())
    assert f"[{count}/{count}] float64 schedules" in err
    assert files["report"].read_text().startswith("<!doctype html>") and "schedules" in files["markdown"].read_text()


def test_a_run_that_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference with a mistake stands for a backend with one."""
    from nnspec.reference import schedules

    right = schedules.value
    monkeypatch.setattr(schedules, "value", lambda spec, step, scale=1.0: right(spec, step, scale) * (1 + 1e-9))
    path = tmp_path / "found.json"
    assert run([*JAX, "-k", "StepDecay", "--json", str(path)]) == 1
    out, err = capsys.readouterr()
    found = facts.read(path)
    wrong = [o for o in found.outcomes if not o.good]
    assert wrong and all(o.check == "schedule" and o.status == "failed" and "rate" in o.message for o in wrong)
    assert f"FAILED {wrong[0].id}" in err and f"{len(wrong)} failed" in out


def test_tests_are_listed_and_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["conformance", "-b", "jax", "--list", "-k", "LayerNorm and (forward or kinks)"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines and all("LayerNorm" in line and "-forward-" in line for line in lines)
    assert {line.split("-")[1] for line in lines} == {"float64", "float32"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--backend", "jx"], "unknown backend 'jx'; did you mean 'jax'?"),
        (["--dtype", "float16,float46"], "--dtype float46: the suite knows"),
        (["--device", "gpu:7"], "has no device 'gpu:7': cpu:0"),
        (["-k", "jax and"], "a word is missing at the end"),
        (["-k", "no_such_test"], "no test matches -k 'no_such_test'"),
        (["--quick", "--all"], "--quick and --all exclude each other"),
        (["--record", "here", "--against", "there"], "--record and --against exclude each other"),
        (["--fuzz", "1", "--replay", "case.yaml"], "--fuzz and --replay exclude each other"),
        (["--report", "no/such/folder/report.html"], "there is no folder no/such/folder"),
        (["--json", "."], ". is a folder; a report is a file"),
        (["--replay", "missing.yaml"], "missing.yaml"),
        (["--against", "missing"], "there is no directory missing"),
        (["--jobs", "0"], "--jobs"),
        (["--fuzz", "-1"], "--fuzz"),
    ],
)
def test_mistakes(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    given = arguments if "--backend" in arguments else ["--backend", "jax", *arguments]
    assert run(["conformance", *given]) == 2
    out, err = capsys.readouterr()
    assert message in err and "Traceback" not in err and not out
    assert not list(tmp_path.iterdir())


def test_a_report_that_cannot_be_written_is_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.access
    # Root may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path and real(path, mode))
    assert run([*JAX, "--json", str(tmp_path / "found.json")]) == 2
    out, err = capsys.readouterr()
    assert "no permission to write" in err and not out


def test_pytest_finds_the_same(tmp_path: Path) -> None:
    """The plug-in in a process of its own, divided by pytest-xdist where that is installed."""
    path = tmp_path / "found.json"
    options = ["--backend", "jax", "--dtype", "float64", "-k", "schedules and Cosine", "--json", str(path)]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--pyargs",
        "nnspec_conformance",
        *options,
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    mine = tmp_path / "mine.json"
    assert run([*JAX, "-k", "schedules and Cosine", "--json", str(mine)]) == 0

    def of(path: Path) -> list[tuple[object, ...]]:
        outcomes = json.loads(path.read_text())["outcomes"]
        return sorted((o["id"], o["status"], o["ulp"], o["compared"]) for o in outcomes)

    assert of(path) == of(mine)


@pytest.mark.slow
def test_pytest_leaves_the_process_of_a_long_run_behind(tmp_path: Path) -> None:
    """What runs the suite's tests apart from pytest has ended when tests of something else begin."""
    (tmp_path / "conftest.py").write_text(
        "from nnspec_conformance import processes\n"
        "processes.LIFETIME, processes.begun, start = 3, [], processes._started\n"
        "processes._started = lambda *given: processes.begun.append(given) or start(*given)\n"
    )
    (tmp_path / "test_others.py").write_text(
        "import multiprocessing\n"
        "from nnspec_conformance import processes\n"
        "def test_nothing_is_left():\n"
        "    assert processes.begun and not multiprocessing.active_children()\n"
    )
    chosen = ["--backend", "jax", "--dtype", "float64", "-k", "(schedules and Cosine) or nothing_is_left"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "nnspec_conformance"]
    done = subprocess.run(
        [*command, "test_others.py", *chosen], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
