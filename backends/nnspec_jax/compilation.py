"""How models are compiled, and how long it takes, by what JAX itself reports.

XLA for CPUs has two weak spots where a model convolves:

* In the body of a loop its convolutions run on one thread, many times slower. Updates are called one by one there.
* jaxlib 0.10 hands convolutions to a library (YNNPACK) that takes two to seven times as long as XLA's own for training
  (26×26×32 to 64 channels, batch 128). Matrix products and sums, which it makes faster, stay with it. Later versions
  need none of this.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import jax
import jaxlib.version

from nnspec.model import Model

# Tracing, lowering to StableHLO, compiling by XLA (or loading from the compilation cache).
_EVENTS = "/jax/core/compile/"


def loops_well(model: Model, platform: str) -> bool:
    """Whether many updates of a model in one compiled loop are no slower than one by one."""
    return platform != "cpu" or not model.convolves


def compiler_options(model: Model, platform: str) -> dict[str, Any] | None:
    """What XLA is told for functions of a model, beside what its flags say."""
    if platform == "cpu" and jaxlib.version.__version_info__[:2] == (0, 10) and model.convolves:
        return {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_DOT,LIBRARY_FUSION_TYPE_REDUCE"}
    return None


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
