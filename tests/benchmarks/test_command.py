"""``python -m benchmarks``: what it writes, and what it says to mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks import __main__ as command, facts as kept, rounds
from tests.benchmarks.fakes import FakeProcess, facts


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workload", "mlp,mpl"], "unknown workload mpl; known are: mlp, mlp32,"),
        (["--contender", "caffe"], "unknown contender caffe; known are: nnspec-jax,"),
        (["--dtype", "float8"], "unknown dtype float8; known are: float32, bfloat16"),
        (["--device", "tpu"], "unknown device tpu; known are: cpu, gpu"),
        (["--rounds", "0"], "Invalid value for '--rounds'"),
        (["--from", "no-such-file.json"], "no-such-file.json holds no facts"),
        (["--json", "no/such/place/facts.json"], "no directory no/such/place"),
    ],
)
def test_mistakes(arguments: list[str], message: str) -> None:
    done = CliRunner(env={"COLUMNS": "400", "NO_COLOR": "1"}).invoke(command.app, arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.output.replace("│", " ").split())


def test_list() -> None:
    done = CliRunner().invoke(command.app, ["--list", "--workload", "gpt", "--contender", "torch"])
    assert done.exit_code == 0
    assert done.output.split("\n")[1].split()[0] == "gpt"
    assert "PyTorch, eager" in done.output
    assert "mlp" not in done.output


def test_report_from_facts(tmp_path: Path) -> None:
    """Facts of before are reported on, and a failure in them is the exit status."""
    facts().write(tmp_path / "facts.json")
    done = CliRunner().invoke(command.app, ["--from", f"{tmp_path}/facts.json", "--markdown", f"{tmp_path}/tables.md"])
    assert done.exit_code == 1
    assert (tmp_path / "tables.md").read_text(encoding="utf-8") in done.output
    assert "5.00× (4.00–5.00)" in done.output


def test_facts_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every contender, every workload and the settings are in the file, whatever became of them."""
    monkeypatch.setattr(rounds, "Process", FakeProcess)
    monkeypatch.setattr(FakeProcess, "failing", {("torch", "eager"): "first"})
    monkeypatch.setattr(command.limits, "measured", lambda name, dtype, device: 5.0 if name == "copy" else None)
    monkeypatch.setattr("benchmarks.contenders.Contender.lacks", lambda self, _: "no" if self.name == "jax" else None)
    arguments = ["--workload", "mlp,lstm", "--contender", "nnspec-jax,jax,torch", "--rounds", "2", "--device", "cpu"]
    done = CliRunner().invoke(command.app, [*arguments, "--json", f"{tmp_path}/facts.json"])
    assert done.exit_code == 1
    found = kept.read(tmp_path / "facts.json")
    assert [(r.workload, r.contender, r.status, len(r.rounds)) for r in found.results] == [
        (workload, *rest)
        for workload in ("mlp", "lstm")
        for rest in (("nnspec-jax", "measured", 2), ("jax", "skipped", 0), ("torch", "failed", 0))
    ]
    assert found.settings["rounds"] == 2
    assert found.limits == {"float32": {"copy": 5.0}}
    assert found.workloads["lstm"]["batch"] == 32
    assert "torch broke in first" in done.output


@pytest.mark.slow
@pytest.mark.jax
def test_tiny_run(root: Path, tmp_path: Path) -> None:
    """The whole of it, in processes of their own."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks", "--workload", "mlp", "--contender", "nnspec-jax,jax"),
            *("--rounds", "2", "--seconds", "0.1", "--device", "cpu", "--json", str(tmp_path / "facts.json")),
        ],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    held = json.loads((tmp_path / "facts.json").read_text(encoding="utf-8"))
    assert [(r["contender"], r["status"], len(r["rounds"])) for r in held["results"]] == [
        ("nnspec-jax", "measured", 2),
        ("jax", "measured", 2),
    ]
    for result in held["results"]:
        # 784·512 + 512·256 + 256·128 + 128·10 products, ten biases, and scale and bias of 512 + 256 + 128 features.
        assert result["parameters"] == 568_330
        assert 2.0 < result["loss"] < 3.2  # ln 10 = 2.3 and what the random start adds
        assert all(seconds > 0 for seconds in result["rounds"])
    assert held["limits"]["float32"]["jax"] > 0
    assert "nnspec on JAX" in done.stdout
