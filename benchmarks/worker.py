"""One contender on one workload, in a process of its own that does what its parent asks.

Requests and answers are lines of JSON on standard input and output, in turn:

    {"do": "build"}                     import the framework, make the session
    {"do": "first"}                     the first step
    {"do": "calibrate", "seconds": 1}   how many steps a second, found by doubling
    {"do": "run", "steps": 100}         so many steps

Each answer holds what was found and the process's peak memory. What frameworks print goes to standard error. The
process ends with its input.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from typing import Any, TextIO, cast

from benchmarks.contenders import CONTENDERS, Build, FloatType, Session, Settings
from benchmarks.workloads import WORKLOADS


class Worker:
    """Answers requests."""

    def __init__(self, contender: str, workload: str, settings: Settings) -> None:
        self._contender = CONTENDERS[contender]
        self._workload = WORKLOADS[workload]
        self._settings = settings
        self._session: Session

    def build(self) -> dict[str, Any]:
        """Make the session. The seconds of making the random data are no one's."""
        inputs, targets = self._workload.data()
        began = time.perf_counter()
        module = importlib.import_module(f"benchmarks.contenders.{self._contender.module}")
        if hasattr(module, "load"):
            module.load(self._contender.name)
        imported = time.perf_counter()
        self._session = cast(Build, module.build)(self._contender.name, inputs, targets, self._settings)
        built = time.perf_counter()
        return {
            "parameters": self._session.parameters,
            "unit": self._session.unit,
            "seconds": {"import": imported - began, "build": built - imported},
        }

    def first(self) -> dict[str, Any]:
        began = time.perf_counter()
        loss = self._session.first()
        return {"loss": loss, "seconds": {"first": time.perf_counter() - began}}

    def run(self, steps: int) -> dict[str, Any]:
        began = time.perf_counter()
        counted = self._session.run(steps)
        return {"seconds": time.perf_counter() - began if counted is None else counted}

    def calibrate(self, seconds: float) -> dict[str, Any]:
        """Double the steps until they take as long; the last run tells the speed."""
        steps = self._session.unit
        self.run(steps)  # what is compiled for more than one step is compiled here
        while True:
            taken = self.run(steps)["seconds"]
            if taken >= seconds:
                return {"steps_per_second": steps / taken}
            doublings = 1 if taken < seconds / 16 else max(1.0, 1.2 * seconds / taken / 2)
            steps = self._session.unit * max(1, round(2 * doublings * steps / self._session.unit))


def peak_memory() -> int:
    """The largest resident size so far, in bytes."""
    # macOS counts bytes, others KiB.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def answer(worker: Worker, requests: TextIO, answers: TextIO) -> None:
    """One line for each."""
    for line in requests:
        request = json.loads(line)
        found = getattr(worker, request.pop("do"))(**request)
        answers.write(json.dumps({**found, "peak_memory": peak_memory()}) + "\n")
        answers.flush()


def main() -> None:
    contender, workload, setup, dtype, device = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what frameworks print must not be taken for an answer
    settings = Settings(WORKLOADS[workload], setup, cast(FloatType, dtype), device)
    answers.write(json.dumps({"began": time.time()}) + "\n")
    answers.flush()
    answer(Worker(contender, workload, settings), sys.stdin, answers)


if __name__ == "__main__":
    main()
