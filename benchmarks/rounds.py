"""One workload: every contender is started alone, then all take turns, round after round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from benchmarks.contenders import Contender, FloatType, Settings
from benchmarks.facts import Result
from benchmarks.process import Process, WorkerError
from benchmarks.workloads import Workload

# The shortest calibration, and its share of a round.
SHORTEST, SHARE = 0.05, 0.4


def measure(
    workload: Workload,
    contenders: Sequence[Contender],
    *,
    dtype: FloatType,
    device: str,
    rounds: int,
    seconds: float,
    say: Callable[[str], None] = lambda line: None,
) -> list[Result]:
    """A result for each contender, in their order.

    Only one process computes at a time. The order of a round is the last one's turned by one place, so that none always
    follows the same other.

    Args:
        seconds: about how long a contender works in each round; the number of steps stays the same in all of them.
        say: takes a line on how things go.
    """
    results = []
    with ExitStack() as stack:
        alive: list[tuple[Process, Result]] = []
        for contender in contenders:
            result = Result(contender.name, workload.name, dtype)
            results.append(result)
            result.reason = contender.lacks(workload)
            if result.reason is not None:
                result.status = "skipped"
                say(f"{contender.name}: skipped, {result.reason}")
                continue
            process = _fastest(contender, workload, dtype, device, seconds, result, stack)
            if process is None:
                say(f"{contender.name}: failed, {result.reason}")
                continue
            rate = result.tried[result.setup or ""]
            first = result.seconds["first"]
            say(f"{contender.name}: first step {first:.2f} s, then {rate:.1f} steps/s ({result.setup})")
            alive.append((process, result))
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            turned = number % max(1, len(alive))
            for process, result in [*alive[turned:], *alive[:turned]]:
                _round(process, result)
            alive = [(process, result) for process, result in alive if result.status == "measured"]
    return results


def _fastest(
    contender: Contender,
    workload: Workload,
    dtype: FloatType,
    device: str,
    seconds: float,
    result: Result,
    stack: ExitStack,
) -> Process | None:
    """The process of the fastest setup, started and calibrated; the others are ended. None if all fail."""
    best: tuple[float, Process, Result, ExitStack] | None = None
    for setup in contender.setups(workload):
        with ExitStack() as own:
            try:
                found, process, rate = _start(contender, Settings(workload, setup, dtype, device), seconds, own)
            except WorkerError as error:
                result.tried[setup] = str(error)
                continue
            result.tried[setup] = rate
            if best is None or rate > best[0]:
                if best is not None:
                    best[3].close()
                best = (rate, process, found, own.pop_all())
    if best is None:
        result.status, result.reason = "failed", "\n".join(map(str, result.tried.values()))
        return None
    rate, process, found, own = best
    stack.callback(own.close)
    result.setup, result.parameters, result.loss = found.setup, found.parameters, found.loss
    result.seconds, result.steps, result.peak_memory = found.seconds, found.steps, found.peak_memory
    return process


def _start(contender: Contender, settings: Settings, seconds: float, stack: ExitStack) -> tuple[Result, Process, float]:
    """A process with its first step done, and its steps per second."""
    process = stack.enter_context(Process(contender, settings))
    built = process.ask("build")
    first = process.ask("first")
    calibrated = process.ask("calibrate", seconds=max(SHORTEST, SHARE * seconds))
    rate, unit = calibrated["steps_per_second"], built["unit"]
    result = Result(contender.name, settings.workload.name, settings.dtype, setup=settings.setup)
    result.parameters, result.loss = built["parameters"], first["loss"]
    result.seconds = {"start": process.start, **built["seconds"], **first["seconds"]}
    result.steps = unit * max(1, round(seconds * rate / unit))
    result.peak_memory = calibrated["peak_memory"]
    return result, process, rate


def _round(process: Process, result: Result) -> None:
    try:
        found = process.ask("run", steps=result.steps)
    except WorkerError as error:
        result.status, result.reason = "failed", str(error)
        return
    result.rounds.append(found["seconds"])
    result.peak_memory = max(result.peak_memory, found["peak_memory"])
