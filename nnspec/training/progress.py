"""Progress of a run: a bar on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress, TaskID

_BOOKKEEPING = ("epoch", "step", "seconds", "compile_seconds", "examples_per_second", "grad_norm")
# What compiling took is said where it is noticed.
_NOTICED = 0.05


class Progress(Protocol):
    """What the trainer tells while it works."""

    def start(self, epochs: int, steps: int) -> None: ...
    def update(self, epoch: int, step: int, values: Mapping[str, float]) -> None: ...
    def epoch(self, record: Mapping[str, float], note: str) -> None: ...
    def stop(self) -> None: ...


class Silent:
    """Says nothing."""

    def start(self, epochs: int, steps: int) -> None: ...
    def update(self, epoch: int, step: int, values: Mapping[str, float]) -> None: ...
    def epoch(self, record: Mapping[str, float], note: str) -> None: ...
    def stop(self) -> None: ...


def number(value: float) -> str:
    """Four significant digits, without noise: ``0.9815``, ``3.142e-05``."""
    return f"{value:.4g}"


def line(record: Mapping[str, float], epochs: int, note: str) -> str:
    """One epoch as one line."""
    width = len(str(epochs))
    parts = [f"epoch {int(record['epoch']):>{width}}/{epochs}"]
    parts += [f"{name} {number(value)}" for name, value in record.items() if name not in _BOOKKEEPING]
    parts.append(f"{record['examples_per_second']:,.0f} examples/s")
    if record.get("compile_seconds", 0.0) >= _NOTICED:
        parts.append(f"compiled in {record['compile_seconds']:.1f} s")
    return "  ".join(parts) + (f"  {note}" if note else "")


class Lines:
    """A line per epoch, for logs and pipes."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.epochs = 0

    def start(self, epochs: int, steps: int) -> None:
        self.epochs = epochs

    def update(self, epoch: int, step: int, values: Mapping[str, float]) -> None: ...

    def epoch(self, record: Mapping[str, float], note: str) -> None:
        print(line(record, self.epochs, note), file=self.stream, flush=True)

    def stop(self) -> None: ...


class Bar:
    """A Rich progress bar over all updates: loss, metrics, learning rate, steps per second and the time left."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(stderr=True)
        self.epochs = 0
        self.steps = 0
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def start(self, epochs: int, steps: int) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.epochs, self.steps = epochs, steps
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[values]}"),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        )
        self._task = self._bar.add_task("train", total=epochs * steps, epoch=1, epochs=epochs, values="", speed="")
        self._bar.start()

    def update(self, epoch: int, step: int, values: Mapping[str, float]) -> None:
        if self._bar is None or self._task is None:
            return
        self._bar.update(self._task, completed=(epoch - 1) * self.steps + step, epoch=epoch)
        speed = self._bar.tasks[0].speed
        self._bar.update(
            self._task,
            values="  ".join(f"{n} {number(v)}" for n, v in values.items() if n not in _BOOKKEEPING),
            speed=f"{speed:,.0f} steps/s" if speed else "",
        )

    def epoch(self, record: Mapping[str, float], note: str) -> None:
        self.console.print(line(record, self.epochs, note), highlight=False, soft_wrap=True)

    def stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()


def choose(progress: bool | Progress) -> Progress:
    """The bar on a terminal, lines elsewhere; ``False`` is silent, and an object of one's own is taken as it is."""
    if not isinstance(progress, bool):
        return progress
    if not progress:
        return Silent()
    return Bar() if sys.stderr.isatty() else Lines()
