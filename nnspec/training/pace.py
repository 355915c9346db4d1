"""How many updates one compiled call makes, and how long compiling took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from nnspec.backends import Engine

# One compiled call lasts about this long: short enough that Ctrl-C is prompt, long enough that calls cost nothing. A
# call's memory is the system's before and after it: on CPUs, a call of one update of a transformer takes 170 ms where
# one of many takes 90 ms for each.
CALL_SECONDS = 1.0


class Pace:
    """How many updates one compiled call makes, from how long the calls before it took."""

    def __init__(self) -> None:
        self.updates = 1
        self._calls = 0

    @contextmanager
    def measure(self, updates: int) -> Iterator[None]:
        began = time.perf_counter()
        yield
        seconds = time.perf_counter() - began
        self._calls += 1
        if self._calls == 1:
            return  # compiled first
        self.updates = max(1, min(round(CALL_SECONDS * updates / max(seconds, 1e-9)), 4 * self.updates, 100_000))


def compile_seconds(engine: Engine) -> float:
    """How long an engine has compiled so far; 0 for one that does not say."""
    return float(getattr(engine, "compile_seconds", 0.0))
