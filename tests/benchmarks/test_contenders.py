"""All contenders train the same network: the counts of their parameters are those counted by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.process import environment
from benchmarks.workloads import WORKLOADS

COUNTS = {
    # Kernels, ten biases, scale and bias of each norm.
    "mlp": 784 * 512 + 512 * 256 + 256 * 128 + 128 * 10 + 10 + 2 * (512 + 256 + 128),
    "cnn": (9 + 1) * 32 + (9 * 32 + 1) * 64 + (12 * 12 * 64 + 1) * 128 + (128 + 1) * 10,
    "lstm": 5000 * 128 + (128 + 128 + 1) * 4 * 128 + (128 + 1) * 2,
    # Tables; four projections, two dense and two norms a block; the last norm and the head.
    "transformer": (1000 + 128) * 128 + 2 * (4 * 129 * 128 + 129 * 512 + 513 * 128 + 4 * 128) + 2 * 128 + 129 * 2,
    "gpt": (1000 + 128) * 256 + 4 * (4 * 257 * 256 + 257 * 1024 + 1025 * 256 + 4 * 256) + 2 * 256 + 257 * 1000,
    # Convolutions and a scale and bias for each of their features.
    "resnet": (27 + 2) * 16
    + (9 * 16 + 2 + 9 * 16 + 2) * 16
    + (9 * 16 + 2 + 9 * 32 + 2 + 16 + 2) * 32
    + (9 * 32 + 2 + 9 * 64 + 2 + 32 + 2) * 64
    + (64 + 1) * 10,
}
BUILD = """
import dataclasses, importlib, json, sys
from benchmarks.contenders import CONTENDERS, Settings
from benchmarks.workloads import WORKLOADS

contender = CONTENDERS[sys.argv[1]]
build = importlib.import_module(f"benchmarks.contenders.{contender.module}").build
counts = {}
for name in sys.argv[2:]:
    workload = dataclasses.replace(WORKLOADS[name], batch=2, steps=1)
    settings = Settings(workload, contender.setups(workload)[-1], "float32", "cpu")
    counts[name] = build(contender.name, *workload.data(), settings).parameters
print(json.dumps(counts))
"""


@pytest.mark.slow
@pytest.mark.parametrize("contender", CONTENDERS.values(), ids=lambda contender: contender.name)
def test_parameters(contender: Contender, root: Path, tmp_path: Path) -> None:
    names = [name for name, workload in WORKLOADS.items() if contender.setups(workload)]
    reason = contender.lacks(WORKLOADS[names[0]])
    if reason is not None:
        pytest.skip(f"{contender.name}: {reason}")
    done = subprocess.run(
        [sys.executable, "-c", BUILD, contender.name, *names],
        cwd=root,
        env=environment(contender, "cpu", str(tmp_path)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    networks = {name: next(known for known in COUNTS if _same(name, known)) for name in names}
    assert found == {name: COUNTS[network] for name, network in networks.items()}


def _same(name: str, known: str) -> bool:
    return WORKLOADS[name].network == WORKLOADS[known].network


def test_counts_are_known() -> None:
    """The well-known example for MNIST has 1,199,882 parameters; every network is counted."""
    assert COUNTS["cnn"] == 1_199_882
    assert all(any(_same(name, known) for known in COUNTS) for name in WORKLOADS)
