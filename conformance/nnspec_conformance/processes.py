"""Runs the suite in several processes, each of which works on one family at a time."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType

from nnspec_conformance import run
from nnspec_conformance.outcome import Outcome, died
from nnspec_conformance.suite import Item

# A process that has started so many tests is replaced by a fresh one between families: TensorFlow never frees what XLA
# has compiled, and a process that holds too many programs crashes (on Linux, beyond ``vm.max_map_count`` mappings).
LIFETIME = 1500


@dataclass
class _Worker:
    """A process, what it was given, and how far it has come."""

    process: BaseProcess
    link: Connection
    unit: list[Item] = field(default_factory=list)
    done: int = 0
    lifetime: int = 0


def outcomes(
    plan: run.Plan, items: Sequence[Item], jobs: int, compilations: dict[str, int] | None = None
) -> Generator[Outcome]:
    """What became of each test, in the order in which they end; ``compilations`` are added up by backend.

    A process that dies is an outcome of the test that it was at, and the rest goes on in a new one. Nothing is left
    running when the iteration is given up.
    """
    waiting = sorted(run.units(items), key=len)  # the largest is taken first, from the end
    context = multiprocessing.get_context("spawn")  # frameworks do not survive a fork
    counts = {} if compilations is None else compilations
    workers: list[_Worker] = []
    try:
        while waiting or workers:
            while waiting and len(workers) < jobs:
                workers.append(_started(context, plan, _work))
                _give(workers[-1], waiting)
            for link in wait([worker.link for worker in workers]):
                worker = next(worker for worker in workers if worker.link is link)
                try:
                    answer = worker.link.recv()
                except (EOFError, OSError):
                    worker.process.join()
                    workers.remove(worker)
                    if worker.done < len(worker.unit):
                        yield died(worker.unit[worker.done], worker.process.exitcode)
                        waiting.append(worker.unit[worker.done + 1 :])
                        waiting[:] = [unit for unit in waiting if unit]
                    continue
                if isinstance(answer, Outcome):
                    worker.done += 1
                    yield answer
                    continue
                for name, count in answer.items():
                    counts[name] = counts.get(name, 0) + count
                if waiting and worker.lifetime < LIFETIME:
                    _give(worker, waiting)
                else:
                    with contextlib.suppress(OSError):
                        worker.link.send(None)
                    workers.remove(worker)
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.join()


def _started(
    context: multiprocessing.context.SpawnContext, plan: run.Plan, work: Callable[[run.Plan, Connection], None]
) -> _Worker:
    here, there = context.Pipe()
    process = context.Process(target=work, args=(plan, there), daemon=True)
    with _no_interrupt():
        process.start()
    there.close()  # so that its end here sees the end of the process
    return _Worker(process, here)


@contextlib.contextmanager
def _no_interrupt() -> Iterator[None]:
    """Ctrl-C reaches all processes of a terminal; those that are started here leave it to this one.

    This one heeds it when what it starts has been given all that it reads at first: else that ends with a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):  # not a POSIX system
        yield
        return
    resource_tracker.ensure_running()  # where it is started first, it ends the blocking
    # Blocking alone does not spare this thread: the signal may reach another one, and Python handles it here.
    heeded = signal.getsignal(signal.SIGINT)
    waits = callable(heeded) and threading.current_thread() is threading.main_thread()
    came: list[tuple[int, FrameType | None]] = []
    if waits:
        signal.signal(signal.SIGINT, lambda *given: came.append(given))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if waits:
            signal.signal(signal.SIGINT, heeded)
    if came and callable(heeded):
        heeded(*came[0])


def _give(worker: _Worker, waiting: list[list[Item]]) -> None:
    worker.unit, worker.done = waiting.pop(), 0
    worker.lifetime += len(worker.unit)
    with contextlib.suppress(OSError):  # it has just died, which its link tells next
        worker.link.send([item.id for item in worker.unit])


def _work(plan: run.Plan, link: Connection) -> None:
    """The process: takes the ids of a family's tests, gives an outcome for each, then what it compiled."""
    by_id = {item.id: item for item in plan.items()}
    with contextlib.suppress(EOFError, KeyboardInterrupt, BrokenPipeError):
        while (ids := link.recv()) is not None:
            bench = run.Bench(plan.device, [by_id[name] for name in ids])
            for name in ids:
                link.send(bench.settle(by_id[name]))
            link.send(bench.compilations)
            bench.close()


class Attendant:
    """Runs tests one by one, as they are given, in a process of its own that is replaced between families.

    Args:
        items: those that may be given.
    """

    def __init__(self, plan: run.Plan, items: Sequence[Item]) -> None:
        self._plan = plan
        self._ids = [item.id for item in items]
        self._worker: _Worker | None = None
        self._unit: tuple[str, str] | None = None

    def settle(self, item: Item) -> Outcome:
        """What becomes of a test; if its process dies, that is its outcome."""
        if self._worker is None or (self._unit != run.unit(item) and self._worker.lifetime >= LIFETIME):
            self.close()
            self._worker = _started(multiprocessing.get_context("spawn"), self._plan, _attend)
            self._worker.link.send(self._ids)
        self._unit = run.unit(item)
        self._worker.lifetime += 1
        try:
            self._worker.link.send(item.id)
            outcome = self._worker.link.recv()
        except (EOFError, OSError):
            self._worker.process.join()
            status, self._worker = self._worker.process.exitcode, None
            return died(item, status)
        assert isinstance(outcome, Outcome)
        return outcome

    def close(self) -> None:
        """End the process."""
        if self._worker is not None:
            self._worker.process.kill()
            self._worker.process.join()
            self._worker.link.close()
            self._worker = None


def _attend(plan: run.Plan, link: Connection) -> None:
    """The process: takes the ids of all tests, then one at a time, and gives its outcome."""
    by_id = {item.id: item for item in plan.items()}
    with contextlib.suppress(EOFError, KeyboardInterrupt, BrokenPipeError):
        bench = run.Bench(plan.device, [by_id[name] for name in link.recv()])
        while True:
            link.send(bench.settle(by_id[link.recv()]))
