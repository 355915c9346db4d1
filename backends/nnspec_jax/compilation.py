"""How long compiling takes, by what JAX itself reports."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import jax

# Tracing, lowering to StableHLO, compiling by XLA (or loading from the compilation cache).
_EVENTS = "/jax/core/compile/"


class Stopwatch:
    """Adds up the time in which this thread traces, lowers and compiles.

    Attributes:
        seconds: the sum so far.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Within, what is compiled is counted."""
        spans: list[tuple[float, float]] = []
        thread = threading.get_ident()

        def listen(event: str, start: float, end: float, **about: Any) -> None:
            if event.startswith(_EVENTS) and threading.get_ident() == thread:
                spans.append((start, end))

        jax.monitoring.register_event_time_span_listener(listen)
        try:
            yield
        finally:
            jax.monitoring.unregister_event_time_span_listener(listen)
            self.seconds += covered(spans)


def covered(spans: list[tuple[float, float]]) -> float:
    """The length of the union of spans of time: a function that is traced within another is counted once."""
    total, last = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, last))
        last = max(last, end)
    return total


def timed(method: Callable[..., Any]) -> Callable[..., Any]:
    """Run a method of something with a Stopwatch called ``compiling`` under that stopwatch."""

    @wraps(method)
    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        with self.compiling.running():
            return method(self, *args, **kwargs)

    return counted
