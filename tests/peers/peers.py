"""The peers, and what their tests need."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from tests.peers.outcome import Outcome
from tests.peers.subjects import Subject


@dataclass(frozen=True)
class Peer:
    """One project whose cases are run.

    Attributes:
        module: the module here that knows its cases: ``operators``, ``judge`` and ``without_counterpart``.
        package: what has to be installed for it; empty where its cases stand here.
    """

    title: str
    module: str
    package: str = ""

    @property
    def missing(self) -> str | None:
        """Why its cases cannot run here, or None."""
        needed = [self.package, "tensorflow"] if self.package == "keras" else [self.package]
        lacking = [name for name in needed if name and importlib.util.find_spec(name) is None]
        return f"{' and '.join(lacking)} is not installed" if lacking else None

    @property
    def version(self) -> str:
        return version(self.package) if self.package else ""

    @property
    def cases(self) -> Any:
        """The module that knows the cases."""
        return importlib.import_module(self.module)

    def outcomes(self, subject: Subject) -> tuple[Outcome, ...]:
        """What becomes of all cases on a subject."""
        return tuple(o for operator in self.cases.operators() for o in judged(self, operator, subject))


@cache
def judged(peer: Peer, operator: str, subject: Subject) -> tuple[Outcome, ...]:
    """The cases of one operator on a subject, run once in a process."""
    if peer.package == "keras":
        start_keras()
    return tuple(peer.cases.judge(operator, subject))


def start_keras() -> None:
    """TensorFlow as the backend starts it: without its log on the terminal, and Keras on top of it."""
    from nnspec import backends

    backends.backend("tensorflow")


PEERS = {
    "onnx": Peer("ONNX", "tests.peers.onnx_cases", "onnx"),
    "keras": Peer("Keras", "tests.peers.keras_cases", "keras"),
    "optax": Peer("Optax", "tests.peers.optax_cases", "optax"),
    "random123": Peer("Random123", "tests.peers.random123_cases"),
}
