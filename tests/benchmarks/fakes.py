"""Stand-ins: a worker that answers at once, and the facts of a run that never was."""

from __future__ import annotations

from typing import Any, ClassVar

from benchmarks.contenders import Contender, Settings
from benchmarks.facts import Facts, Result
from benchmarks.process import WorkerError


class FakeProcess:
    """A worker whose steps take as long as ``speeds`` says, and which fails where ``failing`` says.

    Attributes:
        log: (contender, setup, request) of all workers, in order.
        open: workers that have not been closed.
    """

    speeds: ClassVar[dict[tuple[str, str], float]] = {}
    failing: ClassVar[dict[tuple[str, str], str]] = {}
    log: ClassVar[list[tuple[str, str, str]]] = []
    open: ClassVar[set[tuple[str, str]]] = set()

    start = 0.25

    def __init__(self, contender: Contender, settings: Settings) -> None:
        self.key = (contender.name, settings.setup)
        self.open.add(self.key)

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        self.log.append((*self.key, do))
        if self.failing.get(self.key) == do:
            raise WorkerError(f"{self.key[0]} broke in {do}")
        speed = self.speeds.get(self.key, 100.0)
        answers: dict[str, dict[str, Any]] = {
            "build": {"parameters": 7, "unit": 4, "seconds": {"import": 1.0, "build": 0.5}},
            "first": {"loss": 2.5, "seconds": {"first": 3.0}},
            "calibrate": {"steps_per_second": speed},
            "run": {"seconds": arguments.get("steps", 0) / speed},
        }
        return {**answers[do], "peak_memory": 1000 + len(self.log)}

    def __enter__(self) -> FakeProcess:
        return self

    def __exit__(self, *_: Any) -> None:
        self.open.discard(self.key)


def result(contender: str, rounds: list[float], **fields: Any) -> Result:
    """A measured result of 100 steps a round on the workload "mlp"."""
    seconds = {"start": 0.1, "import": 1.0, "build": 0.5, "first": 2.0}
    made = Result(contender, "mlp", "float32", setup="only", tried={"only": 1.0}, parameters=7, loss=2.5)
    made.seconds, made.steps, made.rounds, made.peak_memory = seconds, 100, rounds, 500_000_000
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def facts() -> Facts:
    """Six contenders on one workload: one skipped, one failed."""
    return Facts(
        started="2030-01-02T03:04:05+00:00",
        settings={"rounds": 3, "seconds": 2.0, "dtypes": ["float32"], "device": "cpu", "contenders": []},
        machine={"processor": "Abacus 3000", "cores": 2, "platform": "Linux", "load": 0.1},
        versions={"python": "3.11.0", "jax": "0.10.2"},
        limits={"float32": {"jax": 300.0, "torch": 400.0, "copy": 12.5}},
        workloads={"mlp": {"title": "an MLP", "kind": "training", "batch": 128, "flops": 400_000_000}},
        results=[
            result("nnspec-jax", [0.1, 0.2, 0.1]),
            result("nnspec-tensorflow", [0.2, 0.2, 0.25]),
            result("keras-tensorflow", [0.5, 0.8, 0.5], tried={"fit": 10.0, "only": 20.0}),
            result("jax", [0.2, 0.2, 0.4]),
            result("torch", [], status="failed", reason="torch: ended with status 1\nTraceback <b>"),
            result("torch-compile", [], status="skipped", reason="needs a C++ compiler"),
        ],
    )
