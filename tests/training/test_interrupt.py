"""Runs that are really interrupted and really killed, as processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import nnspec as nn
from nnspec.training.evaluate import evaluate_run

SPEC = Path(__file__).parents[2] / "examples" / "handbook_mlp.yaml"


def start(out: Path, backend_name: str) -> subprocess.Popen[str]:
    """A long run, far into its second epoch when this returns."""
    command = [
        sys.executable,
        "-m",
        "nnspec.cli.main",
        "train",
        str(SPEC),
        "--backend",
        backend_name,
        "--out",
        str(out),
    ]
    long = ["--epochs", "100000", "--set", "training.early_stopping=null"]
    process = subprocess.Popen([*command, *long], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if (out / "metrics.jsonl").is_file() and len((out / "metrics.jsonl").read_text().splitlines()) > 2:
            return process
        time.sleep(0.05)
    output = process.communicate(timeout=1) if process.poll() is not None else ("", "no epoch within two minutes")
    process.kill()
    raise AssertionError(output)


def test_ctrl_c_leaves_a_usable_run(backend_name: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = start(out, backend_name)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "interrupted" in errors and "Traceback" not in errors
    records = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    run = nn.load(out)
    assert run.history == records and run.best_epoch is not None
    assert (out / "checkpoints" / "last.safetensors").is_file() and (out / "history.png").stat().st_size > 10_000
    assert abs(evaluate_run(out)["loss"] - run.best["val_loss"]) < 1e-4


def test_a_killed_run_can_be_opened(backend_name: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = start(out, backend_name)
    process.kill()
    process.communicate(timeout=60)
    run = nn.load(out)
    assert len(run.history) >= 2
    assert abs(evaluate_run(out)["loss"] - run.best["val_loss"]) < 1e-4
    assert not [path for path in out.rglob("*") if path.suffix == ".tmp"] or run.history
