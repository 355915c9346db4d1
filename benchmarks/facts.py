"""What a run found, as data: versions, machine, settings, all raw times. The JSON file holds just this."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any, Literal

from benchmarks.workloads import Workload

FORMAT = 1
PACKAGES = ("nnspec", "jax", "jaxlib", "flax", "optax", "tensorflow", "keras", "torch", "numpy")


@dataclass
class Result:
    """One contender on one workload in one dtype.

    Attributes:
        status: "measured", "skipped" (``reason`` says why it cannot do it here) or "failed" (``reason`` is the error).
        setup: the fastest of its setups, which is the one that was measured.
        tried: steps per second of each setup in its calibration, or why it gave none.
        parameters: how many numbers are trained.
        loss: of the first step, before any update.
        seconds: until Python ran ("start"), to import the framework ("import"), to make model, optimizer and data on
            the device ("build"), and of the first step ("first").
        steps: in each round.
        rounds: the seconds of each round's steps, in the order of the rounds.
        peak_memory: the process's largest resident size in bytes, at the end.
    """

    contender: str
    workload: str
    dtype: str
    status: Literal["measured", "skipped", "failed"] = "measured"
    reason: str | None = None
    setup: str | None = None
    tried: dict[str, float | str] = field(default_factory=dict)
    parameters: int | None = None
    loss: float | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    steps: int = 0
    rounds: list[float] = field(default_factory=list)
    peak_memory: int = 0

    @property
    def rates(self) -> list[float]:
        """Steps per second in each round."""
        return [self.steps / seconds for seconds in self.rounds]

    @property
    def rate(self) -> float:
        """The median of the rounds' steps per second."""
        return median(self.rates)


@dataclass
class Facts:
    """A whole run.

    Attributes:
        settings: the options of the run.
        machine: processor, cores, memory, operating system, load average at the start.
        versions: of Python and of the packages that are installed.
        limits: by dtype and framework the GFLOP/s of a large matrix product, and under "copy" the memory's GB/s.
        workloads: name -> title, kind, batch and FLOPs of a step.
    """

    started: str
    settings: dict[str, Any]
    machine: dict[str, Any]
    versions: dict[str, str]
    limits: dict[str, dict[str, float]] = field(default_factory=dict)
    workloads: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    format: int = FORMAT

    def of(self, workload: str, dtype: str) -> list[Result]:
        """The results of one workload."""
        return [r for r in self.results if (r.workload, r.dtype) == (workload, dtype)]

    def limit(self, dtype: str) -> float | None:
        """The most FLOP/s that any framework reached in a large matrix product."""
        found = [value for name, value in self.limits.get(dtype, {}).items() if name != "copy"]
        return 1e9 * max(found) if found else None

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> Facts:
    """Facts from a file.

    Raises:
        ValueError: it is not such a file.
    """
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        if held["format"] != FORMAT:
            raise ValueError(f"{path} has format {held['format']}, and this version reads {FORMAT}")
        return Facts(**{**held, "results": [Result(**result) for result in held["results"]]})
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} holds no facts of a benchmark: {error}") from error


def begin(settings: dict[str, Any]) -> Facts:
    """Facts without results."""
    return Facts(datetime.now(UTC).isoformat(timespec="seconds"), settings, machine(), versions())


def describe(workload: Workload) -> dict[str, Any]:
    """What the report says of a workload."""
    return {"title": workload.title, "kind": workload.kind, "batch": workload.batch, "flops": workload.flops()}


def versions() -> dict[str, str]:
    """Versions of what computes, found without importing it."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """The hardware and how busy it is."""
    made: dict[str, Any] = {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "platform": platform.platform(),
        "load": round(os.getloadavg()[0], 2),
    }
    gpus = gpu_names()
    return made | ({"gpus": gpus} if gpus else {})


def gpu_names() -> list[str]:
    """NVIDIA's GPUs of this machine."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, check=False
        )
    except OSError:
        return []
    return done.stdout.strip().splitlines() if done.returncode == 0 else []


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
